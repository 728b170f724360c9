//! Rollouts from their beginning to their end.

use wavegate_common::{
    BootId, CommandId, HostId, HostPhase, Millis, PauseReason, RolloutPhase, Scope, Timestamp,
    TransactionStep,
};

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

/// A fleet whose first canary is where `until` says, and the rollout as it was stored before
/// anything began.
fn restored(until: fn(&HostPhase) -> bool) -> (Fleet, HostId) {
    let mut fleet = Fleet::new(60, 2, 5);
    fleet.start(&spec(""));
    let backup = fleet.rollouts.clone();
    let find = |fleet: &Fleet| {
        fleet.rollout().hosts.iter().find(|host| until(&host.phase)).map(|host| host.host)
    };
    for _ in 0..100 {
        if let Some(host) = find(&fleet) {
            fleet.rollouts = backup;
            return (fleet, host);
        }
        let plan = fleet.pass();
        fleet.obey(&plan, Millis::secs(20));
    }
    panic!("no host came so far")
}

#[test]
fn a_host_on_trial_under_an_order_that_a_backup_does_not_know_is_taken_over_and_confirmed() {
    let (mut fleet, host) = restored(|phase| phase.name() == "verifying");
    fleet.alter(host, |report| {
        let order = report.transaction.as_mut().unwrap();
        order.command = CommandId(77);
        order.step = TransactionStep::Verified;
    });
    let plan = fleet.pass();
    assert_eq!(fleet.rollout().host(host).unwrap().phase.name(), "verifying");
    fleet.obey(&plan, Millis::secs(20));
    for _ in 0..3 {
        let plan = fleet.pass();
        fleet.obey(&plan, Millis::secs(20));
    }
    assert_eq!(fleet.rollout().host(host).unwrap().phase.name(), "updated");
}

#[test]
fn a_host_that_fell_back_after_the_backup_was_taken_is_not_tried_again() {
    let (mut fleet, host) = restored(|phase| phase.name() == "rebooting");
    let phase = |fleet: &Fleet| fleet.rollout().host(host).unwrap().phase.name();
    fleet.alter(host, |report| {
        let evidence = "kernel panic".to_owned();
        let order = report.transaction.as_mut().unwrap();
        order.step = TransactionStep::FellBack { evidence };
        report.boot.boot_id = BootId(77);
    });
    fleet.pass();
    assert_eq!(phase(&fleet), "failed");
    assert_eq!(fleet.phase().name(), "paused");
}

#[test]
fn a_retry_by_a_person_is_not_taken_for_something_that_a_backup_forgot() {
    let mut fleet = Fleet::new(60, 2, 5);
    fleet.start(&spec(""));
    let bad: Vec<HostId> =
        fleet.inventory.hosts().iter().filter(|h| h.labels["role"] == "c1").map(|h| h.id).collect();
    fleet.falls_back.extend(bad);
    assert_eq!(fleet.run(200).name(), "paused");
    let class = fleet.rollout().blocked.keys().next().copied().unwrap();
    let retry = vec![fleet.rollout().classes[class as usize].clone()];
    fleet.falls_back.clear();
    let events = request(fleet.rollout(), &Request::Resume { retry }, "bob", "mended", fleet.now);
    for event in events.unwrap() {
        fleet.apply(&event);
    }
    assert_eq!(fleet.run(2_000), &RolloutPhase::Succeeded);
    assert_eq!(fleet.count("updated"), 60);
}

