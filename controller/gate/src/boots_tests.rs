use super::*;
use crate::hypergeometric::{ln_choose, ln_gamma};
use proptest::prelude::*;

const LONG: History = History { boots: 5_000, failed: 10 };

/// ln of the beta function.
fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

#[test]
fn its_mean_is_one_when_nothing_changed() {
    // Over all outcomes of n boots, weighted by their beta-binomial probability.
    for history in [History::default(), LONG, History { boots: 30, failed: 3 }] {
        let (a, b) = (1.0 + history.failed as f64, 199.0 + (history.boots - history.failed) as f64);
        for n in [1, 2, 5, 20, 60_u64] {
            let mean: f64 = (0..=n)
                .map(|x| {
                    let p =
                        ln_choose(n, x) + ln_beta(a + x as f64, b + (n - x) as f64) - ln_beta(a, b);
                    (p + ln_evidence(history, n, x)).exp()
                })
                .sum();
            assert!((mean - 1.0).abs() < 1e-6, "{history:?} {n}: {mean}");
        }
    }
}

#[test]
fn two_of_the_first_ten_stop_a_class() {
    let mut boots = vec![false; 9];
    boots[3] = true;
    assert!(matches!(judge(LONG, &boots, 0.002, 100_000), Boots::Open { .. }));
    boots.push(true);
    assert_eq!(judge(LONG, &boots, 0.002, 100_000), Boots::FailedEarly { boots: 10 });
    let mut late = vec![false; 11];
    (late[0], late[10]) = (true, true);
    assert!(!matches!(judge(LONG, &late, 1e-9, 100_000), Boots::FailedEarly { .. }));
}

#[test]
fn a_tenfold_share_is_found_and_the_old_one_is_borne() {
    // One boot in fifty fails, where it was one in five hundred.
    let bad: Vec<bool> = (1..=500).map(|boot| boot % 50 == 0).collect();
    let Boots::Failed { boots, evidence } = judge(LONG, &bad, 0.002, 1_000) else {
        panic!("must fail")
    };
    assert!((100..=400).contains(&boots) && evidence >= 500.0, "{boots} {evidence}");
    let same: Vec<bool> = (1..=2_000).map(|boot| boot % 500 == 0).collect();
    assert!(!matches!(judge(LONG, &same, 0.002, 1_000), Boots::Failed { .. }));
}

#[test]
fn a_short_history_is_slow_to_accuse() {
    let long = ln_evidence(LONG, 100, 5);
    let short = ln_evidence(History::default(), 100, 5);
    assert!(long > short + 1.0, "{long} {short}");
}

#[test]
fn few_boots_never_pass() {
    assert!(matches!(judge(LONG, &[], 0.002, 100_000), Boots::Open { evidence: 1.0, .. }));
    assert!(matches!(judge(LONG, &[false; 30], 0.002, 100_000), Boots::Open { .. }));
    let passed = judge(LONG, &[false; 40], 0.002, 100_000);
    assert!(matches!(passed, Boots::Passed { at_most_ppm } if at_most_ppm < 90_000), "{passed:?}");
}

proptest! {
    #[test]
    fn more_failures_are_more_evidence(n in 1_u64..200, x in 0_u64..200, old in 0_u64..500) {
        prop_assume!(x < n);
        let history = History { boots: old, failed: old / 100 };
        prop_assert!(ln_evidence(history, n, x + 1) > ln_evidence(history, n, x));
    }
}
