//! Order statistics.

/// The value at share `q` of a sorted sample, between two values in proportion; 0 if empty.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = q.clamp(0.0, 1.0) * last as f64;
    let low = at.floor() as usize;
    let high = (low + 1).min(last);
    sorted[low] + (at - low as f64) * (sorted[high] - sorted[low])
}

/// Sorts and takes the middle; 0 if empty.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    let n = values.len();
    if n == 0 {
        return 0.0;
    }
    let (below, &mut middle, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    if n % 2 == 1 {
        return middle;
    }
    let low = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    low + (middle - low) / 2.0
}

/// Median and the standard deviation that the median absolute deviation stands for in normal
/// noise.
pub(crate) fn centre_and_spread(values: &[f64]) -> (f64, f64) {
    let centre = median(&mut values.to_vec());
    let mut away: Vec<f64> = values.iter().map(|v| (v - centre).abs()).collect();
    (centre, 1.4826 * median(&mut away))
}

/// The standard deviation after values beyond five robust deviations were pulled in.
pub(crate) fn deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let (centre, spread) = centre_and_spread(values);
    let reach = if spread > 0.0 { 5.0 * spread } else { f64::INFINITY };
    let pulled = || values.iter().map(|v| v.clamp(centre - reach, centre + reach));
    let n = values.len() as f64;
    let mean = pulled().sum::<f64>() / n;
    (pulled().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()
}

/// A sorted copy.
pub(crate) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_middle() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [3.0, 1.0, 2.0, 10.0]), 2.5);
        assert_eq!(quantile(&[0.0, 10.0], 0.25), 2.5);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }

    #[test]
    fn one_wild_value_does_not_set_the_spread() {
        let mut values: Vec<f64> = (0..21).map(f64::from).collect();
        let calm = deviation(&values);
        values[20] = 1e9;
        assert!(deviation(&values) < 2.0 * calm);
    }
}