#[test]
fn a_bake_dated_by_a_clock_that_was_years_ahead_is_watched_anew_and_ends() {
    let mut fleet = Fleet::new(60, 2, 5);
    fleet.start(&spec(""));
    let right = fleet.now;
    fleet.now = right.after(Millis::hours(24 * 365 * 10));
    for _ in 0..100 {
        let plan = fleet.pass();
        fleet.obey(&plan, Millis::secs(20));
        if matches!(fleet.phase(), RolloutPhase::Baking { .. }) {
            break;
        }
    }
    fleet.now = right.after(Millis::mins(30));
    let hosts: Vec<HostId> = fleet.inventory.hosts().iter().map(|record| record.id).collect();
    hosts.iter().for_each(|host| fleet.inventory.seen(*host, fleet.now));
    fleet.pass();
    let RolloutPhase::Baking { wave: 0, until } = *fleet.phase() else { panic!("must bake") };
    assert_eq!(until, fleet.now.after(Millis::mins(10)));
    assert!(!fleet.happened("redated").is_empty());
    assert_eq!(fleet.run(2_000), &RolloutPhase::Succeeded);
}

#[test]
fn what_was_heard_in_the_future_proves_nothing() {
    let mut fleet = Fleet::new(60, 2, 5);
    fleet.now = Timestamp(fleet.now.0 - 3_600_000);
    fleet.start(&spec(""));
    let plan = fleet.pass();
    assert_eq!(plan.events, []);
    assert_eq!(fleet.why(HostId(1)).unwrap().kind(), "failure_domain_dark");
}

#[test]
fn a_permitted_host_that_knows_nothing_of_its_order_is_asked_to_give_it_up() {
    let mut fleet = Fleet::new(60, 2, 5);
    fleet.start(&spec(""));
    let host = loop {
        let plan = fleet.pass();
        if let Some(host) = fleet.happened("permitted").first() {
            break *host;
        }
        fleet.obey(&plan, Millis::secs(20));
    };
    // It lost its ledger before it left.
    fleet.alter(host, |report| report.transaction = None);
    let later = fleet.rollout().spec.limits.boot.0 + 1_000;
    fleet.now = fleet.now.after(Millis(later));
    let hosts: Vec<HostId> = fleet.inventory.hosts().iter().map(|record| record.id).collect();
    hosts.iter().for_each(|host| fleet.inventory.seen(*host, fleet.now));
    let plan = fleet.pass();
    assert!(fleet.happened("cancel_ordered").contains(&host));
    assert_eq!(fleet.rollout().host(host).unwrap().phase.name(), "rebooting");
    fleet.obey(&plan, Millis::secs(20));
    fleet.pass();
    assert_eq!(fleet.rollout().host(host).unwrap().phase.name(), "staged");
}

#[test]
fn hosts_that_fall_silent_without_our_doing_are_told_of() {
    let mut fleet = Fleet::new(60, 2, 5);
    fleet.start(&spec(""));
    fleet.silent.insert(HostId(7));
    let told = |plan: &crate::Plan| {
        let silent = plan.alerts.iter().find(|alert| alert.key.ends_with("/silent"));
        silent.map(|alert| alert.hosts.clone())
    };
    let plan = fleet.pass();
    assert_eq!(told(&plan), None);
    fleet.obey(&plan, Millis::hours(2));
    assert_eq!(told(&fleet.pass()), Some(vec![HostId(7)]));
}

#[test]
fn the_word_to_give_up_is_answered_by_the_fence_of_a_host_that_was_busy_with_another_order() {
    let mut fleet = Fleet::new(60, 2, 5);
    fleet.start(&spec(""));
    let host = loop {
        let plan = fleet.pass();
        if let Some(host) = fleet.rollout().hosts.iter().find(|h| h.phase.name() == "draining") {
            break host.host;
        }
        fleet.obey(&plan, Millis::secs(20));
    };
    fleet.alter(host, |report| report.transaction.as_mut().unwrap().command = CommandId(77));
    let events = request(fleet.rollout(), &Request::Pause, "bob", "lunch", fleet.now).unwrap();
    fleet.apply(&events[0]);
    fleet.pass();
    let phase = |fleet: &Fleet| fleet.rollout().host(host).unwrap().phase.name();
    assert_eq!(phase(&fleet), "draining");
    let seen = fleet.generation;
    fleet.alter(host, |report| report.generation = seen);
    fleet.pass();
    assert_eq!(phase(&fleet), "staged");
}
