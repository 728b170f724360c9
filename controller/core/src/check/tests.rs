//! Tests of the second opinion: a sound plan, bent in one place, must be refused for that.

use wavegate_common::{Generation, HostId, Millis, PermitDecision, RolloutPhase, Verdict};

use super::check;
use crate::event::{HostChange, RolloutChange};
use crate::testbed::{Fleet, spec};
use crate::{Event, Plan, PlanningInput, Rollout, Violation, decide};

/// Runs a fleet until the next plan meets a condition, bends that plan, and returns what the
/// second opinion says of it.
fn bent(fits: impl Fn(&Fleet, &Plan) -> bool, bend: impl FnOnce(&mut Fleet, &mut Plan)) -> Vec<u8> {
    let mut fleet = Fleet::new(60, 2, 5);
    fleet.start(&spec(""));
    for _ in 0..2_000 {
        let (rollouts, plan) = plan(&fleet);
        if fits(&fleet, &plan) {
            let mut plan = plan;
            assert_eq!(judge(&fleet, &rollouts, &plan), vec![]);
            bend(&mut fleet, &mut plan);
            let rollouts: Vec<Rollout> = fleet.rollouts.clone();
            return judge(&fleet, &rollouts, &plan).iter().map(|v| v.invariant).collect();
        }
        let plan = fleet.pass();
        fleet.obey(&plan, Millis::secs(20));
    }
    panic!("no plan fits");
}

fn input<'a>(fleet: &'a Fleet, rollouts: &'a [Rollout]) -> PlanningInput<'a> {
    PlanningInput {
        now: fleet.now,
        up_since: wavegate_common::Timestamp(0),
        parent: fleet.generation,
        policy: &fleet.policy,
        inventory: &fleet.inventory,
        rollouts,
        reports: &fleet.reports,
        known_bad: &fleet.known_bad,
        assessments: &fleet.assessments,
        permit_requests: &fleet.requests,
    }
}

fn plan(fleet: &Fleet) -> (Vec<Rollout>, Plan) {
    let rollouts = fleet.rollouts.clone();
    let plan = decide(&input(fleet, &rollouts));
    (rollouts, plan)
}

fn judge(fleet: &Fleet, rollouts: &[Rollout], plan: &Plan) -> Vec<Violation> {
    check(&input(fleet, rollouts), plan)
}

fn has(plan: &Plan, name: &str) -> bool {
    plan.events.iter().any(|event| match &event.change {
        RolloutChange::Host { change, .. } => change.name() == name,
        _ => false,
    })
}

fn changes<'a>(plan: &'a mut Plan, name: &'a str) -> impl Iterator<Item = &'a mut HostChange> {
    plan.events.iter_mut().filter_map(move |event| match &mut event.change {
        RolloutChange::Host { change, .. } if change.name() == name => Some(change),
        _ => None,
    })
}

fn starts(_: &Fleet, plan: &Plan) -> bool {
    has(plan, "activate_ordered")
}

fn grants(_: &Fleet, plan: &Plan) -> bool {
    plan.permits.iter().any(|answer| matches!(answer.decision, PermitDecision::Granted { .. }))
}

#[test]
fn i1_more_hosts_down_than_the_budget_allows() {
    let broken = bent(starts, |fleet, _| {
        // Everybody else in the rack is out of sight by now.
        fleet.now = fleet.now.after(Millis::hours(1));
    });
    assert!(broken.contains(&1), "{broken:?}");
}

#[test]
fn i2_a_permit_that_is_not_written_down() {
    let broken = bent(grants, |_, plan| {
        plan.events.retain(|event| {
            !matches!(
                &event.change,
                RolloutChange::Host { change: HostChange::Permitted { .. }, .. }
            )
        });
    });
    assert!(broken.contains(&2), "{broken:?}");
}

#[test]
fn i2_a_permit_nobody_asked_for() {
    let broken = bent(grants, |_, plan| plan.permits.clear());
    assert!(broken.contains(&2), "{broken:?}");
}

#[test]
fn i2_two_orders_to_one_host() {
    let broken = bent(starts, |_, plan| {
        let again = plan.commands[0].clone();
        plan.commands.push(again);
    });
    assert_eq!(broken, [2]);
}

#[test]
fn i3_a_host_of_a_later_wave_begins() {
    let broken = bent(starts, |fleet, plan| {
        let started = started(plan);
        let rollout = &mut fleet.rollouts[0];
        let host = rollout.hosts.iter_mut().find(|host| host.host == started).unwrap();
        host.wave = 3;
    });
    assert_eq!(broken, [3]);
}

