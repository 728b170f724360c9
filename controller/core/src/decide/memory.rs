//! What this controller cannot remember rightly: hosts that have come further than a restored
//! backup knows, and dates written by a clock that was ahead.

use wavegate_common::{
    BootCause, CommandId, Direction, ExcludeReason, FailReason, FailStep, HostPhase, HostReport,
    OrderKind, RolloutHost, TransactionStep,
};

use super::sight::AHEAD;
use super::work::{Seat, Work};
use crate::event::HostChange;
use crate::input::PlanningInput;

/// How many attempts at one host a backup may lack.
const FORGOTTEN: u32 = 16;

/// The host has come further than this controller remembers: its facts are taken as they are,
/// whichever order they came from.
pub(super) fn ahead(work: &Work<'_>, seat: &Seat<'_>) -> Option<HostChange> {
    let (report, host) = (seat.fresh_report()?, seat.host());
    let target = work.stored.target_kernel(host);
    let forward = host.direction == Direction::Forward;
    if forward && let Some(failed) = went_wrong(work, report, host) {
        return Some(failed);
    }
    if report.boot.kernel != *target {
        return None;
    }
    match report.step_toward(target) {
        Some(TransactionStep::Trial | TransactionStep::Verified) => {
            Some(HostChange::CameBack { boot: report.boot.boot_id })
        }
        _ if !forward
            || report.is_under_way()
            || report.default_kernel.as_ref() != Some(target) =>
        {
            None
        }
        _ => Some(HostChange::Excluded { reason: ExcludeReason::AlreadyThere }),
    }
}

/// The host says that an attempt went wrong which this controller has not made yet: it has, and
/// the backup is from before.
fn went_wrong(work: &Work<'_>, report: &HostReport, host: &RolloutHost) -> Option<HostChange> {
    let (command, step, reason) = match (&report.transaction, &report.boot.cause) {
        (Some(told), _) if told.target == work.stored.release.kernel => match &told.step {
            TransactionStep::FellBack { evidence } => {
                let reason = FailReason::FellBack { evidence: evidence.clone() };
                (told.command, FailStep::Boot, reason)
            }
            TransactionStep::Failed { step: FailStep::Boot, .. } => {
                let reason = FailReason::WrongKernel { running: report.boot.kernel.clone() };
                (told.command, FailStep::Boot, reason)
            }
            TransactionStep::Failed { step: FailStep::Verify, reason } => {
                let reason = FailReason::HealthChecks { failed: reason.clone() };
                (told.command, FailStep::Verify, reason)
            }
            _ => return None,
        },
        (_, BootCause::FellBack { command, evidence }) => {
            let reason = FailReason::FellBack { evidence: evidence.clone() };
            (*command, FailStep::Boot, reason)
        }
        _ => return None,
    };
    is_forgotten(work, host, command, host.attempt).then_some(HostChange::Failed { step, reason })
}

/// Whether an order to change kernels is of this attempt or a later one.
pub(super) fn is_forgotten(
    work: &Work<'_>,
    host: &RolloutHost,
    command: CommandId,
    from: u32,
) -> bool {
    (from..from.saturating_add(FORGOTTEN)).any(|attempt| {
        work.order_id_of(host, attempt, OrderKind::Activate, host.direction) == command
    })
}

/// Dates that are later than they can be. What is measured from them is measured from now.
pub(super) fn redated(
    input: &PlanningInput<'_>,
    work: &Work<'_>,
    host: &RolloutHost,
) -> Option<HostChange> {
    let latest = input.now.after(AHEAD);
    let boot = work.stored.spec.limits.boot;
    let ahead = match &host.phase {
        HostPhase::Staging { since }
        | HostPhase::Draining { since }
        | HostPhase::Verifying { since, .. } => *since > latest,
        HostPhase::Updated { at, .. } => *at > latest,
        HostPhase::Rebooting { deadline, .. } => *deadline > latest.after(boot),
        HostPhase::Pending
        | HostPhase::Staged
        | HostPhase::RolledBack
        | HostPhase::Failed { .. }
        | HostPhase::Lost
        | HostPhase::Excluded { .. } => false,
    };
    let retry_after = input.policy.retry_after;
    let waits = host.not_before.is_some_and(|until| until > latest.after(retry_after));
    (ahead || waits).then(|| HostChange::Redated {
        deadline: input.now.after(boot),
        not_before: input.now.after(retry_after),
    })
}
