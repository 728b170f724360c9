//! Boots that fail: is the new kernel worse than the class's own history?
//!
//! Only some share `p` of boots ever fails, and history tells it roughly: `p` has a beta
//! distribution with the failed and good boots of the class, and a few boots of prior experience.
//! The new kernel may multiply the odds. The evidence is the ratio of the two probabilities of
//! what was seen, each averaged over what `p` may be, and over odds of 2 to 64. It is a test
//! martingale under "as before", so it may be looked at after every boot; a short history makes
//! it slow to accuse, not quick. (Bayes factors as e-values: P. Grünwald, R. de Heide and
//! W. Koolen, "Safe testing", Journal of the Royal Statistical Society B 86, 2024.)

use crate::hypergeometric::ln_sum_exp;
use crate::interval::share_ppm;
use crate::reboots::evidence::ODDS;

/// Experience that every class begins with: one failed boot in 200.
const PRIOR: (f64, f64) = (1.0, 199.0);
/// Points of `p` that are averaged over, at most.
const POINTS: f64 = 20_000.0;
/// So many failures among the first boots of a class stop it, whatever its history.
pub const EARLY_FAILURES: usize = 2;
/// How many boots are the first ones.
pub const EARLY_BOOTS: usize = 10;

/// Boots of a class on the kernels before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct History {
    /// All of them.
    pub boots: u64,
    /// Those that failed; at most all.
    pub failed: u64,
}

/// What is said of the boots of a class.
#[derive(Debug, Clone, PartialEq)]
pub enum Boots {
    /// Two of the first ten failed, at the boot with this number (from 1).
    FailedEarly {
        /// How many boots it took.
        boots: usize,
    },
    /// Too many for chance.
    Failed {
        /// How many boots it took.
        boots: usize,
        /// The odds against chance then.
        evidence: f64,
    },
    /// The share of boots that fail is bounded.
    Passed {
        /// The upper end of its 95 % interval, in millionths.
        at_most_ppm: u64,
    },
    /// Neither.
    Open {
        /// The odds against chance.
        evidence: f64,
        /// The upper end of the share's 95 % interval, in millionths.
        at_most_ppm: u64,
    },
}

/// Judges boots in the order in which they were tried, `true` for one that failed. `alpha` is the
/// chance of ever accusing a kernel that boots as those before did; a share of failing boots of
/// up to `bearable_ppm` millionths passes.
#[must_use]
pub fn judge(history: History, failed: &[bool], alpha: f64, bearable_ppm: u64) -> Boots {
    let mut evidence = 1.0;
    let mut bad = 0;
    for (at, failure) in failed.iter().enumerate() {
        if !failure {
            continue;
        }
        bad += 1;
        // The evidence only grows at failures.
        evidence = ln_evidence(history, at as u64 + 1, bad).exp();
        if bad as usize >= EARLY_FAILURES && at < EARLY_BOOTS {
            return Boots::FailedEarly { boots: at + 1 };
        }
        if evidence * alpha >= 1.0 {
            return Boots::Failed { boots: at + 1, evidence };
        }
    }
    let boots = failed.len() as u64;
    let at_most_ppm = share_ppm(bad, boots).1;
    if at_most_ppm <= bearable_ppm {
        return Boots::Passed { at_most_ppm };
    }
    if boots > 0 {
        evidence = ln_evidence(history, boots, bad).exp();
    }
    Boots::Open { evidence, at_most_ppm }
}

/// ln of the e-value after `boots` boots of which `failed` failed.
#[must_use]
pub fn ln_evidence(history: History, boots: u64, failed: u64) -> f64 {
    let good = (boots.saturating_sub(failed)) as f64;
    let bad = failed as f64;
    let a = PRIOR.0 + history.failed as f64;
    let b = PRIOR.1 + history.boots.saturating_sub(history.failed) as f64;
    let points: Vec<(f64, f64, f64)> = logits(a, b, bad, good)
        .map(|logit| (logit, -(-logit).exp().ln_1p(), -logit.exp().ln_1p()))
        .collect();
    let seen = |ln_odds: f64| {
        ln_sum_exp(points.iter().map(|&(logit, ln_p, ln_q)| {
            // With the odds times θ: p' = θp/(θp+q), q' = q/(θp+q).
            let ln_total = -(ln_odds + logit).exp().ln_1p();
            a * ln_p + b * ln_q + bad * (ln_odds + logit + ln_total) + good * ln_total
        }))
    };
    let before = seen(0.0);
    ln_sum_exp(ODDS.iter().map(|odds| seen(odds.ln()) - before)) - (ODDS.len() as f64).ln()
}

/// Logits of `p`, evenly spaced, over all of the weight that a beta distribution has with or
/// without what was seen, and close enough for the narrower of the two.
fn logits(a: f64, b: f64, bad: f64, good: f64) -> impl Iterator<Item = f64> {
    let (middle, spread) = ((a / b).ln(), (1.0 / a + 1.0 / b).sqrt());
    let narrow = (1.0 / (a + bad) + 1.0 / (b + good)).sqrt();
    // The lower tail falls as exp(-a·distance), the odds shift by ln 64 at most.
    let (low, high) = (middle - 25.0 * spread - 6.0, middle + 12.0 * spread + 6.0);
    let count = ((high - low) / (narrow / 2.0).min(0.1)).ceil().min(POINTS);
    let step = (high - low) / count;
    (0..count as u32).map(move |k| low + (f64::from(k) + 0.5) * step)
}

#[cfg(test)]
#[path = "boots_tests.rs"]
mod tests;
