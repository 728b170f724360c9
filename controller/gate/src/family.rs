//! The error budget of a rollout, and evidence of several classes or metrics together.
//!
//! The mean of e-values is an e-value however they depend on each other (V. Vovk and R. Wang,
//! "E-values: calibration, combination and applications", Annals of Statistics 49, 2021).

use crate::hypergeometric::ln_sum_exp;

/// Chance that a harmless rollout is ever stopped by statistics, in millionths.
pub const BUDGET_PPM: u32 = 10_000;

/// What evidence is about; each has a part of the budget of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Hosts that rebooted unasked.
    Reboots,
    /// Boots that failed.
    Boots,
    /// Errors of applications.
    Errors,
    /// Performance.
    Performance,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Reboots, Self::Boots, Self::Errors, Self::Performance];

    /// Its part of the budget, in percent.
    #[must_use]
    pub const fn percent(self) -> u32 {
        match self {
            Self::Reboots => 30,
            Self::Boots => 20,
            Self::Errors | Self::Performance => 25,
        }
    }

    /// Its chance of a false stop, if the rollout's is `total`.
    #[must_use]
    pub fn alpha(self, total: f64) -> f64 {
        total * f64::from(self.percent()) / 100.0
    }
}

/// ln of the mean of e-values that are given in logarithms; 0, no evidence, for none.
#[must_use]
pub fn ln_mean(each: &[f64]) -> f64 {
    if each.is_empty() {
        return 0.0;
    }
    ln_sum_exp(each.iter().copied()) - (each.len() as f64).ln()
}

/// What the members of a family say together.
#[derive(Debug, Clone, PartialEq)]
pub struct Together {
    /// ln of the e-value of all.
    pub ln_value: f64,
    /// Whether that is enough to stop.
    pub stops: bool,
    /// The members, by index, whose own evidence is enough to stop all: `K / α`, with `K`
    /// members. May be empty although all together are enough; then none can be named.
    pub named: Vec<usize>,
}

/// Combines e-values, given in logarithms, of the members of a family with error `alpha`.
#[must_use]
pub fn combine(each: &[f64], alpha: f64) -> Together {
    let ln_value = ln_mean(each);
    let enough = (each.len() as f64 / alpha).ln();
    let named = each.iter().enumerate().filter(|(_, ln)| **ln >= enough).map(|(at, _)| at);
    Together { ln_value, stops: ln_value >= -alpha.ln(), named: named.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_parts_make_the_whole() {
        assert_eq!(Family::ALL.iter().map(|family| family.percent()).sum::<u32>(), 100);
        assert!((Family::Reboots.alpha(0.01) - 0.003).abs() < 1e-15);
    }

    #[test]
    fn one_strong_member_stops_all_and_is_named() {
        let alpha: f64 = 0.01;
        let strong = (3.0 / alpha).ln();
        let all = combine(&[0.0, strong, f64::NEG_INFINITY], alpha);
        assert!(all.stops);
        assert_eq!(all.named, [1]);
        let weaker = combine(&[f64::NEG_INFINITY, strong - 0.01, f64::NEG_INFINITY], alpha);
        assert!(!weaker.stops && weaker.named.is_empty());
        // Together enough, though nobody alone is.
        let common = combine(&[strong - 0.5; 3], alpha);
        assert!(common.stops && common.named.is_empty());
        assert!(!combine(&[], alpha).stops);
    }

    proptest! {
        #[test]
        fn whoever_is_named_stops_all(each in prop::collection::vec(-50.0..50.0_f64, 1..20)) {
            let all = combine(&each, 0.003);
            prop_assert!(all.named.is_empty() || all.stops);
            let most = each.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(all.ln_value <= most + 1e-9);
        }
    }
}
