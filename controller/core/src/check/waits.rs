//! Every host that does not move has exactly one reason.

use wavegate_common::{HostId, HostPhase, Timestamp};

use super::opinion::Case;
use crate::event::HostChange;
use crate::input::{Plan, PlanningInput, Violation};

pub(super) fn check(
    _input: &PlanningInput<'_>,
    plan: &Plan,
    case: &Case<'_>,
    out: &mut Vec<Violation>,
) {
    let Some(report) = plan.reports.iter().find(|report| report.rollout == case.rollout.id) else {
        out.push(case.breaks(8, "the plan has no report for it".to_owned()));
        return;
    };
    // Groups are sorted by host, so one walk over the hosts meets every entry.
    let mut groups: Vec<&[(HostId, Timestamp)]> =
        report.hosts.iter().map(|group| group.hosts.as_slice()).collect();
    let mut changes = case.changes.clone();
    changes.sort_by_key(|(id, _)| *id);
    let mut changes = changes.into_iter().peekable();
    for host in &case.rollout.hosts {
        let mut reasons = 0;
        for group in &mut groups {
            if let Some(((id, _), rest)) = group.split_first()
                && *id == host.host
            {
                reasons += 1;
                *group = rest;
            }
        }
        let mut needs = needs_reason(&host.phase);
        while let Some((_, change)) = changes.next_if(|(id, _)| *id == host.host) {
            needs = after(change, needs);
        }
        if reasons > 1 || (needs == Some(true) && reasons == 0) {
            let text = format!("host {} has {reasons} reasons for not moving", host.host);
            out.push(case.breaks(8, text));
        }
    }
}

/// Whether a host in this phase must have a reason; nothing if it may or may not.
fn needs_reason(phase: &HostPhase) -> Option<bool> {
    match phase {
        HostPhase::Updated { .. } | HostPhase::RolledBack | HostPhase::Excluded { .. } => {
            Some(false)
        }
        HostPhase::Pending
        | HostPhase::Staging { .. }
        | HostPhase::Staged
        | HostPhase::Draining { .. }
        | HostPhase::Rebooting { .. }
        | HostPhase::Verifying { .. }
        | HostPhase::Failed { .. }
        | HostPhase::Lost => Some(true),
    }
}

fn after(change: &HostChange, before: Option<bool>) -> Option<bool> {
    match change {
        HostChange::Confirmed | HostChange::Excluded { .. } => Some(false),
        HostChange::ActivateOrdered { .. } => None,
        _ => before,
    }
}
