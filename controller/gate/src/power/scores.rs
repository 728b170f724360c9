//! The smallest shift of a score that a comparison of two groups of hosts can find.

use crate::hypergeometric::ln_choose;

/// Errors that a comparison is planned for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Errors {
    /// Chance of a false alarm, one-sided, of all tests together.
    pub alpha: f64,
    /// Tests that share it, each with the same part (Bonferroni).
    pub tests: u32,
    /// Chance of finding the effect.
    pub power: f64,
}

impl Errors {
    /// Of one test.
    #[must_use]
    pub fn each(&self) -> f64 {
        self.alpha / f64::from(self.tests.max(1))
    }
}

/// Whether a rank test of so many canaries and controls can reach its level at all: the most
/// extreme of the `C(n + m, n)` orders must be rare enough.
#[must_use]
pub fn can_judge(canaries: u64, controls: u64, errors: &Errors) -> bool {
    // Exactly as rare as the level will do, whatever the last digit says.
    canaries > 0 && -ln_choose(canaries + controls, canaries) <= errors.each().ln() + 1e-9
}

/// The smallest shift that is found, in units of `sd`, the standard deviation of the score
/// between boots of one host: (z₁₋α + z_power) · sd · √(1/n + 1/m), the two-sample z formula (for
/// example J. Lachin, "Introduction to sample size determination and power analysis for clinical
/// trials", Controlled Clinical Trials 2, 1981). None if no outcome could be significant.
#[must_use]
pub fn smallest_shift(sd: f64, canaries: u64, controls: u64, errors: &Errors) -> Option<f64> {
    if !can_judge(canaries, controls, errors) {
        return None;
    }
    let z = normal_quantile(1.0 - errors.each()) + normal_quantile(errors.power);
    Some(z * sd * (1.0 / canaries as f64 + 1.0 / controls as f64).sqrt())
}

/// The fewest canaries that find a shift against so many controls; none up to 10,000.
#[must_use]
pub fn canaries_for(shift: f64, sd: f64, controls: u64, errors: &Errors) -> Option<u64> {
    let finds = |n: u64| smallest_shift(sd, n, controls, errors).is_some_and(|s| s <= shift);
    let (mut low, mut high) = (0, 10_000);
    if !finds(high) {
        return None;
    }
    while high - low > 1 {
        let middle = (low + high) / 2;
        if finds(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

/// The quantile of the standard normal distribution for 0 < p < 1: M. Wichura, "Algorithm AS
/// 241: the percentage points of the normal distribution", Applied Statistics 37, 1988, in its
/// short form, PPND7: seven digits.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        let top =
            ((59.109_374_720 * r + 159.291_132_02) * r + 50.434_271_938) * r + 3.387_132_718_1;
        let bottom = ((67.187_563_600 * r + 78.757_757_664) * r + 17.895_169_469) * r + 1.0;
        return q * top / bottom;
    }
    let r = (-p.min(1.0 - p).ln()).sqrt();
    let value = if r <= 5.0 {
        let r = r - 1.6;
        let top =
            ((0.170_238_210_3 * r + 1.306_728_481_6) * r + 2.756_815_390_0) * r + 1.423_437_277_7;
        let bottom = (0.120_211_329_75 * r + 0.737_001_642_50) * r + 1.0;
        top / bottom
    } else {
        let r = r - 5.0;
        let top = ((0.017_337_203_997 * r + 0.428_682_943_37) * r + 3.081_226_386_0) * r
            + 6.657_905_115_0;
        let bottom = (0.012_258_202_635 * r + 0.241_978_942_25) * r + 1.0;
        top / bottom
    };
    if q < 0.0 { -value } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Errors = Errors { alpha: 0.01, tests: 1, power: 0.9 };

    #[test]
    fn the_quantile_is_the_normal_ones() {
        // scipy.stats.norm.ppf
        for (p, z) in [
            (0.5, 0.0),
            (0.9, 1.281_551_565_5),
            (0.99, 2.326_347_874_0),
            (0.999_937_5, 3.836_106_931),
            (0.01, -2.326_347_874_0),
            (1e-12, -7.034_483_825),
        ] {
            assert!((normal_quantile(p) - z).abs() < 2e-6, "{p}: {}", normal_quantile(p));
        }
    }

    #[test]
    fn the_table_of_smallest_shifts() {
        // n canaries, 10 n controls; in percent, for standard deviations in percent.
        for (sd, shifts) in [
            (0.1, [0.22, 0.17, 0.12, 0.08, 0.05]),
            (0.5, [1.1, 0.85, 0.60, 0.42, 0.27]),
            (1.0, [2.2, 1.7, 1.2, 0.85, 0.54]),
            (2.0, [4.4, 3.4, 2.4, 1.7, 1.1]),
            (3.0, [6.6, 5.1, 3.6, 2.5, 1.6]),
        ] {
            for (n, shift) in [3, 5, 10, 20, 50].into_iter().zip(shifts) {
                let found = smallest_shift(sd, n, 10 * n, &ONE).unwrap();
                assert!((found / shift - 1.0).abs() < 0.08, "{sd} {n}: {found} {shift}");
            }
        }
        let factor = |tests| {
            let many = Errors { tests, ..ONE };
            smallest_shift(1.0, 20, 200, &many).unwrap()
                / smallest_shift(1.0, 20, 200, &ONE).unwrap()
        };
        assert!((factor(20) - 1.27).abs() < 0.01 && (factor(160) - 1.42).abs() < 0.01);
    }

    #[test]
    fn too_few_hosts_find_nothing_however_large() {
        // C(11, 3) = 165, C(12, 3) = 220; with 8 controls 1/165 does, with 160 tests it does not.
        assert!(can_judge(3, 8, &ONE) && !can_judge(1, 98, &ONE) && can_judge(1, 99, &ONE));
        assert!(!can_judge(3, 8, &Errors { tests: 160, ..ONE }));
        assert!(!can_judge(0, 1_000, &ONE) && !can_judge(5, 0, &ONE));
        assert_eq!(smallest_shift(1.0, 2, 8, &ONE), None);
    }

    #[test]
    fn the_canaries_for_a_shift_find_it_and_one_fewer_do_not() {
        for shift in [0.5, 1.0, 2.0] {
            let n = canaries_for(shift, 1.0, 100, &ONE).unwrap();
            assert!(smallest_shift(1.0, n, 100, &ONE).unwrap() <= shift);
            assert!(smallest_shift(1.0, n - 1, 100, &ONE).is_none_or(|s| s > shift));
        }
        assert_eq!(canaries_for(0.01, 1.0, 100, &ONE), None);
    }
}
