//! Which reboot-rate ratio an exposure can find.

use crate::hypergeometric::{ln_gamma, ln_sum_exp};
use crate::reboots::evidence::ODDS;

/// The chance of finding an effect that everything here is worked out for.
const WANTED: f64 = 0.9;

/// Host-days of the two arms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exposure {
    /// Of hosts on the new kernel.
    pub canary_days: f64,
    /// Of hosts on the old one.
    pub control_days: f64,
}

/// How two counts are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// The exact conditional binomial test (J. Przyborowski and H. Wilenski, "Homogeneity of
    /// results in testing samples from Poisson series", Biometrika 31, 1940), looked at once.
    Binomial,
    /// The e-process over [`ODDS`], counted at its end: what this gate finds at least.
    Sequential,
}

impl Test {
    /// Whether `x1` events in canaries and `x0` in controls are significant.
    fn rejects(self, x1: u64, x0: u64, share: f64, alpha: f64) -> bool {
        let n = x1 + x0;
        match self {
            Self::Binomial => binomial_tail(x1, n, share) <= alpha,
            Self::Sequential => {
                let term =
                    |odds: f64| x1 as f64 * odds.ln() - n as f64 * (share * (odds - 1.0)).ln_1p();
                ln_sum_exp(ODDS.iter().map(|&odds| term(odds))) - (ODDS.len() as f64).ln()
                    >= -alpha.ln()
            }
        }
    }
}

/// Chance that the test finds a rate `ratio` times the base, at `rate` events per host-day.
#[must_use]
pub fn power(test: Test, exposure: &Exposure, rate: f64, ratio: f64, alpha: f64) -> f64 {
    let share = exposure.canary_days / (exposure.canary_days + exposure.control_days);
    let (m1, m0) = (rate * ratio * exposure.canary_days, rate * exposure.control_days);
    let spread = 8.0 * m0.sqrt() + 10.0;
    let (from, to) = ((m0 - spread).max(0.0) as u64, (m0 + spread) as u64);
    // The more controls fail, the more canaries must.
    let (mut needed, mut below, mut sum) = (0_u64, 0.0, 0.0);
    for x0 in from..=to {
        while !test.rejects(needed, x0, share, alpha) && below < 1.0 - 1e-12 {
            below += poisson(needed, m1);
            needed += 1;
        }
        sum += poisson(x0, m0) * (1.0 - below);
    }
    sum.clamp(0.0, 1.0)
}

