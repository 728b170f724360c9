//! Tests of transitions: what may happen to a host in each phase is a closed table.

use wavegate_common::{
    BootId, CommandId, Direction, ExcludeReason, FailReason, FailStep, Generation, HostId,
    HostPhase, OpenOrder, OrderKind, RolloutHost, RolloutPhase, Timestamp,
};

use super::{apply_to, change_host};
use crate::event::{Event, HostChange, RolloutChange};
use crate::testbed::{Fleet, OLD, spec};

fn order(kind: OrderKind) -> OpenOrder {
    OpenOrder {
        id: CommandId(1),
        kind,
        generation: Generation(5),
        boot_id: BootId(1),
        running: OLD.into(),
    }
}

fn phases() -> Vec<HostPhase> {
    let at = Timestamp(1);
    vec![
        HostPhase::Pending,
        HostPhase::Staging { since: at },
        HostPhase::Staged,
        HostPhase::Draining { since: at },
        HostPhase::Rebooting { from: BootId(1), deadline: at },
        HostPhase::Verifying { since: at, boot: BootId(2) },
        HostPhase::Updated { at, boot: BootId(2) },
        HostPhase::RolledBack,
        HostPhase::Failed { step: FailStep::Boot, reason: failure() },
        HostPhase::Lost,
        HostPhase::Excluded { reason: ExcludeReason::AlreadyThere },
    ]
}

fn failure() -> FailReason {
    FailReason::Step { error: "no".into() }
}

fn changes() -> Vec<HostChange> {
    let (by, reason) = ("ann".to_owned(), "why".to_owned());
    vec![
        HostChange::StageOrdered { order: order(OrderKind::Stage) },
        HostChange::Staged,
        HostChange::ActivateOrdered {
            order: order(OrderKind::Activate),
            direction: Direction::Forward,
            from: OLD.into(),
        },
        HostChange::ActivateOrdered {
            order: order(OrderKind::Activate),
            direction: Direction::Back,
            from: OLD.into(),
        },
        HostChange::CancelOrdered { order: order(OrderKind::Cancel) },
        HostChange::StoodDown { reason: "no".into(), not_before: Timestamp(2) },
        HostChange::Permitted { from: BootId(1), deadline: Timestamp(2) },
        HostChange::CameBack { boot: BootId(2) },
        HostChange::ConfirmOrdered { order: order(OrderKind::Confirm) },
        HostChange::Confirmed,
        HostChange::Rebooted { boot: BootId(3) },
        HostChange::Redated { deadline: Timestamp(2), not_before: Timestamp(2) },
        HostChange::Failed { step: FailStep::Boot, reason: failure() },
        HostChange::Lost,
        HostChange::Excluded { reason: ExcludeReason::Ended },
        HostChange::Retried { by, reason },
    ]
}

/// For each change: its name and the phases in which it may happen.
const TABLE: [(&str, &str); 16] = [
    ("stage_ordered", "pending"),
    ("staged", "staging"),
    ("activate_ordered", "staged"),
    ("activate_ordered back", "draining verifying updated failed"),
    ("cancel_ordered", "staging draining rebooting lost"),
    ("stood_down", "staging draining rebooting lost"),
    ("permitted", "draining"),
    ("came_back", "pending staging staged draining rebooting lost"),
    ("confirm_ordered", "verifying"),
    ("confirmed", "verifying"),
    ("rebooted", "updated"),
    ("redated", "staging draining rebooting verifying updated"),
    (
        "failed",
        "pending staging staged draining rebooting verifying updated rolled_back failed lost",
    ),
    ("lost", "rebooting verifying"),
    ("excluded", "pending staging staged draining verifying updated rolled_back failed lost"),
    ("retried", "failed"),
];

#[test]
fn the_table_of_host_transitions_holds() {
    for (change, (name, allowed)) in changes().iter().zip(TABLE) {
        let mut legal = Vec::new();
        for phase in phases() {
            let mut host = RolloutHost::new(HostId(1), 0, 0);
            host.came_from = Some(OLD.into());
            host.order = Some(order(OrderKind::Activate));
            host.phase = phase.clone();
            let before = host.clone();
            match change_host(&mut host, change, Timestamp(9)) {
                Ok(()) => legal.push(phase.name()),
                Err(_) => assert_eq!(host, before, "a refused change changed something"),
            }
        }
        assert_eq!(legal.join(" "), allowed, "{name}");
    }
}

#[test]
fn an_older_order_does_not_replace_a_newer_one() {
    let mut host = RolloutHost::new(HostId(1), 0, 0);
    host.phase = HostPhase::Verifying { since: Timestamp(1), boot: BootId(2) };
    host.order = Some(OpenOrder { generation: Generation(9), ..order(OrderKind::Activate) });
    let change = HostChange::ConfirmOrdered { order: order(OrderKind::Confirm) };
    assert!(change_host(&mut host, &change, Timestamp(9)).is_err());
}

#[test]
fn a_host_that_stands_down_on_the_way_back_has_failed() {
    let mut host = RolloutHost::new(HostId(1), 0, 0);
    host.phase = HostPhase::Draining { since: Timestamp(1) };
    host.direction = Direction::Back;
    let change = HostChange::StoodDown { reason: "busy".into(), not_before: Timestamp(2) };
    change_host(&mut host, &change, Timestamp(9)).unwrap();
    assert_eq!(host.phase.name(), "failed");
}

#[test]
fn phases_follow_each_other_in_one_order_only() {
    let canary = RolloutPhase::Canary;
    let rolling = |wave| RolloutPhase::Rolling { wave };
    let baking = |wave| RolloutPhase::Baking { wave, until: Timestamp(1) };
    for (from, to, legal) in [
        (canary.clone(), baking(0), true),
        (canary.clone(), baking(1), false),
        (baking(0), rolling(1), true),
        (baking(1), rolling(1), false),
        (baking(1), baking(1), true),
        (baking(1), baking(2), false),
        (rolling(1), baking(1), true),
        (rolling(1), rolling(2), false),
        (rolling(1), RolloutPhase::Succeeded, false),
        (baking(4), RolloutPhase::Succeeded, true),
        (RolloutPhase::Draft, canary, true),
        (RolloutPhase::Succeeded, rolling(1), false),
        (RolloutPhase::RollingBack, rolling(1), false),
    ] {
        let mut fleet = Fleet::new(4, 1, 1);
        fleet.start(&spec(""));
        let rollout = &mut fleet.rollouts[0];
        rollout.phase = from.clone();
        let change = RolloutChange::Moved { to: to.clone() };
        let event = Event { rollout: rollout.id, at: Timestamp(1), change };
        assert_eq!(apply_to(rollout, &event).is_ok(), legal, "{from:?} to {to:?}");
    }
}
