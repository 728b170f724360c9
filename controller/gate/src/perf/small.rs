//! Classes so small that no rank test can reach the level wanted.
//!
//! Five canaries and four controls can be arranged in 126 ways, so that no rank test says less
//! than 0.8 %. There Student's t test (with the pooled variance) stands in, but only if every
//! canary is worse than every control: whatever the noise looks like, that happens by chance in
//! one of those arrangements only. The t test's level assumes normal scores; the bound does not.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::ranksum::ln_choose;

/// Arrangements below which not even this is said.
const ARRANGEMENTS_LEAST: f64 = 50.0;
/// Standard deviation below which scores are no longer told apart: half a thousandth.
const DEVIATION_LEAST: f64 = 0.0005;

/// The smallest p-value that a rank test of these sizes can have.
#[must_use]
pub fn least_p(n: usize, m: usize) -> f64 {
    (-ln_choose(n + m, n)).exp()
}

/// Difference of means, its standard error, and degrees of freedom.
struct Student {
    shift: f64,
    error: f64,
    freedom: f64,
}

impl Student {
    fn of(high: &[f64], low: &[f64]) -> Option<Self> {
        let (n, m) = (high.len() as f64, low.len() as f64);
        if high.len() < 3 || low.len() < 3 {
            return None;
        }
        let mean = |s: &[f64]| s.iter().sum::<f64>() / s.len() as f64;
        let (a, b) = (mean(high), mean(low));
        let squares: f64 = high.iter().map(|v| (v - a).powi(2)).sum::<f64>()
            + low.iter().map(|v| (v - b).powi(2)).sum::<f64>();
        let freedom = n + m - 2.0;
        let sd = (squares / freedom).sqrt().max(DEVIATION_LEAST);
        Some(Self { shift: a - b, error: sd * (1.0 / n + 1.0 / m).sqrt(), freedom })
    }
}

/// Evidence that `high` (sorted) is shifted up against `low` (sorted); 1 unless they are apart.
#[must_use]
pub fn upper(high: &[f64], low: &[f64]) -> f64 {
    let apart = match (high.first(), low.last()) {
        (Some(least), Some(most)) => least > most,
        _ => false,
    };
    if !apart || ln_choose(high.len() + low.len(), high.len()) < ARRANGEMENTS_LEAST.ln() {
        return 1.0;
    }
    let Some(student) = Student::of(high, low) else { return 1.0 };
    StudentsT::new(0.0, 1.0, student.freedom)
        .map_or(1.0, |t| t.sf(student.shift / student.error))
        .clamp(f64::MIN_POSITIVE, 1.0)
}

/// Lower bound of the shift at this level, by the same test.
#[must_use]
pub fn lower_bound(high: &[f64], low: &[f64], level: f64) -> Option<f64> {
    let student = Student::of(high, low)?;
    let t = StudentsT::new(0.0, 1.0, student.freedom).ok()?;
    Some(student.shift - t.inverse_cdf(1.0 - level) * student.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_scipy() {
        // scipy 1.17.1: stats.ttest_ind(a, b, alternative="greater").pvalue
        let a = [1.04, 1.05, 1.06, 1.051, 1.049];
        let b = [1.0, 1.001, 1.002, 0.999];
        let mut high = a.to_vec();
        high.sort_by(f64::total_cmp);
        let mut low = b.to_vec();
        low.sort_by(f64::total_cmp);
        let p = upper(&high, &low);
        assert!((p - TTEST).abs() < 1e-9 * TTEST, "{p:e}");
    }

    const TTEST: f64 = 1.3879484248139461e-06;

    #[test]
    fn says_nothing_unless_all_are_apart() {
        assert_eq!(upper(&[1.0, 2.0, 3.0, 4.0], &[0.0, 0.0, 0.0, 1.0]), 1.0);
        assert_eq!(upper(&[5.0, 5.0, 5.0], &[0.0, 0.0, 0.1]), 1.0);
        assert_eq!(upper(&[], &[]), 1.0);
    }
}
