use super::*;
use wavegate_common::Share;

fn bad(host: u128, metric: Metric, rack: &str) -> BadHost {
    let domain = FailureDomain { key: "rack".into(), value: rack.into() };
    BadHost { host: HostId(host), metric, domains: vec![domain] }
}

fn class(name: &str, moved: u64, good: u64, bad: Vec<BadHost>) -> ClassEvidence {
    ClassEvidence { class: name.into(), moved, expected: 5, good, bad }
}

fn evidence(wave: u16, classes: Vec<ClassEvidence>) -> WaveEvidence {
    let good = classes.iter().map(|c| c.good).sum();
    WaveEvidence { wave, open: 0, good, reporting: good, classes }
}

fn verdict(evidence: &WaveEvidence) -> Verdict {
    judge(&GateRule::default(), 3, evidence)
}

#[test]
fn all_good_passes() {
    assert_eq!(verdict(&evidence(0, vec![class("a", 5, 5, vec![])])), Verdict::Pass);
}

#[test]
fn no_data_never_passes() {
    assert_eq!(verdict(&evidence(0, vec![])).name(), "extend");
    assert_eq!(verdict(&evidence(1, vec![class("a", 0, 0, vec![])])).name(), "extend");
    let mut silent = evidence(1, vec![class("a", 100, 100, vec![])]);
    silent.reporting = 94;
    assert_eq!(verdict(&silent).name(), "extend");
    silent.reporting = 95;
    assert_eq!(verdict(&silent), Verdict::Pass);
    let mut open = evidence(1, vec![class("a", 5, 5, vec![])]);
    open.open = 1;
    assert_eq!(verdict(&open).name(), "extend");
}

#[test]
fn too_few_canaries_of_a_class_extend() {
    let two = evidence(0, vec![class("a", 5, 5, vec![]), class("b", 2, 2, vec![])]);
    assert_eq!(verdict(&two).name(), "extend");
    // In a wave the classes need not all be there.
    assert_eq!(verdict(&WaveEvidence { wave: 1, ..two }), Verdict::Pass);
}

#[test]
fn one_bad_canary_closes_it_for_the_class() {
    let one = evidence(
        0,
        vec![class("a", 5, 5, vec![]), class("b", 1, 0, vec![bad(7, Metric::Lost, "r1")])],
    );
    let Verdict::Fail { scope, findings } = verdict(&one) else { panic!("must fail") };
    assert_eq!(scope, Scope::Class("b".into()));
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].evidence, "1 of 1 hosts of b did not come back in time");
    assert_eq!(findings[0].hosts, [HostId(7)]);
}

#[test]
fn a_wave_bears_one_bad_host_of_a_class_but_not_two() {
    let one = vec![bad(1, Metric::FellBack, "r1")];
    let two = vec![bad(1, Metric::FellBack, "r1"), bad(2, Metric::Lost, "r2")];
    assert_eq!(verdict(&evidence(1, vec![class("a", 50, 49, one)])), Verdict::Pass);
    let Verdict::Fail { scope, findings } = verdict(&evidence(1, vec![class("a", 50, 48, two)]))
    else {
        panic!("must fail")
    };
    assert_eq!(scope, Scope::Class("a".into()));
    assert_eq!(findings.len(), 2);
}

#[test]
fn one_bad_host_in_each_of_two_classes_shares_the_rack_or_nothing() {
    let wave = |rack: &str| {
        evidence(
            2,
            vec![
                class("a", 50, 49, vec![bad(1, Metric::FellBack, "r1")]),
                class("b", 50, 49, vec![bad(2, Metric::FellBack, rack)]),
            ],
        )
    };
    let scope_of = |evidence| match verdict(&evidence) {
        Verdict::Fail { scope, .. } => scope,
        other => panic!("must fail, not {other:?}"),
    };
    assert_eq!(scope_of(wave("r2")), Scope::Rollout);
    assert_eq!(scope_of(wave("r1")).to_string(), "domain rack=r1");
}

#[test]
fn thresholds_come_from_the_rule() {
    let rule = GateRule { canary_failures: 1, failures: Share(500_000), ..GateRule::default() };
    let one = evidence(0, vec![class("a", 5, 4, vec![bad(1, Metric::HealthChecks, "r1")])]);
    assert_eq!(judge(&rule, 3, &one), Verdict::Pass);
}
