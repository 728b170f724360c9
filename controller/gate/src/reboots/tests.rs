//! The guarantee, by dealing the labels in every possible way.

use super::evidence::Evidence;
use super::{Arm, HostLog, Outcome, Settings, Span, judge, timeline};
use proptest::prelude::*;

const HOUR: i64 = 3_600_000;

/// Every way to choose `count` of `of`.
fn choices(of: usize, count: u32) -> impl Iterator<Item = u32> {
    (0_u32..1 << of).filter(move |mask| mask.count_ones() == count)
}

fn labelled(reboots: &[Vec<i64>], mask: u32) -> Vec<HostLog> {
    let log = |(at, reboots): (usize, &Vec<i64>)| HostLog {
        class: "a".into(),
        domains: vec![],
        spans: vec![Span {
            arm: if mask >> at & 1 == 1 { Arm::Canary } else { Arm::Control },
            start: 0,
            end: None,
        }],
        reboots: reboots.clone(),
    };
    reboots.iter().enumerate().map(log).collect()
}

/// The e-value after all steps, and the largest on the way.
fn values(hosts: &[HostLog]) -> (f64, f64) {
    let members: Vec<usize> = (0..hosts.len()).collect();
    let (mut evidence, mut most) = (Evidence::default(), 1.0_f64);
    for step in timeline::steps(hosts, &members, 1_000 * HOUR) {
        evidence.add(&step);
        most = most.max(evidence.ln_value().exp());
    }
    (evidence.ln_value().exp(), most)
}

/// The mean e-value, and the share of deals in which it ever reaches `1/alpha`.
fn over_all_labels(reboots: &[Vec<i64>], canaries: u32, alpha: f64) -> (f64, f64) {
    let (mut sum, mut ever, mut ways) = (0.0, 0.0, 0.0);
    for mask in choices(reboots.len(), canaries) {
        let (last, most) = values(&labelled(reboots, mask));
        sum += last;
        ever += f64::from(most * alpha >= 1.0);
        ways += 1.0;
    }
    (sum / ways, ever / ways)
}

#[test]
fn the_mean_is_exactly_one_however_frail_hosts_are() {
    // One host fails all the time, two at the same instant, one late, others never.
    let reboots =
        [vec![1, 2, 3, 50], vec![7], vec![7], vec![], vec![90], vec![], vec![], vec![4], vec![]]
            .map(|hours: Vec<i64>| hours.into_iter().map(|h| h * HOUR).collect::<Vec<i64>>());
    for canaries in 1..9 {
        let (mean, ever) = over_all_labels(&reboots, canaries, 0.1);
        assert!((mean - 1.0).abs() < 1e-9, "{canaries}: {mean}");
        assert!(ever <= 0.1, "{canaries}: {ever}");
    }
}

#[test]
fn with_bursts_the_mean_is_at_most_one() {
    // Eight of twelve fail within ten minutes, some of them and others later again.
    let reboots: Vec<Vec<i64>> = (0..12_i64)
        .map(|k| match k {
            0..4 => vec![HOUR],
            4..8 => vec![HOUR + k * 60_000, (20 + k) * HOUR],
            8 => vec![40 * HOUR],
            _ => vec![],
        })
        .collect();
    for canaries in 1..12 {
        let (mean, ever) = over_all_labels(&reboots, canaries, 0.05);
        assert!(mean <= 1.0 + 1e-9 && mean > 0.9, "{canaries}: {mean}");
        assert!(ever <= 0.05, "{canaries}: {ever}");
    }
}

#[test]
fn the_mean_is_one_when_hosts_are_updated_one_after_another() {
    // Six hosts are updated in every possible order, at 0 h, 10 h, 20 h …; failures are given.
    let failures = [vec![5], vec![12, 33], vec![12], vec![25], vec![48], vec![]];
    let mut order: Vec<usize> = (0..6).collect();
    let (mut sum, mut ways) = (0.0, 0.0);
    permute(&mut order, 0, &mut |order| {
        let hosts: Vec<HostLog> = failures
            .iter()
            .zip(order)
            .map(|(hours, &turn)| {
                let at = turn as i64 * 10 * HOUR;
                let control = Span { arm: Arm::Control, start: -HOUR, end: Some(at - 1) };
                let canary = Span { arm: Arm::Canary, start: at, end: None };
                HostLog {
                    class: "a".into(),
                    domains: vec![],
                    spans: vec![control, canary],
                    reboots: hours.iter().map(|h| h * HOUR).collect(),
                }
            })
            .collect();
        sum += values(&hosts).0;
        ways += 1.0;
    });
    assert_eq!(ways, 720.0);
    assert!((sum / ways - 1.0).abs() < 1e-9, "{}", sum / ways);
}

