//! How the chance of error is spent over the planned looks: Bonferroni over looks, which needs no
//! assumption about how they hang together.

/// Shares of the error for the looks: a tenth for the first of several, the rest in equal parts.
/// With four looks 0.1, 0.3, 0.3, 0.3.
#[must_use]
pub fn shares(looks: usize) -> Vec<f64> {
    match looks {
        0 => Vec::new(),
        1 => vec![1.0],
        _ => {
            let rest = 0.9 / (looks - 1) as f64;
            let mut all = vec![rest; looks];
            all[0] = 0.1;
            all
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_spends_more_than_there_is() {
        assert_eq!(shares(4), [0.1, 0.3, 0.3, 0.3]);
        for looks in 1..20 {
            assert!((shares(looks).iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }
}