#[test]
fn i3_a_gate_opens_without_a_verdict() {
    let moves = |_: &Fleet, plan: &Plan| {
        plan.events.iter().any(|event| {
            matches!(&event.change, RolloutChange::Moved { to: RolloutPhase::Rolling { .. } })
        })
    };
    let broken = bent(moves, |_, plan| {
        plan.reports[0].waves[0].verdict = Some(Verdict::Extend { missing: "data".into() });
    });
    assert_eq!(broken, [3]);
}

#[test]
fn i4_a_permit_while_the_rollout_is_paused() {
    let broken = bent(grants, |fleet, _| {
        let phase = fleet.rollouts[0].phase.clone();
        fleet.rollouts[0].phase = RolloutPhase::Paused {
            resume_to: Box::new(phase),
            reason: wavegate_common::PauseReason::Violation { text: "test".into() },
        };
    });
    assert!(broken.contains(&4), "{broken:?}");
}

#[test]
fn i6_an_order_of_an_old_plan() {
    let broken = bent(starts, |_, plan| {
        for change in changes(plan, "activate_ordered") {
            if let HostChange::ActivateOrdered { order, .. } = change {
                order.generation = Generation(1);
            }
        }
    });
    assert!(broken.contains(&6), "{broken:?}");
    let stale = bent(starts, |_, plan| plan.parent = Generation(1));
    assert_eq!(stale, [6]);
}

#[test]
fn i7_a_slot_freed_without_evidence() {
    let waits = |fleet: &Fleet, _: &Plan| fleet.count("rebooting") > 0;
    let broken = bent(waits, |fleet, plan| {
        let rollout = fleet.rollouts[0].id;
        let away = fleet.rollouts[0].hosts.iter().position(|h| h.phase.name() == "rebooting");
        let id = fleet.rollouts[0].hosts[away.unwrap()].host;
        // As if the host had not left the boot that the order is for.
        fleet.alter(id, |report| report.transaction = None);
        let boot = fleet.report(id).boot.boot_id;
        fleet.rollouts[0].hosts[away.unwrap()].order.as_mut().unwrap().boot_id = boot;
        let reason = wavegate_common::FailReason::Step { error: "late".into() };
        let change = HostChange::Failed { step: wavegate_common::FailStep::Boot, reason };
        plan.events.retain(
            |event| !matches!(&event.change, RolloutChange::Host { host, .. } if *host == id),
        );
        let change = RolloutChange::Host { host: id, change };
        plan.events.push(Event { rollout, at: fleet.now, change });
    });
    assert!(broken.contains(&7), "{broken:?}");
}

#[test]
fn i8_an_order_to_a_host_that_is_not_part_of_it() {
    let broken = bent(starts, |_, plan| plan.commands[0].host = HostId(999));
    assert!(broken.contains(&8), "{broken:?}");
}

#[test]
fn i8_a_host_without_a_reason() {
    let broken = bent(starts, |_, plan| {
        let groups = &mut plan.reports[0].hosts;
        groups.sort_by_key(|group| group.hosts.len());
        groups.pop();
    });
    assert!(!broken.is_empty() && broken.iter().all(|i| *i == 8), "{broken:?}");
}

#[test]
fn i9_a_gate_opens_on_hosts_nobody_hears_of() {
    let moves = |_: &Fleet, plan: &Plan| {
        plan.events.iter().any(|event| {
            matches!(&event.change, RolloutChange::Moved { to: RolloutPhase::Rolling { .. } })
        })
    };
    let broken = bent(moves, |fleet, _| fleet.now = fleet.now.after(Millis::hours(1)));
    assert!(broken.contains(&9), "{broken:?}");
}

#[test]
fn i13_a_host_begins_although_its_class_is_known_bad() {
    let broken = bent(starts, |fleet, plan| {
        let started = started(plan);
        let rollout = &mut fleet.rollouts[0];
        let class = rollout.host(started).unwrap().class;
        rollout.blocked.insert(class, "panicked".into());
    });
    assert_eq!(broken, [13]);
}

#[test]
fn i14_the_controllers_own_host_begins_before_the_last() {
    let broken = bent(starts, |fleet, plan| {
        fleet.policy.controller_host = Some(started(plan));
    });
    assert_eq!(broken, [14]);
}

fn started(plan: &Plan) -> HostId {
    let started = plan.events.iter().find_map(|event| match &event.change {
        RolloutChange::Host { host, change: HostChange::ActivateOrdered { .. } } => Some(*host),
        _ => None,
    });
    started.unwrap()
}
