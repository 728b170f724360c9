//! Why a host by itself may not begin, whatever the rollout does.

use wavegate_common::{Direction, HostPhase, OrderKind, TransactionStep, WaitingOn};

use super::sight::{Sight, is_unhealthy};
use super::work::{Seat, Work};
use crate::input::PlanningInput;
use crate::sabotage::{Guard, on};

/// The first reason that lies with the host itself. A host with one does not hold its wave up,
/// unless it is the last wave.
pub(super) fn own_reason(
    input: &PlanningInput<'_>,
    work: &Work<'_>,
    seat: &Seat<'_>,
) -> Option<WaitingOn> {
    let host = seat.host();
    if let Some(what) = barred(input, work, seat) {
        return Some(WaitingOn::KnownBad { what });
    }
    let Some(record) = seat.record else { return Some(WaitingOn::NoRecentReport { last: None }) };
    if let Some(hold) = &record.hold {
        return Some(WaitingOn::Held { by: hold.by.clone(), reason: hold.reason.clone() });
    }
    let Some(report) = record.report.as_deref().filter(|_| seat.fresh || !on(Guard::Freshness))
    else {
        return Some(WaitingOn::NoRecentReport { last: record.last_seen });
    };
    if report.is_under_way() && matches!(host.phase, HostPhase::Pending | HostPhase::Staged) {
        let reasons = vec!["an order that this rollout does not know is in work".to_owned()];
        return Some(WaitingOn::HostGuard { reasons });
    }
    if !report.drift.is_empty() {
        return Some(WaitingOn::Drift { items: report.drift.clone() });
    }
    if is_unhealthy(record)
        && !report.health.is_parked_only()
        && matches!(host.phase, HostPhase::Pending | HostPhase::Staged)
    {
        return Some(WaitingOn::Unhealthy { checks: report.health.failed() });
    }
    if !report.guard.is_empty() {
        return Some(WaitingOn::HostGuard { reasons: report.guard.clone() });
    }
    None
}

/// What is known against the release on this host.
fn barred(input: &PlanningInput<'_>, work: &Work<'_>, seat: &Seat<'_>) -> Option<String> {
    if !on(Guard::KnownBad) {
        return None;
    }
    let host = seat.host();
    if let Some(what) = work.stored.blocked.get(&host.class) {
        return Some(what.clone());
    }
    if work.is_blocked(host.class) {
        return Some("it went wrong in this class just now".to_owned());
    }
    if input.known_bad.entries.is_empty() {
        return None;
    }
    let class = work.stored.class_of(host)?;
    input.known_bad.against(&work.stored.release.key(), class, host.host).map(str::to_owned)
}

/// Why a host that is under way, or done for, does not move on.
pub(super) fn under_way(sight: &Sight<'_>, work: &Work<'_>, seat: &Seat<'_>) -> Option<WaitingOn> {
    let host = seat.host();
    let silent = || {
        let record = seat.record?;
        if seat.fresh {
            return None;
        }
        Some(match sight.dark_domain(record) {
            Some(domain) => WaitingOn::FailureDomainDark { domain },
            None => WaitingOn::NoRecentReport { last: record.last_seen },
        })
    };
    match &host.phase {
        HostPhase::Staging { .. } => Some(silent().unwrap_or(WaitingOn::Staging)),
        HostPhase::Draining { .. } => Some(silent().unwrap_or_else(|| drain(work, seat))),
        HostPhase::Rebooting { deadline, .. } => {
            Some(WaitingOn::RebootInProgress { deadline: *deadline })
        }
        HostPhase::Verifying { .. } => Some(silent().unwrap_or(WaitingOn::Verification)),
        HostPhase::Lost => Some(WaitingOn::HostLost),
        HostPhase::Failed { step, reason } => {
            Some(WaitingOn::Failed { what: format!("{step}: {reason}") })
        }
        HostPhase::Pending
        | HostPhase::Staged
        | HostPhase::Updated { .. }
        | HostPhase::RolledBack
        | HostPhase::Excluded { .. } => None,
    }
}

fn drain(work: &Work<'_>, seat: &Seat<'_>) -> WaitingOn {
    let host = seat.host();
    let activate = work.order_id(host, OrderKind::Activate, host.direction);
    let waiting = match seat.report().and_then(|report| report.step_of(activate)) {
        Some(TransactionStep::Draining { waiting }) => waiting.clone(),
        _ => None,
    };
    WaitingOn::Drain { waiting }
}

/// Whether a host is on the way to the rollout's release and could still be kept from it.
pub(super) fn can_begin(seat: &Seat<'_>) -> bool {
    let host = seat.host();
    host.direction == Direction::Forward
        && matches!(host.phase, HostPhase::Pending | HostPhase::Staged)
}