/// The smallest rate ratio that is found with 90 % chance, or none up to 10,000.
#[must_use]
pub fn smallest_ratio(test: Test, exposure: &Exposure, rate: f64, alpha: f64) -> Option<f64> {
    let usable = exposure.canary_days > 0.0 && exposure.control_days > 0.0 && rate > 0.0;
    let found = |ratio: f64| power(test, exposure, rate, ratio, alpha) >= WANTED;
    let (mut low, mut high) = (1.0_f64, 10_000.0_f64);
    if !usable || !found(high) {
        return None;
    }
    while high / low > 1.005 {
        let middle = (low * high).sqrt();
        if found(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

/// The canary-days that it takes to find a rate `ratio` times the base with 90 % chance, with
/// `controls` control-days for each; none up to a million.
#[must_use]
pub fn days_for(test: Test, ratio: f64, controls: f64, rate: f64, alpha: f64) -> Option<f64> {
    let finds = |days: f64| {
        let exposure = Exposure { canary_days: days, control_days: days * controls };
        power(test, &exposure, rate, ratio, alpha) >= WANTED
    };
    if rate.is_nan() || rate <= 0.0 {
        return None;
    }
    // From below: large exposures take long to work out.
    let (mut low, mut high) = (1e-3_f64, 2e-3_f64);
    while !finds(high) {
        (low, high) = (high, 2.0 * high);
        if high > 1e6 {
            return None;
        }
    }
    while high / low > 1.005 {
        let middle = (low * high).sqrt();
        if finds(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

/// The ratio that this gate finds at 90 %, at the rate that was seen; none if nothing failed.
#[must_use]
pub fn detectable_ratio(exposure: &Exposure, failed: u64, alpha: f64) -> Option<f64> {
    let days = exposure.canary_days + exposure.control_days;
    let rate = if days > 0.0 { failed as f64 / days } else { 0.0 };
    smallest_ratio(Test::Sequential, exposure, rate, alpha)
}

fn poisson(count: u64, mean: f64) -> f64 {
    if mean <= 0.0 {
        return if count == 0 { 1.0 } else { 0.0 };
    }
    let k = count as f64;
    (k * mean.ln() - mean - ln_gamma(k + 1.0)).exp()
}

/// Probability of `x` or more of `n` at `share`.
fn binomial_tail(x: u64, n: u64, share: f64) -> f64 {
    let term = |k: u64| {
        let (k, n) = (k as f64, n as f64);
        let choose = ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0);
        (choose + k * share.ln() + (n - k) * (-share).ln_1p()).exp()
    };
    let mut sum = 0.0;
    for k in x..=n {
        let more = term(k);
        sum += more;
        // Beyond the middle the terms only fall.
        if k as f64 > share * n as f64 && more < sum * 1e-13 {
            break;
        }
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 5,000 hosts: 40 canaries, then 1, 5 and 25 % more, a day each, added up.
    const STAGES: [(f64, f64); 4] = [(40.0, 1.0), (130.0, 2.0), (470.0, 3.0), (2_060.0, 4.0)];

    fn found(test: Test, mtbf: f64, (canary_days, days): (f64, f64)) -> f64 {
        let exposure = Exposure { canary_days, control_days: 5_000.0 * days - canary_days };
        smallest_ratio(test, &exposure, 1.0 / mtbf, 0.01).unwrap()
    }

    #[test]
    fn the_table_of_ratios() {
        for (mtbf, ratios) in [
            (90.0, [14.0, 6.5, 3.4, 2.2]),
            (365.0, [38.0, 16.0, 7.5, 3.9]),
            (1_000.0, [102.0, 38.0, 14.0, 7.0]),
        ] {
            for (stage, ratio) in STAGES.into_iter().zip(ratios) {
                let binomial = found(Test::Binomial, mtbf, stage);
                assert!((binomial / ratio - 1.0).abs() < 0.22, "{mtbf} {stage:?}: {binomial}");
                // Looking at every failure costs something, but not much.
                let sequential = found(Test::Sequential, mtbf, stage);
                assert!(sequential < 2.0 * binomial, "{mtbf} {stage:?}: {sequential} {binomial}");
            }
        }
    }

    #[test]
    fn the_table_of_days() {
        for (ratio, days) in [(2.0, 8_476.0), (3.0, 2_689.0), (5.0, 937.0), (10.0, 315.0)] {
            let found = days_for(Test::Binomial, ratio, 9.0, 1.0 / 365.0, 0.01).unwrap();
            assert!((found / days - 1.0).abs() < 0.25, "{ratio}: {found}");
        }
    }

    #[test]
    fn nothing_is_found_without_exposure_or_failures() {
        let none = Exposure { canary_days: 0.0, control_days: 100.0 };
        assert_eq!(smallest_ratio(Test::Sequential, &none, 0.01, 0.01), None);
        let some = Exposure { canary_days: 10.0, control_days: 100.0 };
        assert_eq!(detectable_ratio(&some, 0, 0.01), None);
        assert_eq!(days_for(Test::Binomial, 2.0, 9.0, 0.0, 0.01), None);
    }

    #[test]
    fn under_no_change_the_chance_is_at_most_alpha() {
        for (canary_days, days) in STAGES {
            let exposure = Exposure { canary_days, control_days: 5_000.0 * days - canary_days };
            for test in [Test::Binomial, Test::Sequential] {
                let chance = power(test, &exposure, 1.0 / 90.0, 1.0, 0.01);
                assert!(chance <= 0.01, "{test:?} {canary_days}: {chance}");
            }
        }
    }
}
