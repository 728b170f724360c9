use super::*;
use crate::counts::hosts::score;
use proptest::prelude::*;

fn host(arm: Arm, slots: &[(u64, u64)]) -> HostCounts {
    let slots = slots.iter().map(|&(errors, requests)| Slot { errors, requests }).collect();
    HostCounts { arm, slots }
}

/// Hosts with one slot of `requests` each.
fn hosts(canaries: &[u64], controls: &[u64], requests: u64) -> Vec<HostCounts> {
    let of = |arm, errors: &[u64]| -> Vec<HostCounts> {
        errors.iter().map(|&e| host(arm, &[(e, requests)])).collect()
    };
    [of(Arm::Canary, canaries), of(Arm::Control, controls)].concat()
}

fn outcome(hosts: &[HostCounts]) -> Outcome {
    judge(hosts, &Rules { alpha: 0.01, ..Rules::default() }).outcome
}

#[test]
fn rare_errors_of_canaries_do_not_pass() {
    // A user's case: errors 0 1 2 1 0 0 against none, as hosts and as one host over time.
    assert_ne!(outcome(&hosts(&[0, 1, 2, 1, 0, 0], &[0; 6], 1_000)), Outcome::Pass);
    let series = |errors: [u64; 6], arm| host(arm, &errors.map(|e| (e, 1_000)));
    let one = [series([0, 1, 2, 1, 0, 0], Arm::Canary), series([0; 6], Arm::Control)];
    assert_eq!(outcome(&one), Outcome::Extend);
    // Another: the canary has errors, the baseline has none; one of many hosts, and all.
    assert_eq!(outcome(&hosts(&[3, 0, 0, 0, 0], &[0; 40], 1_000)), Outcome::Extend);
    assert_eq!(outcome(&hosts(&[3, 1, 2, 5, 1], &[0; 40], 1_000)), Outcome::Fail);
}

#[test]
fn seven_of_ten_a_hundred_times_worse_fail() {
    let good = [20, 18, 25, 22, 19, 21, 17, 23, 20, 24];
    let mut bad = good;
    bad.iter_mut().take(7).for_each(|errors| *errors *= 100);
    assert_eq!(outcome(&hosts(&bad, &good, 100_000)), Outcome::Fail);
    assert_ne!(outcome(&hosts(&good, &good, 100_000)), Outcome::Fail);
}

#[test]
fn one_host_with_a_burst_stops_nothing() {
    let mut all = hosts(&[0; 5], &[0; 100], 10_000);
    all[0] = host(Arm::Canary, &[(5_000, 10_000); 20]);
    let said = judge(&all, &Rules::default());
    assert_eq!((said.outcome, said.bad), (Outcome::Extend, vec![0]));
}

#[test]
fn no_data_is_no_pass() {
    assert_eq!(outcome(&[]), Outcome::Extend);
    assert_eq!(outcome(&hosts(&[0; 5], &[0; 40], 0)), Outcome::Extend);
    assert_eq!(outcome(&hosts(&[0; 5], &[0; 40], 100)), Outcome::Extend);
    assert_eq!(outcome(&hosts(&[0; 2], &[0; 40], 100_000)), Outcome::Extend);
    assert_eq!(outcome(&hosts(&[0; 5], &[], 100_000)), Outcome::Extend);
    assert_eq!(outcome(&hosts(&[0; 5], &[0; 40], 1_000)), Outcome::Pass);
}

#[test]
fn errors_of_all_hosts_alike_are_borne() {
    let canaries: Vec<u64> = (0..10).map(|k| 90 + k * 2).collect();
    let controls: Vec<u64> = (0..100).map(|k| 85 + k % 30).collect();
    assert_ne!(outcome(&hosts(&canaries, &controls, 10_000)), Outcome::Fail);
    // All at once from the second slot on: an outage of what they all depend on.
    let hit = |arm| host(arm, &[(0, 1_000), (400, 1_000)]);
    let all: Vec<HostCounts> =
        (0..60).map(|k| hit(if k < 6 { Arm::Canary } else { Arm::Control })).collect();
    assert_ne!(outcome(&all), Outcome::Fail);
}

#[test]
fn more_requests_are_no_fault() {
    // Canaries have ten times the requests, and so ten times the errors.
    let canaries = (0..5).map(|_| host(Arm::Canary, &[(1, 100_000)]));
    let controls = (0..50).map(|k| host(Arm::Control, &[(u64::from(k % 10 == 0), 10_000)]));
    let all: Vec<HostCounts> = canaries.chain(controls).collect();
    assert_ne!(outcome(&all), Outcome::Fail);
}

#[test]
fn the_score_is_finite_and_grows_with_errors() {
    let of = |errors, requests| score(Slot { errors, requests });
    assert!((of(0, 0)).abs() < 1e-15);
    // ln(0.5 / 1000.5)
    assert!((of(0, 1_000) + 7.601_402_334_583_733).abs() < 1e-12);
    assert!(of(1, 1_000) > of(0, 1_000) && of(0, 1_000) > of(0, 2_000));
}

/// The mean of the e-value over all ways to deal the labels of the canaries.
fn mean_over_labels(errors: &[u64], canaries: u32) -> f64 {
    let (mut sum, mut ways) = (0.0, 0.0);
    for mask in 0_u32..1 << errors.len() {
        if mask.count_ones() != canaries {
            continue;
        }
        let arm = |at: usize| if mask >> at & 1 == 1 { Arm::Canary } else { Arm::Control };
        let all: Vec<HostCounts> = errors
            .iter()
            .enumerate()
            .map(|(at, &e)| host(arm(at), &[(0, 100), (e, 100)]))
            .collect();
        // Without stopping: a stop keeps the value of a martingale.
        sum += judge(&all, &Rules { alpha: 1e-300, ..Rules::default() }).evidence;
        ways += 1.0;
    }
    sum / ways
}

#[test]
fn its_mean_over_labels_is_at_most_one() {
    for errors in [[0, 0, 0, 0, 0, 0, 0, 9], [1, 0, 5, 0, 0, 0, 2, 0], [9, 9, 9, 0, 0, 0, 0, 0]] {
        for canaries in 1..=4 {
            let mean = mean_over_labels(&errors, canaries);
            assert!(mean <= 1.0 + 1e-9, "{errors:?} {canaries}: {mean}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn passes_need_exposure(
        canaries in prop::collection::vec((0_u64..3, 0_u64..400), 0..6),
        controls in prop::collection::vec((0_u64..3, 0_u64..400), 0..12),
    ) {
        let of = |arm, all: &[(u64, u64)]| -> Vec<HostCounts> {
            all.iter().map(|&(e, r)| host(arm, &[(e.min(r), r)])).collect()
        };
        let all = [of(Arm::Canary, &canaries), of(Arm::Control, &controls)].concat();
        let requests: u64 = canaries.iter().map(|(_, r)| r).sum();
        let said = judge(&all, &Rules::default());
        prop_assert!(said.outcome != Outcome::Pass || (requests >= 1_000 && controls.len() >= 8));
    }
}
