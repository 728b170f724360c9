//! Hosts far beyond the rest: how many of them are canaries. Finds a kernel that hurts some hosts
//! much and the others not at all, which a test of the middle does not see. One such host is a
//! bad host, not a bad kernel.
//!
//! Which hosts are far out is decided without looking at who is a canary; then the number of
//! canaries among them is hypergeometric under the null hypothesis (Fisher's exact test).

use super::ranksum::ln_choose;
use super::robust::centre_and_spread;

/// How many robust standard deviations are far out.
const FAR: f64 = 5.0;
/// And at least this much, as a difference of harm: 1 %.
const FAR_LEAST: f64 = 0.01;

/// What lies far out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct FarOut {
    /// The score above which a host is far out.
    pub(crate) beyond: f64,
    pub(crate) canaries: usize,
    pub(crate) others: usize,
    /// Probability of so many canaries among them by chance.
    pub(crate) p: f64,
    /// The same if as many of them as can be were canaries; it does not depend on who is one.
    pub(crate) least_p: f64,
}

pub(crate) fn far_out(canaries: &[f64], others: &[f64]) -> FarOut {
    let pooled = [canaries, others].concat();
    let (centre, spread) = centre_and_spread(&pooled);
    let beyond = centre + (FAR * spread).max(FAR_LEAST);
    let count = |s: &[f64]| s.iter().filter(|&&v| v > beyond).count();
    let (c, o) = (count(canaries), count(others));
    let (all, drawn) = (pooled.len(), canaries.len());
    let p = at_least(all, c + o, drawn, c);
    let least_p = at_least(all, c + o, drawn, (c + o).min(drawn));
    FarOut { beyond, canaries: c, others: o, p, least_p }
}

/// Probability that at least `seen` of `marked` among `all` are in a random `drawn`.
fn at_least(all: usize, marked: usize, drawn: usize, seen: usize) -> f64 {
    if seen == 0 {
        return 1.0;
    }
    let total = ln_choose(all, drawn);
    let most = marked.min(drawn);
    (seen..=most)
        .filter(|k| drawn - k <= all - marked)
        .map(|k| (ln_choose(marked, k) + ln_choose(all - marked, drawn - k) - total).exp())
        .sum::<f64>()
        .clamp(f64::MIN_POSITIVE, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_scipy() {
        // scipy 1.17.1: stats.hypergeom.sf(seen - 1, all, marked, drawn)
        for (all, marked, drawn, seen, p) in HYPERGEOM {
            let found = at_least(all, marked, drawn, seen);
            assert!((found - p).abs() < 1e-9 * p, "{found:e} not {p:e}");
        }
    }

    const HYPERGEOM: [(usize, usize, usize, usize, f64); 5] = [
        (220, 4, 20, 4, 5.10178320748847e-05),
        (220, 6, 20, 3, 0.010862160952184398),
        (50, 3, 10, 3, 0.006122448979591838),
        (25, 2, 10, 2, 0.15),
        (60, 5, 20, 4, 0.0383234532854638),
    ];

    #[test]
    fn finds_a_fifth_of_the_canaries() {
        let others: Vec<f64> = (0..200).map(|i| f64::from(i % 21 - 10) * 1e-3).collect();
        let mut canaries: Vec<f64> = others[..20].to_vec();
        assert_eq!(far_out(&canaries, &others).p, 1.0);
        canaries[..4].fill(0.2);
        let found = far_out(&canaries, &others);
        assert_eq!((found.canaries, found.others), (4, 0));
        assert!(found.p < 1e-4, "{found:?}");
    }
}
