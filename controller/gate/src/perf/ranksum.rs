//! The exact one-sided rank-sum test (F. Wilcoxon, "Individual comparisons by ranking methods",
//! Biometrics Bulletin 1, 1945; H. B. Mann and D. R. Whitney, Annals of Mathematical Statistics
//! 18, 1947).
//!
//! Without ties the null distribution of U is that of partitions in an n × m box and comes from
//! the Gaussian binomial coefficient; with ties every assignment of the midranks is counted
//! (midranks doubled, so that they are integers). Where counting would cost too much, the normal
//! approximation with the correction for ties stands in, and the result says so.

use std::collections::BTreeMap;

use statrs::distribution::{ContinuousCDF, Normal};

/// Additions that one exact distribution may cost.
const STEPS_MOST: f64 = 3e7;
/// How far above the level that matters an approximate p-value must be to stand.
const CLEAR: f64 = 20.0;

/// A one-sided p-value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PValue {
    /// The probability, under the null hypothesis, of ranks at least this high; in (0, 1].
    pub p: f64,
    /// Whether it was counted, not approximated.
    pub exact: bool,
}

/// Null distributions of U, each computed once.
#[derive(Debug, Default)]
pub struct Nulls {
    tails: BTreeMap<(usize, usize), Tail>,
}

/// The null distribution of the number of pairs that stand against the alternative.
#[derive(Debug)]
struct Tail {
    /// `half[d]`: the probability of at most `d`; up to a little above one half.
    half: Vec<f64>,
    /// The number of pairs.
    most: usize,
}

impl Nulls {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether `high` is shifted up against `low`, both sorted. Empty samples say nothing: 1.
    ///
    /// With ties, which are dear to count, an approximate value stands if it is twenty times as
    /// large as `level`, the largest value that decides something.
    pub fn upper(&mut self, high: &[f64], low: &[f64], level: f64) -> PValue {
        let (n, m) = (high.len(), low.len());
        if n == 0 || m == 0 {
            return PValue { p: 1.0, exact: true };
        }
        let ranks = Ranks::of(high, low);
        let approximate = upper_normal(ranks.z());
        if !ranks.ties {
            let deficit = n * m - (ranks.doubled - n * (n + 1)) / 2;
            return match self.tail(n, m) {
                Some(tail) => PValue { p: at(tail, deficit), exact: true },
                None => PValue { p: approximate, exact: false },
            };
        }
        if approximate > CLEAR * level {
            return PValue { p: approximate, exact: false };
        }
        match ranks.exact_upper() {
            Some(p) => PValue { p: p.clamp(f64::MIN_POSITIVE, 1.0), exact: true },
            None => PValue { p: approximate, exact: false },
        }
    }

    /// How many of the n·m sorted pairwise differences may be cut off so that what remains is
    /// bounded with error at most `level`; none if even the smallest possible error is larger.
    pub fn cut(&mut self, n: usize, m: usize, level: f64) -> Option<usize> {
        if n == 0 || m == 0 || level <= 0.0 {
            return None;
        }
        if let Some(tail) = self.tail(n, m) {
            let count = tail.half.partition_point(|&p| p <= level);
            return count.checked_sub(1);
        }
        let (nf, mf) = (n as f64, m as f64);
        let sd = (nf * mf * (nf + mf + 1.0) / 12.0).sqrt();
        let cut = nf * mf / 2.0 + normal_quantile(level.min(0.5)) * sd - 0.5;
        (cut >= 0.0).then_some(cut as usize)
    }

    /// None if it would cost too much.
    fn tail(&mut self, n: usize, m: usize) -> Option<&Tail> {
        let key = (n.min(m), n.max(m));
        let cost = key.0 as f64 * (n * m) as f64;
        if cost > STEPS_MOST || ln_choose(n + m, n) > 690.0 {
            return None;
        }
        Some(self.tails.entry(key).or_insert_with(|| box_partitions(key.0, key.1)))
    }
}

fn at(tail: &Tail, deficit: usize) -> f64 {
    // The distribution is symmetric, and the lower half of it is kept.
    let most = tail.most;
    let p = match tail.half.get(deficit) {
        Some(&p) => p,
        // P(D ≤ d) = 1 − P(D ≤ most − d − 1).
        None => match most.checked_sub(deficit + 1) {
            Some(mirrored) => 1.0 - tail.half.get(mirrored).copied().unwrap_or(0.0),
            None => 1.0,
        },
    };
    p.clamp(f64::MIN_POSITIVE, 1.0)
}

