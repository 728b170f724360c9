//! What a median does not see: a longer tail, a wider spread, samples beyond the usual.

use serde::Serialize;

use super::robust::{quantile, sorted};

/// Samples per phase below which a host has no shape.
const SAMPLES_LEAST: usize = 20;
/// Samples per phase from which the tail is the 99th percentile. With fewer no quantile stands for
/// the slowest 5 %: there the tail is the mean of the slowest tenth.
const SAMPLES_FOR_P99: usize = 100;
/// How many parts the slowest is one of.
const TENTH: usize = 10;
/// A spread of nothing, in units of harm: keeps logarithms finite.
const NO_SPREAD: f64 = 1e-6;

/// Which side of the distribution a test looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// log(p99 / p50) after against before; with few samples the mean of the slowest tenth stands
    /// for p99.
    Tail,
    /// log of the interquartile range after against before.
    Spread,
    /// Share of samples above the host's p99 before, the change of the median taken out.
    Beyond,
    /// The same, p99 − p50, of what is left when each slot's level, and the host's before, are taken out.
    ChangeTail,
    /// log of the interquartile range of the same.
    ChangeSpread,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Tail, Self::Spread, Self::Beyond, Self::ChangeTail, Self::ChangeSpread];

    /// A change up to this is nobody's concern: 5 % of the tail, 10 % of the spread, half a
    /// percentage point of the samples.
    pub(crate) fn tolerated(self) -> f64 {
        match self {
            Self::Tail | Self::ChangeTail => 0.05_f64.ln_1p(),
            Self::Spread | Self::ChangeSpread => 0.10_f64.ln_1p(),
            Self::Beyond => 0.005,
        }
    }

    /// In words.
    #[must_use]
    pub fn says(self) -> &'static str {
        match self {
            Self::Tail => "the tail (the slowest samples against the median) is longer",
            Self::Spread => "values spread wider",
            Self::Beyond => "more samples lie beyond what was usual",
            Self::ChangeTail => "the tail of slot-by-slot changes is longer",
            Self::ChangeSpread => "slot-by-slot changes spread wider",
        }
    }
}

/// A host's shapes, in the order of [`Shape::ALL`]; larger is worse.
pub(crate) type Shapes = [f64; 5];

/// From the samples of both phases as harm, and the residuals of the comparison.
pub(crate) fn host_shapes(before: &[f64], after: &[f64], residual: &[f64]) -> Option<Shapes> {
    let least = before.len().min(after.len()).min(residual.len());
    if least < SAMPLES_LEAST {
        return None;
    }
    let many = least >= SAMPLES_FOR_P99;
    let (before, after, residual) = (sorted(before), sorted(after), sorted(residual));
    let quantile_tail = |s: &[f64], q: f64| quantile(s, q) - quantile(s, 0.5);
    let tail = |s: &[f64]| {
        if many { quantile_tail(s, 0.99) } else { slowest_tenth(s) - quantile(s, 0.5) }
    };
    let spread = |s: &[f64]| (quantile(s, 0.75) - quantile(s, 0.25) + NO_SPREAD).ln();
    let usual = quantile_tail(&before, if many { 0.99 } else { 0.95 });
    let beyond = |s: &[f64]| {
        let bound = quantile(s, 0.5) + usual;
        (s.len() - s.partition_point(|&v| v <= bound)) as f64 / s.len() as f64
    };
    Some([
        tail(&after) - tail(&before),
        spread(&after) - spread(&before),
        beyond(&after) - beyond(&before),
        tail(&residual),
        spread(&residual),
    ])
}

/// Mean of the slowest tenth of a sorted sample, at least two of them: every one of them moves it,
/// and two that change places between phases do not.
fn slowest_tenth(sorted: &[f64]) -> f64 {
    let count = sorted.len().div_ceil(TENTH).max(2).min(sorted.len());
    sorted[sorted.len() - count..].iter().sum::<f64>() / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(n: usize) -> Vec<f64> {
        (0..n).map(|i| i as f64 / n as f64).collect()
    }

    #[test]
    fn sees_a_tail_that_the_median_does_not() {
        let before = ramp(200);
        let mut after = before.clone();
        for value in &mut after[190..] {
            *value += 2.0_f64.ln();
        }
        let residual: Vec<f64> = after.iter().zip(&before).map(|(a, b)| a - b).collect();
        let shapes = host_shapes(&before, &after, &residual).unwrap();
        assert!(shapes[0] > 0.5 && shapes[2] > 0.03 && shapes[3] > 0.5, "{shapes:?}");
        assert!(shapes[1].abs() < 1e-9);
    }

    #[test]
    fn sees_the_slowest_twentieth_double_however_few_samples() {
        for n in [20, 39, 40, 60, 99] {
            let before = ramp(n);
            let mut after = before.clone();
            for value in &mut after[n - n / 20..] {
                *value += 2.0_f64.ln();
            }
            let residual: Vec<f64> = after.iter().zip(&before).map(|(a, b)| a - b).collect();
            let shapes = host_shapes(&before, &after, &residual).unwrap();
            let tolerated = Shape::Tail.tolerated();
            assert!(shapes[0] > 3.0 * tolerated && shapes[3] > 3.0 * tolerated, "{n}: {shapes:?}");
        }
    }

    #[test]
    fn few_samples_have_no_shape_and_constants_a_finite_one() {
        assert_eq!(host_shapes(&ramp(19), &ramp(500), &ramp(500)), None);
        let flat = vec![1.0; 50];
        assert!(host_shapes(&flat, &flat, &flat).unwrap().iter().all(|v| v.is_finite()));
    }
}