fn permute(order: &mut Vec<usize>, from: usize, visit: &mut impl FnMut(&[usize])) {
    if from == order.len() {
        return visit(order);
    }
    for at in from..order.len() {
        order.swap(from, at);
        permute(order, from + 1, visit);
        order.swap(from, at);
    }
}

/// `canaries` and `controls` of a class, of which the first `failing` reboot an hour apart.
fn class(name: &str, canaries: (i64, i64), controls: (i64, i64)) -> Vec<HostLog> {
    let arm = |arm, (count, failing): (i64, i64)| {
        (0..count).map(move |k| HostLog {
            class: name.into(),
            domains: vec![],
            spans: vec![Span { arm, start: 0, end: None }],
            reboots: if k < failing { vec![(k + 1) * HOUR] } else { vec![] },
        })
    };
    arm(Arm::Canary, canaries).chain(arm(Arm::Control, controls)).collect()
}

fn judged(hosts: &[HostLog]) -> super::Report {
    judge(hosts, 200 * HOUR, &Settings { alpha: 0.01, ..Settings::default() })
}

#[test]
fn a_fault_of_one_class_names_it() {
    let hosts = [
        class("a", (10, 5), (200, 0)),
        class("b", (10, 0), (200, 2)),
        class("c", (10, 0), (200, 1)),
    ]
    .concat();
    let report = judged(&hosts);
    assert_eq!(report.outcome, Outcome::Fail);
    let outcomes: Vec<&Outcome> = report.classes.iter().map(|class| &class.outcome).collect();
    assert_eq!(outcomes, [&Outcome::Fail, &Outcome::Extend, &Outcome::Extend]);
    assert!(report.classes[0].why.contains("to 1 against chance"), "{}", report.classes[0].why);
}

#[test]
fn a_fault_of_all_classes_shows_in_their_common_evidence() {
    let hosts: Vec<HostLog> =
        (0..6).flat_map(|k| class(&format!("c{k}"), (5, 1), (100, 0))).collect();
    let report = judged(&hosts);
    assert_eq!(report.outcome, Outcome::Fail);
    assert!(report.classes.iter().all(|class| class.outcome == Outcome::Extend));
}

#[test]
fn a_pass_states_the_bound_that_it_rests_on() {
    let report = judged(&class("a", (50, 0), (1_000, 60)));
    let [class] = &report.classes[..] else { panic!("one class") };
    assert_eq!((&report.outcome, &class.outcome), (&Outcome::Pass, &Outcome::Pass));
    assert!(class.ratio.high <= 10.0 && class.why.contains("is ruled out"), "{}", class.why);
    // The bound is what Cox's likelihood gives: at 10 times, none of sixty has chance
    // (950 / 1450)^60, far below.
    assert!(class.ratio.high < 3.0 && class.ratio.low == 0.0, "{:?}", class.ratio);
}

#[test]
fn the_interval_holds_the_estimate() {
    let report = judged(&class("a", (50, 3), (1_000, 20)));
    let ratio = report.classes[0].ratio;
    let estimate = ratio.estimate.unwrap();
    assert!(ratio.low < estimate && estimate < ratio.high, "{ratio:?}");
    assert!((1.5..8.0).contains(&estimate), "{ratio:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_mean_is_at_most_one_whatever_happens(
        reboots in prop::collection::vec(prop::collection::vec(0_i64..40, 0..3), 5..10),
        canaries in 1_u32..5,
    ) {
        // A quarter of an hour apart, so that bursts and ties are common.
        let reboots: Vec<Vec<i64>> = reboots
            .into_iter()
            .map(|mut all| {
                all.sort_unstable();
                all.into_iter().map(|quarter| quarter * HOUR / 4).collect()
            })
            .collect();
        let (mean, ever) = over_all_labels(&reboots, canaries, 0.05);
        prop_assert!(mean <= 1.0 + 1e-9, "{mean}");
        prop_assert!(ever <= 0.05, "{ever}");
    }

    #[test]
    fn no_failure_of_a_control_never_passes(canaries in 0_i64..40, controls in 0_i64..400) {
        let report = judged(&class("a", (canaries, 0), (controls, 0)));
        prop_assert!(report.outcome != Outcome::Pass && report.outcome != Outcome::Fail);
    }
}