/// Cumulative shares of partitions in an n × m box by size, up to just above half of them.
///
/// The generating function is the product of (1 − q^(m+i)) / (1 − q^i), i = 1…n. Lower halves
/// of such products rise, so that the subtractions lose nothing that matters.
fn box_partitions(n: usize, m: usize) -> Tail {
    let half = n * m / 2 + 1;
    let mut count = vec![0.0_f64; half + 1];
    count[0] = 1.0;
    for i in 1..=n {
        let step = m + i;
        for d in (step..=half).rev() {
            count[d] -= count[d - step];
        }
        for d in i..=half {
            count[d] += count[d - i];
        }
    }
    let all = ln_choose(n + m, n).exp();
    let mut sum = 0.0;
    for value in &mut count {
        sum += *value;
        *value = (sum / all).min(1.0);
    }
    Tail { half: count, most: n * m }
}

/// Midranks of two samples, doubled.
struct Ranks {
    n: usize,
    m: usize,
    /// Sum of the doubled midranks of the upper sample.
    doubled: usize,
    /// Doubled midrank and size of each group of equal values, from the lowest.
    groups: Vec<(usize, usize)>,
    ties: bool,
}

impl Ranks {
    fn of(high: &[f64], low: &[f64]) -> Self {
        let (n, m) = (high.len(), low.len());
        let (mut i, mut j, mut doubled) = (0, 0, 0);
        let mut groups = Vec::new();
        while i < n || j < m {
            let value = match (high.get(i), low.get(j)) {
                (Some(&a), Some(&b)) => a.min(b),
                (Some(&a), None) => a,
                (None, Some(&b)) => b,
                (None, None) => break,
            };
            let before = i + j;
            let from = i;
            while i < n && high[i] <= value {
                i += 1;
            }
            while j < m && low[j] <= value {
                j += 1;
            }
            let size = i + j - before;
            let rank = 2 * before + size + 1;
            doubled += rank * (i - from);
            groups.push((rank, size));
        }
        let ties = groups.len() < n + m;
        Self { n, m, doubled, groups, ties }
    }

    /// Standard deviations above what chance gives, with continuity correction.
    fn z(&self) -> f64 {
        let (n, m) = (self.n as f64, self.m as f64);
        let all = n + m;
        let tied: f64 = self.groups.iter().map(|&(_, t)| (t as f64).powi(3) - t as f64).sum();
        let var = n * m / 12.0 * (all + 1.0 - tied / (all * (all - 1.0)).max(1.0));
        if var <= 0.0 {
            return 0.0;
        }
        let excess = self.doubled as f64 / 2.0 - n * (all + 1.0) / 2.0;
        (excess - 0.5) / var.sqrt()
    }

    /// Counts the assignments with a rank sum at least as high; none if that costs too much.
    fn exact_upper(&self) -> Option<f64> {
        // Choose the smaller sample: the upper one from the top, or the lower from the bottom.
        let total: usize = self.groups.iter().map(|&(rank, size)| rank * size).sum();
        let (first, last) = (self.groups.first()?.0, self.groups.last()?.0);
        let (picks, budget, costs): (usize, usize, Vec<(usize, usize)>) = if self.n <= self.m {
            let costs = self.groups.iter().rev().map(|&(rank, size)| (last - rank, size));
            (self.n, self.n * last - self.doubled, costs.collect())
        } else {
            let costs = self.groups.iter().map(|&(rank, size)| (rank - first, size));
            (self.m, total - self.doubled - self.m * first, costs.collect())
        };
        let all = self.n + self.m;
        if ln_choose(all, picks) > 690.0
            || all as f64 * picks as f64 * (budget + 1) as f64 > STEPS_MOST
        {
            return None;
        }
        let width = budget + 1;
        let mut ways = vec![0.0_f64; (picks + 1) * width];
        ways[0] = 1.0;
        let mut seen = 0;
        for (cost, size) in costs {
            if cost > budget {
                break;
            }
            for _ in 0..size {
                seen += 1;
                for k in (1..=picks.min(seen)).rev() {
                    let (fewer, more) = ways.split_at_mut(k * width);
                    let fewer = &fewer[(k - 1) * width..];
                    for (to, from) in more[cost..width].iter_mut().zip(fewer) {
                        *to += from;
                    }
                }
            }
        }
        let good: f64 = ways[picks * width..].iter().sum();
        Some(good / ln_choose(all, picks).exp())
    }
}

/// Natural logarithm of the number of ways to choose.
#[must_use]
pub fn ln_choose(n: usize, k: usize) -> f64 {
    let k = k.min(n.saturating_sub(k));
    (0..k).map(|i| ((n - i) as f64 / (i + 1) as f64).ln()).sum()
}

/// Probability of a standard normal value above `z`.
#[must_use]
pub fn upper_normal(z: f64) -> f64 {
    Normal::standard().sf(z).clamp(f64::MIN_POSITIVE, 1.0)
}

/// The standard normal value with probability `p` below it.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p.clamp(1e-300, 1.0 - 1e-16))
}

#[cfg(test)]
#[path = "ranksum_tests.rs"]
mod tests;
