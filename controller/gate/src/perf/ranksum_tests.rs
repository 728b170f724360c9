use super::*;
use crate::perf::simulate::Noise;
use proptest::prelude::*;

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs()
}

/// Two samples without ties whose U is as given: `high` beats exactly that many pairs.
fn with_u(n: usize, m: usize, u: usize) -> (Vec<f64>, Vec<f64>) {
    let low: Vec<f64> = (0..m).map(|j| j as f64).collect();
    let mut left = u;
    let mut high: Vec<f64> = Vec::new();
    for i in 0..n {
        let beats = left.min(m);
        left -= beats;
        high.push(beats as f64 - 0.5 + i as f64 * 1e-3);
    }
    high.sort_by(f64::total_cmp);
    (high, low)
}

#[test]
fn agrees_with_scipy_without_ties() {
    // scipy 1.17.1: the exact null distribution behind
    // stats.mannwhitneyu(…, alternative="greater", method="exact").
    for (n, m, u, p) in [
        (3, 22, 66, 0.0004347826086956522),
        (3, 22, 63, 0.003043478260869565),
        (5, 20, 95, 0.00035761340109166195),
        (5, 20, 76, 0.04161490683229813),
        (10, 40, 310, 0.0032408231600682988),
        (10, 40, 324, 0.0009293729046280295),
        (20, 200, 2716, 0.003856627339636822),
        (20, 200, 2900, 0.00035072768066009513),
        (20, 200, 3500, 5.476190262915861e-10),
        (5, 1000, 4800, 3.1927457116960843e-06),
    ] {
        let (high, low) = with_u(n, m, u);
        let found = Nulls::new().upper(&high, &low, 1.0);
        assert!(found.exact && close(found.p, p), "{n} {m} {u}: {found:?} not {p}");
    }
}

/// The share of all assignments with midranks at least as high.
fn enumerate(high: &[f64], low: &[f64]) -> f64 {
    let all: Vec<f64> = high.iter().chain(low).copied().collect();
    let rank = |x: f64| -> usize {
        all.iter().map(|&y| 2 * usize::from(y < x) + usize::from(y == x)).sum::<usize>()
    };
    let ranks: Vec<usize> = all.iter().map(|&x| rank(x)).collect();
    let seen: usize = ranks[..high.len()].iter().sum();
    let (mut good, mut total) = (0_u64, 0_u64);
    for mask in 0_u32..1 << all.len() {
        if mask.count_ones() as usize == high.len() {
            let sum: usize = (0..all.len()).filter(|i| mask >> i & 1 == 1).map(|i| ranks[i]).sum();
            total += 1;
            good += u64::from(sum >= seen);
        }
    }
    good as f64 / total as f64
}

#[test]
fn agrees_with_counting_by_hand_where_there_are_ties() {
    for (high, low, good, all) in [
        (vec![3.0, 3.0, 4.0], vec![1.0, 1.0, 2.0, 2.0, 3.0], 3.0, 56.0),
        (vec![2.0, 2.0, 5.0, 5.0], vec![1.0, 1.0, 2.0, 2.0, 3.0], 10.0, 126.0),
    ] {
        let found = Nulls::new().upper(&high, &low, 1.0);
        assert!(found.exact && close(found.p, good / all), "{found:?} not {good}/{all}");
    }
}

proptest! {
    #[test]
    fn agrees_with_enumeration(
        high in prop::collection::vec(0i32..9, 1..7),
        low in prop::collection::vec(0i32..7, 1..8),
    ) {
        let sorted = |values: Vec<i32>| {
            let mut values: Vec<f64> = values.into_iter().map(f64::from).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let (high, low) = (sorted(high), sorted(low));
        let found = Nulls::new().upper(&high, &low, 1.0);
        let truth = enumerate(&high, &low);
        prop_assert!(found.exact && close(found.p, truth), "{:?} not {}", found, truth);
    }

    #[test]
    fn bounds_keep_their_level(n in 1usize..12, m in 1usize..12, level in 0.001..0.4f64) {
        let mut nulls = Nulls::new();
        let tail = nulls.tail(n, m).unwrap().half.clone();
        match nulls.cut(n, m, level) {
            Some(cut) => {
                prop_assert!(tail[cut] <= level);
                prop_assert!(tail.get(cut + 1).is_none_or(|&next| next > level));
            }
            None => prop_assert!(tail[0] > level),
        }
    }
}

#[test]
fn the_approximation_is_near_where_counting_is_too_dear() {
    let mut noise = Noise::new(5);
    let sorted = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values
    };
    let high = sorted((0..300).map(|_| noise.normal() + 0.22).collect());
    let low = sorted((0..900).map(|_| noise.normal()).collect());
    let found = Nulls::new().upper(&high, &low, 1.0);
    let z = Ranks::of(&high, &low).z();
    assert!(!found.exact && close(found.p, upper_normal(z)), "{found:?}");
}

#[test]
fn nothing_says_nothing() {
    assert_eq!(Nulls::new().upper(&[], &[1.0], 1.0).p, 1.0);
    assert!(close(Nulls::new().upper(&[1.0], &[1.0], 1.0).p, 1.0));
    assert!(close(Nulls::new().upper(&[0.0], &[1.0, 2.0], 1.0).p, 1.0));
}
