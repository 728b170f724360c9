//! Errors and requests of a host, and when it has gone bad.

use crate::hypergeometric::ln_gamma;
use crate::reboots::Arm;

/// A host is bad if so many errors would come about less often than this at twice the rate of
/// the middle host.
const BAD_LEVEL: f64 = 1e-3;
/// The rate of the middle host is multiplied by this first.
const BEARABLE: f64 = 2.0;

/// What a host counted in one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Slot {
    /// Errors.
    pub errors: u64,
    /// Requests, the failed ones included.
    pub requests: u64,
}

/// One host over all slots; a slot without data is zero requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostCounts {
    /// Which kernel it runs.
    pub arm: Arm,
    /// The same slots for every host, in order.
    pub slots: Vec<Slot>,
}

impl HostCounts {
    /// The sum up to and including a slot.
    #[must_use]
    pub fn until(&self, slot: usize) -> Slot {
        self.slots.iter().take(slot + 1).fold(Slot::default(), |sum, one| Slot {
            errors: sum.errors + one.errors,
            requests: sum.requests + one.requests,
        })
    }
}

/// The error rate of a host as a number to rank: ln((errors + ½) / (requests + ½)). The halves
/// keep it finite and are the usual correction of an empirical logit (J. Haldane, "The
/// estimation and significance of the logarithm of a ratio of frequencies", Annals of Human
/// Genetics 20, 1956).
#[must_use]
pub fn score(counts: Slot) -> f64 {
    ((counts.errors as f64 + 0.5) / (counts.requests as f64 + 0.5)).ln()
}

/// The error rate of the middle host with requests, of either arm: labels play no part.
#[must_use]
pub fn middle_rate(sums: &[Slot]) -> f64 {
    let mut rates: Vec<f64> = sums
        .iter()
        .filter(|sum| sum.requests > 0)
        .map(|sum| sum.errors as f64 / sum.requests as f64)
        .collect();
    rates.sort_unstable_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(0.0)
}

/// Whether a host with this sum is bad, where the middle host has `rate`: more errors than
/// chance gives at twice that rate. Where the middle host has none, any error is too many.
#[must_use]
pub fn is_bad(sum: Slot, rate: f64) -> bool {
    let mean = BEARABLE * rate * sum.requests as f64;
    sum.errors > 0 && poisson_tail(sum.errors, mean) < BAD_LEVEL
}

/// Probability of `count` or more at this mean.
fn poisson_tail(count: u64, mean: f64) -> f64 {
    if mean <= 0.0 {
        return if count == 0 { 1.0 } else { 0.0 };
    }
    let term = |k: u64| (k as f64 * mean.ln() - mean - ln_gamma(k as f64 + 1.0)).exp();
    if (count as f64) < mean {
        // More than half: never below the level.
        return 1.0;
    }
    let mut sum = 0.0;
    for k in count.. {
        let more = term(k);
        sum += more;
        if more <= sum * 1e-12 {
            break;
        }
    }
    sum
}
