//! Rollouts from their beginning to their end.

use wavegate_common::{HostId, Millis, PauseReason, RolloutPhase, Scope};

use crate::request::{Request, request};
use crate::testbed::{Fleet, spec};

#[test]
fn a_healthy_fleet_is_updated_wave_by_wave() {
    let mut fleet = Fleet::new(240, 12, 20);
    fleet.start(&spec(""));
    assert_eq!(fleet.run(2_000), &RolloutPhase::Succeeded);
    assert_eq!(fleet.count("updated"), 240);
    let order: Vec<u16> = fleet
        .happened("permitted")
        .into_iter()
        .map(|id| fleet.rollout().host(id).unwrap().wave)
        .collect();
    assert!(order.is_sorted(), "waves overlap: {order:?}");
    assert_eq!(order.first(), Some(&0));
}

#[test]
fn a_class_that_falls_back_pauses_it_after_one_host() {
    let mut fleet = Fleet::new(240, 12, 20);
    fleet.start(&spec(""));
    let bad: Vec<HostId> =
        fleet.inventory.hosts().iter().filter(|h| h.labels["role"] == "c3").map(|h| h.id).collect();
    fleet.falls_back.extend(bad);
    let RolloutPhase::Paused { reason: PauseReason::Gate { wave, scope, .. }, .. } =
        fleet.run(2_000).clone()
    else {
        panic!("must pause")
    };
    assert_eq!(wave, 0);
    assert!(matches!(&scope, Scope::Class(class) if class.as_str().ends_with("/c3")), "{scope}");
    assert_eq!(fleet.count("failed"), 1);
    // Resumed, the rest goes on without the class; nothing of it is tried again.
    let events =
        request(fleet.rollout(), &Request::Resume { retry: vec![] }, "bob", "seen", fleet.now);
    for event in events.unwrap() {
        fleet.apply(&event);
    }
    assert_eq!(fleet.run(2_000), &RolloutPhase::Succeeded);
    assert_eq!(
        (fleet.count("failed"), fleet.count("updated"), fleet.count("excluded")),
        (1, 220, 19)
    );
}

#[test]
fn hosts_that_never_return_are_lost_and_hold_their_slot() {
    let mut fleet = Fleet::new(60, 2, 5);
    fleet.start(&spec(""));
    for _ in 0..10 {
        let plan = fleet.pass();
        let granted: Vec<HostId> = plan.permits.iter().map(|answer| answer.host).collect();
        fleet.silent.extend(granted);
        fleet.obey(&plan, Millis::secs(20));
    }
    assert!(!fleet.silent.is_empty());
    fleet.run(100);
    assert_eq!(fleet.count("lost"), fleet.silent.len());
    assert_eq!(fleet.phase().name(), "paused");
    let lost = *fleet.silent.iter().next().unwrap();
    assert_eq!(fleet.why(lost).unwrap().kind(), "host_lost");
}

#[test]
fn an_unasked_reboot_while_baking_closes_the_gate() {
    let mut fleet = Fleet::new(60, 2, 5);
    fleet.start(&spec(""));
    while !matches!(fleet.phase(), RolloutPhase::Baking { .. }) {
        let plan = fleet.pass();
        fleet.obey(&plan, Millis::secs(20));
    }
    let victim = fleet.happened("confirmed")[0];
    fleet.crash(victim);
    let plan = fleet.pass();
    assert!(plan.alerts.iter().any(|alert| alert.hosts == [victim]));
    let RolloutPhase::Paused { reason, .. } = fleet.phase() else { panic!("must pause") };
    assert!(reason.to_string().contains("rebooted unasked"), "{reason}");
}

#[test]
fn a_pause_cancels_hosts_that_drain_and_denies_their_permits() {
    let mut fleet = Fleet::new(60, 2, 5);
    fleet.start(&spec(""));
    while fleet.requests.is_empty() {
        let plan = fleet.pass();
        fleet.obey(&plan, Millis::secs(1));
    }
    let events = request(fleet.rollout(), &Request::Pause, "bob", "lunch", fleet.now).unwrap();
    fleet.apply(&events[0]);
    let plan = fleet.pass();
    assert!(!plan.permits.is_empty());
    for answer in &plan.permits {
        assert!(matches!(answer.decision, wavegate_common::PermitDecision::Denied(_)));
    }
    assert!(!fleet.happened("cancel_ordered").is_empty());
    fleet.obey(&plan, Millis::secs(1));
    fleet.pass();
    assert_eq!(fleet.count("draining"), 0);
    assert_eq!(fleet.happened("permitted"), []);
}

#[test]
fn a_rollback_takes_every_host_back() {
    let mut fleet = Fleet::new(60, 2, 5);
    fleet.start(&spec(""));
    while fleet.count("updated") < 12 {
        let plan = fleet.pass();
        fleet.obey(&plan, Millis::secs(20));
    }
    let events = request(fleet.rollout(), &Request::Rollback, "bob", "slow", fleet.now).unwrap();
    fleet.apply(&events[0]);
    fleet.run(500);
    assert_eq!(fleet.phase().name(), "aborted");
    assert!(fleet.count("rolled_back") >= 12);
    assert_eq!(fleet.count("updated"), 0);
    let old = fleet
        .inventory
        .hosts()
        .iter()
        .all(|host| host.report.as_ref().unwrap().boot.kernel.as_str() == crate::testbed::OLD);
    assert!(old);
}

#[test]
fn an_abort_lets_hosts_under_way_come_to_rest() {
    let mut fleet = Fleet::new(60, 2, 5);
    fleet.start(&spec(""));
    while fleet.happened("permitted").is_empty() {
        let plan = fleet.pass();
        fleet.obey(&plan, Millis::secs(20));
    }
    let events = request(fleet.rollout(), &Request::Abort, "bob", "no", fleet.now).unwrap();
    fleet.apply(&events[0]);
    for _ in 0..20 {
        let plan = fleet.pass();
        fleet.obey(&plan, Millis::secs(20));
    }
    assert_eq!(fleet.phase().name(), "aborted");
    assert!(fleet.rollout().hosts.iter().all(|host| host.phase.is_settled()));
}

#[test]
fn pauses_do_not_use_up_a_hosts_attempts() {
    let mut fleet = Fleet::new(60, 2, 5);
    fleet.start(&spec(""));
    for _ in 0..10 {
        while fleet.count("draining") == 0 {
            let plan = fleet.pass();
            fleet.obey(&plan, Millis::secs(1));
        }
        for wanted in [Request::Pause, Request::Resume { retry: vec![] }] {
            let events = request(fleet.rollout(), &wanted, "bob", "again", fleet.now).unwrap();
            for event in events {
                fleet.apply(&event);
            }
            for _ in 0..2 {
                let plan = fleet.pass();
                fleet.obey(&plan, Millis::secs(1));
            }
        }
    }
    assert_eq!(fleet.run(2_000), &RolloutPhase::Succeeded);
}

#[test]
fn a_host_that_keeps_giving_up_fails() {
    let mut fleet = Fleet::new(60, 2, 5);
    fleet.policy.attempts = 3;
    fleet.start(&spec(""));
    let busy: Vec<HostId> = fleet.inventory.hosts().iter().map(|host| host.id).collect();
    fleet.gives_up.extend(busy);
    fleet.run(200);
    let RolloutPhase::Paused { reason, .. } = fleet.phase() else { panic!("must pause") };
    assert!(reason.to_string().contains("could not carry out a step"), "{reason}");
    assert_eq!(fleet.happened("permitted"), []);
}
