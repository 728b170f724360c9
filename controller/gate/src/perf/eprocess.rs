//! The sequential rank test for waves: canary after canary is ranked among the controls and the
//! canaries before it. If the kernel changes nothing, these ranks are independent and uniform,
//! and betting against them cannot win: by Ville's inequality the winnings exceed 1/α at any
//! time with a chance of at most α (V. Vovk, I. Nouretdinov, A. Gammerman, "Testing
//! exchangeability on-line", ICML 2003; G. Shafer, V. Vovk, "Game-theoretic foundations", 2019).

use wavegate_common::order::stable_hash;

/// Exponents of the bets κ·p^(κ−1); the winnings are their average.
const KAPPAS: usize = 18;

/// Winnings over time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Winnings {
    /// Natural logarithm of the most that was won at any time.
    pub most_ln: f64,
    /// After how many canaries.
    pub at: usize,
}

/// Bets on canaries being worse. `canaries` in order of arrival, with a hash of the host's name
/// that stands for the draw between equal values, so that the same input gives the same verdict.
#[must_use]
pub fn bet(canaries: &[(f64, u64)], controls_sorted: &[f64]) -> Winnings {
    let mut pool = controls_sorted.to_vec();
    let mut ln = [0.0_f64; KAPPAS];
    let mut best = Winnings { most_ln: 0.0, at: 0 };
    for (i, &(score, hash)) in canaries.iter().enumerate() {
        let below = pool.partition_point(|&other| other < score);
        let up_to = pool.partition_point(|&other| other <= score);
        let above = (pool.len() - up_to) as f64;
        let equal = (up_to - below + 1) as f64;
        let p = (above + unit(hash) * equal) / (pool.len() + 1) as f64;
        pool.insert(up_to, score);
        for (k, sum) in ln.iter_mut().enumerate() {
            let kappa = kappa(k);
            *sum += kappa.ln() + (kappa - 1.0) * p.ln();
        }
        let now = mean_of_exp(&ln);
        if now > best.most_ln {
            best = Winnings { most_ln: now, at: i + 1 };
        }
    }
    best
}

/// The draw of a host.
#[must_use]
pub fn draw(seed: u64, host: &str) -> u64 {
    let parts: Vec<u128> = host
        .as_bytes()
        .chunks(15)
        .map(|chunk| chunk.iter().fold(1, |sum, &byte| (sum << 8) ^ u128::from(byte)))
        .collect();
    stable_hash(seed, &parts)
}

/// In (0, 1).
fn unit(hash: u64) -> f64 {
    ((hash >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

fn kappa(k: usize) -> f64 {
    0.05 * (k + 1) as f64
}

fn mean_of_exp(ln: &[f64]) -> f64 {
    let most = ln.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + (ln.iter().map(|x| (x - most).exp()).sum::<f64>() / ln.len() as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perf::simulate::Noise;

    #[test]
    fn wins_quickly_against_a_slower_kernel() {
        let mut noise = Noise::new(7);
        let mut controls: Vec<f64> = (0..200).map(|_| noise.normal()).collect();
        controls.sort_by(f64::total_cmp);
        let slow: Vec<(f64, u64)> =
            (0..30).map(|i| (noise.normal() + 3.0, draw(0, &format!("h{i}")))).collect();
        let won = bet(&slow, &controls);
        assert!(won.most_ln > 1000.0_f64.ln(), "{won:?}");
    }

    #[test]
    fn rarely_wins_against_nothing_however_often_one_looks() {
        let mut noise = Noise::new(11);
        let mut paused = 0;
        for trial in 0..2000_u64 {
            let mut controls: Vec<f64> = (0..60).map(|_| noise.normal()).collect();
            controls.sort_by(f64::total_cmp);
            let same: Vec<(f64, u64)> =
                (0..60).map(|i| (noise.normal(), draw(trial, &format!("h{i}")))).collect();
            paused += usize::from(bet(&same, &controls).most_ln > 100.0_f64.ln());
        }
        // At most 1 % is promised: 20 of 2,000, and three standard errors more would be 33.
        assert!(paused <= 20, "{paused}");
    }

    #[test]
    fn equal_values_are_drawn_not_won() {
        let controls = vec![1.0; 100];
        let same: Vec<(f64, u64)> = (0..200).map(|i| (1.0, draw(3, &format!("h{i}")))).collect();
        assert!(bet(&same, &controls).most_ln < 100.0_f64.ln());
    }
}
