//! How many canaries are among hosts that failed together, if the labels were dealt at random:
//! the hypergeometric law, and Fisher's noncentral one if a canary fails more easily.
//!
//! Fisher's noncentral law: R. A. Fisher, "The logic of inductive inference", Journal of the
//! Royal Statistical Society 98, 1935. In logarithms throughout: counts go to many thousands.

use std::ops::RangeInclusive;

/// ln Γ(x) for x > 0, by Lanczos' series with g = 7 and nine terms (C. Lanczos, "A precision
/// approximation of the gamma function", SIAM Journal on Numerical Analysis 1, 1964; the usual
/// double precision coefficients): about 15 digits.
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        // Reflection.
        return (std::f64::consts::PI / (std::f64::consts::PI * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let start = 0.999_999_999_999_809_9;
    let sum = TERMS.iter().zip(1_u32..).fold(start, |sum, (c, k)| sum + c / (x + f64::from(k)));
    let t = x + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// ln of the number of ways to choose `k` of `n`; −∞ if `k > n`.
#[must_use]
pub fn ln_choose(n: u64, k: u64) -> f64 {
    if k > n {
        return f64::NEG_INFINITY;
    }
    if k == 0 || k == n {
        return 0.0;
    }
    let (n, k) = (n as f64, k as f64);
    ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0)
}

/// ln Σ exp(x), without overflow; −∞ for nothing.
#[must_use]
pub fn ln_sum_exp(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let most = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        return most;
    }
    most + terms.map(|term| (term - most).exp()).sum::<f64>().ln()
}

/// Some hosts fail together, out of canaries and controls that were all at risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// Canaries at risk.
    pub canaries: u64,
    /// Controls at risk.
    pub controls: u64,
    /// Hosts that failed, of either arm; at most all of them.
    pub failed: u64,
}

impl Draw {
    /// The numbers of canaries that can be among the failed.
    #[must_use]
    pub fn support(&self) -> RangeInclusive<u64> {
        self.failed.saturating_sub(self.controls)..=self.failed.min(self.canaries)
    }

    /// ln of the probability that exactly `count` of the failed are canaries, with random labels.
    #[must_use]
    pub fn ln_probability(&self, count: u64) -> f64 {
        if !self.support().contains(&count) {
            return f64::NEG_INFINITY;
        }
        ln_choose(self.canaries, count) + ln_choose(self.controls, self.failed - count)
            - ln_choose(self.canaries + self.controls, self.failed)
    }

    /// Probability that `count` or more of the failed are canaries, with random labels: the
    /// one-sided p-value of Fisher's exact test.
    #[must_use]
    pub fn at_least(&self, count: u64) -> f64 {
        let support = self.support();
        let from = count.max(*support.start());
        (from..=*support.end()).map(|j| self.ln_probability(j).exp()).sum::<f64>().min(1.0)
    }

    /// The smallest number of canaries whose [`Draw::at_least`] is below `level`; none if even
    /// the largest is not.
    #[must_use]
    pub fn first_significant(&self, level: f64) -> Option<u64> {
        let (mut tail, mut found) = (0.0, None);
        for count in self.support().rev() {
            tail += self.ln_probability(count).exp();
            if tail >= level {
                break;
            }
            found = Some(count);
        }
        found
    }

    /// ln of how much likelier `count` canaries are if each has `odds` times the odds of a
    /// control than if labels do not matter. Its expectation under random labels is exactly 1.
    #[must_use]
    pub fn ln_ratio(&self, count: u64, odds: f64) -> f64 {
        self.ln_ratio_given(count, odds, *self.support().start())
    }

    /// The same, given that `from` or more canaries are among the failed, without the factor
    /// for the condition: `P(count | odds, from or more) / P(count)`.
    #[must_use]
    pub fn ln_ratio_given(&self, count: u64, odds: f64, from: u64) -> f64 {
        let ln_odds = odds.ln();
        if let Some(share) = self.single()
            && from == 0
        {
            return count as f64 * ln_odds - (share * (odds - 1.0)).ln_1p();
        }
        let support = self.support();
        let range = from.max(*support.start())..=*support.end();
        let total = ln_sum_exp(range.map(|j| self.ln_probability(j) + j as f64 * ln_odds));
        count as f64 * ln_odds - total
    }

    /// The chance that the one host that failed is a canary, if it is one and both arms are at
    /// risk. Nearly every draw is of this kind and needs no sums.
    fn single(&self) -> Option<f64> {
        let one = self.failed == 1 && self.canaries > 0 && self.controls > 0;
        one.then(|| self.canaries as f64 / (self.canaries + self.controls) as f64)
    }

    /// Variance of the number of canaries among the failed at these odds.
    #[must_use]
    pub fn variance(&self, odds: f64) -> f64 {
        if let Some(share) = self.single() {
            let canary = share * odds / (share * (odds - 1.0) + 1.0);
            return canary * (1.0 - canary);
        }
        let ln_odds = odds.ln();
        // ln_ratio without its part that every count has: a sum over all counts, done once.
        let common = self.ln_ratio(0, odds);
        let (mut mean, mut square) = (0.0, 0.0);
        for j in self.support() {
            let count = j as f64;
            let p = (self.ln_probability(j) + count * ln_odds + common).exp();
            mean += p * count;
            square += p * count * count;
        }
        (square - mean * mean).max(0.0)
    }
}

#[cfg(test)]
#[path = "hypergeometric_tests.rs"]
mod tests;
