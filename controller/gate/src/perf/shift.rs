//! How far one sample is shifted against another: the Hodges–Lehmann estimate (J. L. Hodges and
//! E. L. Lehmann, Annals of Mathematical Statistics 34, 1963) and bounds by inverting the
//! rank-sum test.

use super::ranksum::Nulls;

/// So many differences are listed, not counted.
const LISTED: usize = 256;

/// The median of all pairwise differences of two sorted samples.
#[must_use]
pub fn hodges_lehmann(high: &[f64], low: &[f64]) -> Option<f64> {
    let pairs = high.len() * low.len();
    if pairs == 0 {
        return None;
    }
    let below = nth_difference(high, low, (pairs - 1) / 2);
    let above = if pairs % 2 == 1 { below } else { nth_difference(high, low, pairs / 2) };
    Some((below + above) / 2.0)
}

/// The shift below which the truth lies with error at most `level`.
pub fn upper_bound(nulls: &mut Nulls, high: &[f64], low: &[f64], level: f64) -> Option<f64> {
    let pairs = high.len() * low.len();
    let cut = nulls.cut(high.len(), low.len(), level)?;
    (cut < pairs).then(|| nth_difference(high, low, pairs - 1 - cut))
}

/// The shift above which the truth lies with error at most `level`.
pub fn lower_bound(nulls: &mut Nulls, high: &[f64], low: &[f64], level: f64) -> Option<f64> {
    let pairs = high.len() * low.len();
    let cut = nulls.cut(high.len(), low.len(), level)?;
    (cut < pairs).then(|| nth_difference(high, low, cut))
}

/// The difference with `nth` others below or equal to it; samples are sorted and not empty.
///
/// Few differences are listed. Of many, those at or below a value are counted in one pass over
/// both samples, and the value is halved in until few are left to list.
fn nth_difference(high: &[f64], low: &[f64], nth: usize) -> f64 {
    let (mut least, mut most) = (f64::NEG_INFINITY, high[high.len() - 1] - low[0]);
    let (mut below, mut up_to) = (0, high.len() * low.len());
    let mut floor = high[0] - low[low.len() - 1];
    while up_to - below > LISTED {
        let middle = floor + (most - floor) / 2.0;
        if middle <= floor || middle >= most {
            // Nothing is left between neighbouring floats.
            return if differences_up_to(high, low, floor) > nth { floor } else { most };
        }
        let count = differences_up_to(high, low, middle);
        if count > nth {
            (most, up_to) = (middle, count);
        } else {
            (least, floor, below) = (middle, middle, count);
        }
    }
    let mut left = Vec::with_capacity(up_to - below);
    let mut from = 0;
    for a in high {
        while from < low.len() && a - low[from] > most {
            from += 1;
        }
        left.extend(low[from..].iter().map(|b| a - b).take_while(|d| *d > least));
    }
    *left.select_nth_unstable_by(nth - below, f64::total_cmp).1
}

fn differences_up_to(high: &[f64], low: &[f64], most: f64) -> usize {
    let mut from = 0;
    let mut count = 0;
    for a in high {
        while from < low.len() && a - low[from] > most {
            from += 1;
        }
        count += low.len() - from;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted(mut values: Vec<f64>) -> Vec<f64> {
        values.sort_by(f64::total_cmp);
        values
    }

    #[test]
    fn estimates_the_median_difference() {
        let (a, b) = (vec![2.0, 5.0, 9.0], vec![1.0, 4.0]);
        // Differences: 1 4 8 -2 1 5.
        assert_eq!(hodges_lehmann(&a, &b), Some(2.5));
        assert_eq!(hodges_lehmann(&a, &[]), None);
    }

    #[test]
    fn bounds_need_enough_hosts() {
        let mut nulls = Nulls::new();
        let (a, b) = (vec![1.0, 2.0, 3.0], vec![0.0, 0.1, 0.2]);
        // 1 of 20 assignments is the smallest error that three against three can have.
        assert_eq!(upper_bound(&mut nulls, &a, &b, 0.049), None);
        assert_eq!(upper_bound(&mut nulls, &a, &b, 0.051), Some(3.0));
        assert_eq!(lower_bound(&mut nulls, &a, &b, 0.051), Some(0.8));
    }

    proptest! {
        #[test]
        fn counting_finds_what_listing_finds(
            a in prop::collection::vec(-500i32..500, 1..60),
            b in prop::collection::vec(-50i32..50, 1..60),
            share in 0.0..1.0f64,
        ) {
            let a = sorted(a.into_iter().map(f64::from).collect());
            let b = sorted(b.into_iter().map(f64::from).collect());
            let nth = ((a.len() * b.len()) as f64 * share) as usize;
            let found = nth_difference(&a, &b, nth);
            prop_assert!(differences_up_to(&a, &b, found) > nth);
            prop_assert!(differences_up_to(&a, &b, found - 0.5) <= nth);
            let mut all: Vec<f64> = a.iter().flat_map(|x| b.iter().map(move |y| x - y)).collect();
            all.sort_by(f64::total_cmp);
            prop_assert_eq!(found, all[nth]);
        }
    }
}
