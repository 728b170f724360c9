//! How the chance of error is spent over the planned looks: Bonferroni over looks, which needs no
//! assumption about how they hang together.

/// Shares of the error for the looks: the first ones find catastrophes, which need little, so that
/// the later ones keep most for small changes. With four looks 0.1, 0.2, 0.35, 0.35.
#[must_use]
pub fn shares(looks: usize) -> Vec<f64> {
    let mut all = match looks {
        0 | 1 => return vec![1.0; looks],
        2 => vec![0.1],
        _ => vec![0.1, 0.2],
    };
    let rest = (1.0 - all.iter().sum::<f64>()) / (looks - all.len()) as f64;
    all.resize(looks, rest);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_spends_more_than_there_is() {
        for looks in 1..20 {
            let all = shares(looks);
            assert_eq!(all.len(), looks);
            assert!((all.iter().sum::<f64>() - 1.0).abs() < 1e-12 && all.iter().all(|s| *s > 0.0));
        }
    }
}
