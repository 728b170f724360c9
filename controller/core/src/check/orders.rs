//! I2, I6, I7, I8: orders, permits, and the evidence that frees a slot.

use std::collections::{BTreeMap, BTreeSet};

use wavegate_common::{
    Direction, HostId, HostPhase, OrderKind, PermitDecision, RolloutPhase, TransactionStep,
};

use super::opinion::Case;
use crate::event::HostChange;
use crate::input::{Plan, PlanningInput, Violation};

/// New orders carry this plan's generation; a slot is freed only by what the host said.
pub(super) fn check_changes(input: &PlanningInput<'_>, case: &Case<'_>, out: &mut Vec<Violation>) {
    let next = input.parent.next();
    for (id, change) in &case.changes {
        let Some(host) = case.rollout.host(*id) else {
            out.push(case.breaks(8, format!("host {id} is not part of the rollout")));
            continue;
        };
        match change {
            HostChange::StageOrdered { order }
            | HostChange::ActivateOrdered { order, .. }
            | HostChange::CancelOrdered { order }
            | HostChange::ConfirmOrdered { order }
                if order.generation != next =>
            {
                let text = format!("an order to {id} is of {}, not {next}", order.generation);
                out.push(case.breaks(6, text));
            }
            HostChange::StoodDown { .. } | HostChange::Failed { .. } | HostChange::Confirmed
                if host.phase.holds_slot() && !has_evidence(input, case, *id) =>
            {
                out.push(case.breaks(7, format!("host {id} leaves its slot without evidence")));
            }
            _ => {}
        }
    }
}

/// Whether the host's last report shows that it has come to rest: another boot than the one the
/// order was given in, or a transaction that has ended, or a host that is seen to be overdue.
fn has_evidence(input: &PlanningInput<'_>, case: &Case<'_>, id: HostId) -> bool {
    let report = input.inventory.get(id).and_then(|record| record.report.as_deref());
    let (Some(report), Some(host)) = (report, case.rollout.host(id)) else { return false };
    let moved = host.order.as_ref().is_some_and(|order| order.boot_id != report.boot.boot_id);
    let ended = report.transaction.as_ref().is_some_and(|transaction| {
        matches!(
            transaction.step,
            TransactionStep::Aborted { .. }
                | TransactionStep::Failed { .. }
                | TransactionStep::FellBack { .. }
                | TransactionStep::Confirmed
        )
    });
    let overdue = matches!(host.phase, HostPhase::Verifying { .. });
    // It has seen the word to give up, and so refuses whatever is older than that.
    let fenced = host.order.as_ref().is_some_and(|order| {
        order.kind == OrderKind::Cancel && order.generation <= report.generation
    });
    moved || ended || overdue || fenced
}

/// At most one order per host, to hosts of open rollouts, never newer than this plan.
pub(super) fn check_commands(
    input: &PlanningInput<'_>,
    plan: &Plan,
    cases: &[Case<'_>],
    out: &mut Vec<Violation>,
) {
    let mut seen: BTreeSet<HostId> = BTreeSet::new();
    for command in &plan.commands {
        let broken =
            |invariant, text| Violation { invariant, rollout: Some(command.rollout), text };
        if !seen.insert(command.host) {
            out.push(broken(2, format!("two orders to host {}", command.host)));
        }
        if command.generation > input.parent.next() {
            out.push(broken(6, format!("an order of {} before its time", command.generation)));
        }
        let case = cases.iter().find(|case| case.rollout.id == command.rollout);
        if case.is_none_or(|case| case.rollout.host(command.host).is_none()) {
            out.push(broken(8, format!("an order to host {}, which is not in it", command.host)));
        }
    }
}

/// A grant answers an open order of a host that drains in a rollout that moves, once, and is an
/// event of the same plan.
pub(super) fn check_permits(plan: &Plan, cases: &[Case<'_>], out: &mut Vec<Violation>) {
    let mut granted: BTreeMap<HostId, u64> = BTreeMap::new();
    for answer in &plan.permits {
        if !matches!(answer.decision, PermitDecision::Granted { .. }) {
            continue;
        }
        let found = cases.iter().find_map(|case| {
            let host = case.rollout.host(answer.host)?;
            let order = host.order.as_ref().filter(|order| order.id == answer.command)?;
            Some((case, host, order))
        });
        let Some((case, host, order)) = found else {
            let text = format!("a permit to {} without an open order", answer.host);
            out.push(Violation { invariant: 2, rollout: None, text });
            continue;
        };
        let id = answer.host;
        if order.kind != OrderKind::Activate || order.boot_id != answer.boot_id {
            out.push(case.breaks(2, format!("a permit to {id} for another boot or order")));
        }
        let forward = host.direction == Direction::Forward;
        let moves = match case.phase() {
            RolloutPhase::Canary | RolloutPhase::Rolling { .. } | RolloutPhase::Baking { .. } => {
                forward
            }
            RolloutPhase::RollingBack => !forward,
            _ => false,
        };
        if !moves {
            let text = format!("a permit to {id} while the rollout is {}", case.phase().name());
            out.push(case.breaks(4, text));
        }
        let written = case.changes.iter().any(|(host, change)| {
            *host == id
                && matches!(change, HostChange::Permitted { from, .. } if *from == answer.boot_id)
        });
        let again =
            matches!(&host.phase, HostPhase::Rebooting { from, .. } if *from == answer.boot_id);
        if written == again {
            out.push(case.breaks(2, format!("a permit to {id} that is not written down once")));
        }
        *granted.entry(id).or_default() += u64::from(written);
    }
    for case in cases {
        for (id, change) in &case.changes {
            if matches!(change, HostChange::Permitted { .. }) && !granted.contains_key(id) {
                out.push(case.breaks(2, format!("host {id} is permitted, but never asked")));
            }
        }
    }
}
