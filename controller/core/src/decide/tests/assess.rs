//! What follows from the gate's statistics.

use wavegate_common::{
    Assessment, ClassAssessment, Digest, Finding, HostClass, Metric, RolloutPhase, Scope, Verdict,
};

use crate::request::{Request, request};
use crate::testbed::{Fleet, spec};

const JUDGE: &str = "judge:\n  metrics:\n    - name: io.read_latency/p99";

fn fleet() -> Fleet {
    let mut fleet = Fleet::new(120, 3, 10);
    fleet.start(&spec(JUDGE));
    fleet
}

fn class(fleet: &Fleet, role: &str) -> HostClass {
    let of = |class: &&HostClass| class.as_str().ends_with(&format!("/{role}"));
    fleet.rollout().classes.iter().find(of).unwrap().clone()
}

fn slow(class: &HostClass) -> Verdict {
    Verdict::Fail {
        scope: Scope::Class(class.clone()),
        findings: vec![Finding {
            metric: Metric::Performance,
            class: Some(class.clone()),
            name: Some("io.read_latency/p99".parse().unwrap()),
            effect_ppm: 180_000,
            interval_ppm: (120_000, 240_000),
            evidence: "reads take 18 % longer".to_owned(),
            hosts: Vec::new(),
        }],
    }
}

/// Says the same of every class but one.
fn say(fleet: &mut Fleet, usual: &Verdict, other: Option<(&str, Verdict)>) {
    let named = other.map(|(role, verdict)| (class(fleet, role), verdict));
    let classes = fleet.rollout().classes.iter().map(|class| {
        let other = named.as_ref().filter(|(name, _)| name == class);
        let verdict = other.map_or(usual, |(_, verdict)| verdict).clone();
        ClassAssessment { class: class.clone(), verdict, metrics: Vec::new() }
    });
    let classes = classes.collect();
    let says = Assessment { at: fleet.now, evidence: Digest([1; 32]), classes };
    fleet.assessments.insert(fleet.rollout().id, says);
}

fn ask(fleet: &mut Fleet, wanted: &Request) {
    let events = request(fleet.rollout(), wanted, "bob", "seen", fleet.now).unwrap();
    for event in events {
        fleet.apply(&event);
    }
}

#[test]
fn without_a_word_from_the_statistics_no_gate_opens() {
    let mut fleet = fleet();
    assert!(matches!(fleet.run(300), RolloutPhase::Baking { wave: 0, .. }));
    let wave = &fleet.reports[&fleet.rollout().id].waves[0];
    assert_eq!(wave.verdict.as_ref().unwrap().name(), "extend");
    let (waiting, _) = fleet.reports[&fleet.rollout().id].waiting.as_ref().unwrap();
    assert_eq!(waiting.kind(), "gate_data");
    say(&mut fleet, &Verdict::Pass, None);
    assert_eq!(fleet.run(3_000), &RolloutPhase::Succeeded);
}

#[test]
fn a_worse_class_stops_and_the_others_go_on() {
    let mut fleet = fleet();
    let bad = class(&fleet, "c1");
    say(&mut fleet, &Verdict::Pass, Some(("c1", slow(&bad))));
    let RolloutPhase::Paused { reason, .. } = fleet.run(3_000).clone() else {
        panic!("what is left needs a person")
    };
    let wavegate_common::PauseReason::Gate { scope, findings, .. } = reason else {
        panic!("{reason}")
    };
    assert_eq!(scope, Scope::Class(bad.clone()));
    assert_eq!(findings[0].evidence, "reads take 18 % longer");
    // It is told as long as it lasts, as one thing, before the pause and after.
    let told =
        |plan: &crate::Plan| plan.alerts.iter().map(|alert| alert.key.clone()).collect::<Vec<_>>();
    let key = format!("{}/stopped/{bad}", fleet.rollout().id);
    for _ in 0..2 {
        assert_eq!(told(&fleet.pass()), std::slice::from_ref(&key));
    }
    // One canary of the class had moved when it was seen; every other host is through.
    let stopped = fleet.rollout().hosts.iter().filter(|h| !h.phase.is_settled());
    assert!(stopped.clone().count() >= 35, "{}", stopped.count());
    assert!(fleet.count("updated") >= 80);
    // A false alarm: a person answers for the class.
    ask(&mut fleet, &Request::Accept { classes: vec![bad] });
    ask(&mut fleet, &Request::Resume { retry: vec![] });
    assert_eq!(fleet.run(3_000), &RolloutPhase::Succeeded);
    assert_eq!(fleet.count("updated"), 120);
}

#[test]
fn what_cannot_be_told_waits_for_a_person() {
    let mut fleet = fleet();
    let unclear = Verdict::Inconclusive { why: "4 controls are too few".to_owned() };
    say(&mut fleet, &Verdict::Pass, Some(("c2", unclear)));
    assert!(matches!(fleet.run(300), RolloutPhase::Baking { wave: 0, .. }));
    let (waiting, _) = fleet.reports[&fleet.rollout().id].waiting.clone().unwrap();
    assert_eq!(waiting.kind(), "approval");
    assert!(waiting.to_string().contains("4 controls are too few"), "{waiting}");
    let class = class(&fleet, "c2");
    ask(&mut fleet, &Request::Accept { classes: vec![class] });
    assert_eq!(fleet.run(3_000), &RolloutPhase::Succeeded);
}

#[test]
fn only_classes_of_the_rollout_can_be_accepted() {
    let fleet = fleet();
    let asks = |classes: &[&str]| {
        let classes = classes.iter().map(|class| HostClass::from(*class)).collect();
        request(fleet.rollout(), &Request::Accept { classes }, "bob", "so", fleet.now)
    };
    assert!(asks(&["nothing/like/it"]).is_err());
    assert!(asks(&[]).is_err());
    let mut plain = Fleet::new(60, 2, 5);
    plain.start(&spec(""));
    let classes = plain.rollout().classes.clone();
    let nothing = request(plain.rollout(), &Request::Accept { classes }, "bob", "so", plain.now);
    assert!(nothing.unwrap_err().why.contains("nothing is compared"));
}

#[test]
fn a_class_that_has_passed_need_not_prove_it_again_but_can_still_be_stopped() {
    let mut fleet = fleet();
    say(&mut fleet, &Verdict::Pass, None);
    while !matches!(fleet.phase(), RolloutPhase::Rolling { wave: 1 }) {
        let plan = fleet.pass();
        fleet.obey(&plan, wavegate_common::Millis::secs(20));
    }
    assert_eq!(fleet.rollout().passed.len(), 3);
    // With fewer controls than at first nothing can be shown any more.
    let few = Verdict::Extend { missing: "3 controls are too few".to_owned() };
    let bad = class(&fleet, "c1");
    say(&mut fleet, &few, Some(("c1", slow(&bad))));
    assert_eq!(fleet.run(3_000).name(), "paused");
    assert!(fleet.rollout().blocked.len() == 1 && fleet.count("updated") >= 80);
}
