//! The plan as the checks see it.

use std::collections::BTreeMap;

use wavegate_common::{HostId, RolloutId, RolloutPhase};

use super::{budgets, gates, orders, waits};
use crate::event::{HostChange, RolloutChange};
use crate::input::{Plan, PlanningInput, Violation};
use crate::state::Rollout;

/// One rollout with what the plan does to it.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) rollout: &'a Rollout,
    /// Phases it goes through, the stored one first.
    pub(super) phases: Vec<&'a RolloutPhase>,
    /// What happens to its hosts, in order.
    pub(super) changes: Vec<(HostId, &'a HostChange)>,
}

impl Case<'_> {
    /// The phase at the end of the plan.
    pub(super) fn phase(&self) -> &RolloutPhase {
        self.phases.last().copied().unwrap_or(&self.rollout.phase)
    }

    /// A violation in this rollout.
    pub(super) fn breaks(&self, invariant: u8, text: String) -> Violation {
        Violation { invariant, rollout: Some(self.rollout.id), text }
    }
}

/// Every invariant that the plan would break; a plan that breaks one is not committed.
#[must_use]
pub fn check(input: &PlanningInput<'_>, plan: &Plan) -> Vec<Violation> {
    let mut out = Vec::new();
    if plan.parent != input.parent {
        let text = format!("made from {}, the last plan is {}", plan.parent, input.parent);
        out.push(Violation { invariant: 6, rollout: None, text });
    }
    let mut cases: BTreeMap<RolloutId, Case<'_>> = input
        .rollouts
        .iter()
        .map(|rollout| {
            let phases = vec![&rollout.phase];
            (rollout.id, Case { rollout, phases, changes: Vec::new() })
        })
        .collect();
    for event in &plan.events {
        let Some(case) = cases.get_mut(&event.rollout) else {
            let text = format!("an event for {}, which is not open", event.rollout);
            out.push(Violation { invariant: 8, rollout: Some(event.rollout), text });
            continue;
        };
        match &event.change {
            RolloutChange::Moved { to } => case.phases.push(to),
            RolloutChange::Host { host, change } => case.changes.push((*host, change)),
            RolloutChange::ClassBlocked { .. }
            | RolloutChange::ClassCleared { .. }
            | RolloutChange::ClassPassed { .. }
            | RolloutChange::ClassAccepted { .. }
            | RolloutChange::FailuresAcknowledged { .. }
            | RolloutChange::Approved { .. } => {}
        }
    }
    let cases: Vec<Case<'_>> = cases.into_values().collect();
    budgets::check(input, &cases, &mut out);
    for case in &cases {
        gates::check(input, plan, case, &mut out);
        orders::check_changes(input, case, &mut out);
        waits::check(input, plan, case, &mut out);
    }
    orders::check_commands(input, plan, &cases, &mut out);
    orders::check_permits(plan, &cases, &mut out);
    out
}
