//! What facts say of each order. Nobody believes an acknowledgement: a host is where its last
//! report shows it to be.

use wavegate_common::{
    BootCause, CommandId, Direction, FailReason, FailStep, HealthState, HostPhase, HostReport,
    Judgement, Millis, OpenOrder, OrderKind, RolloutHost, Timestamp, TransactionStep,
};

use super::memory::{ahead, is_forgotten, redated};
use super::sight::Sight;
use super::work::{Seat, Work};
use crate::event::HostChange;
use crate::input::PlanningInput;

/// Judges every host that is under way or has been updated.
pub(super) fn judge(input: &PlanningInput<'_>, sight: &Sight<'_>, work: &mut Work<'_>) {
    for at in 0..work.seats.len() {
        if let Some(change) = work.seats.get(at).and_then(|seat| redated(input, work, seat.host()))
        {
            work.change(at, change);
        }
        let Some(seat) = work.seats.get(at) else { continue };
        let change = match &seat.host().phase {
            HostPhase::Pending | HostPhase::Staged => ahead(work, seat),
            HostPhase::Staging { .. } => ahead(work, seat).or_else(|| staging(input, work, seat)),
            HostPhase::Draining { .. } => ahead(work, seat).or_else(|| draining(input, work, seat)),
            HostPhase::Rebooting { .. } | HostPhase::Lost => rebooting(input, sight, work, seat),
            HostPhase::Verifying { .. } => verifying(input, sight, work, seat),
            HostPhase::Updated { .. } => updated(work, seat),
            HostPhase::RolledBack | HostPhase::Failed { .. } | HostPhase::Excluded { .. } => None,
        };
        if let Some(change) = change {
            work.change(at, change);
        }
    }
}

/// Whether a host that is heard of has said nothing of its order for too long: it may have ended
/// an order of that id before, in a time that this controller does not remember.
fn is_mute(input: &PlanningInput<'_>, work: &Work<'_>, seat: &Seat<'_>, since: Timestamp) -> bool {
    let patience = work.stored.spec.limits.order.0.saturating_add(input.policy.retry_after.0);
    seat.fresh
        && input.now.since(since) > Millis(patience)
        && seat.report().is_some_and(|report| !report.is_under_way())
}

fn staging(input: &PlanningInput<'_>, work: &Work<'_>, seat: &Seat<'_>) -> Option<HostChange> {
    let (report, order) = (seat.report()?, seat.host().order.as_ref()?);
    let HostPhase::Staging { since } = &seat.host().phase else { return None };
    match report.step_of(order.id) {
        Some(TransactionStep::Staged) => Some(HostChange::Staged),
        Some(TransactionStep::Failed { reason, .. }) => Some(failed(FailStep::Stage, reason)),
        Some(TransactionStep::Aborted { reason }) => {
            Some(stood_down(input, seat, FailStep::Stage, reason))
        }
        Some(_) => None,
        None if is_mute(input, work, seat, *since) => {
            Some(stood_down(input, seat, FailStep::Stage, "it says nothing of the order"))
        }
        // The order was for another boot: give it anew.
        None if report.boot.boot_id != order.boot_id => {
            Some(stood_down(input, seat, FailStep::Stage, "it rebooted while staging"))
        }
        None => None,
    }
}

fn draining(input: &PlanningInput<'_>, work: &Work<'_>, seat: &Seat<'_>) -> Option<HostChange> {
    let (report, host) = (seat.report()?, seat.host());
    let order = host.order.as_ref()?;
    let activate = work.order_id(host, OrderKind::Activate, host.direction);
    if report.boot.boot_id != order.boot_id {
        return Some(if report.boot.kernel == order.running {
            let what = format!("it rebooted unasked while draining ({})", evidence(report));
            stood_down(input, seat, FailStep::Drain, &what)
        } else {
            let reason = FailReason::UnexpectedReboot { evidence: evidence(report) };
            HostChange::Failed { step: FailStep::Drain, reason }
        });
    }
    if order.kind == OrderKind::Cancel && is_fenced(report, order, activate) {
        return Some(stood_down(input, seat, FailStep::Drain, "it was told to before it began"));
    }
    let HostPhase::Draining { since } = &host.phase else { return None };
    match report.step_of(activate).or_else(|| report.step_of(order.id)) {
        Some(TransactionStep::Aborted { reason }) => {
            Some(stood_down(input, seat, FailStep::Drain, reason))
        }
        Some(TransactionStep::Failed { step, reason }) => Some(failed(*step, reason)),
        // The slot stays taken until the host answers the cancel.
        None if order.kind == OrderKind::Activate && is_mute(input, work, seat, *since) => {
            Some(HostChange::CancelOrdered { order: work.cancel_order(host, order) })
        }
        Some(_) | None => None,
    }
}

/// Whether the host has seen the word to give up and is not about the order: what is older than
/// that word it does not begin any more.
fn is_fenced(report: &HostReport, cancel: &OpenOrder, activate: CommandId) -> bool {
    report.generation >= cancel.generation && report.step_of(activate).is_none()
}

fn rebooting(
    input: &PlanningInput<'_>,
    sight: &Sight<'_>,
    work: &Work<'_>,
    seat: &Seat<'_>,
) -> Option<HostChange> {
    let host = seat.host();
    match (judge_boot(work, seat), &host.phase) {
        // What a lost host said before it was lost is no sign that it is back.
        (Judgement::Done, HostPhase::Lost) if !seat.fresh => None,
        (Judgement::Done, _) => Some(HostChange::CameBack { boot: seat.report()?.boot.boot_id }),
        (Judgement::Impossible(_), _) => came_back_wrong(input, work, seat),
        // It is alive in the boot it was to leave: its agent gives up by itself and says so. If it
        // does not, it is asked to: an agent may have lost its memory.
        (Judgement::InProgress, phase) => {
            let order = host.order.as_ref().filter(|order| order.kind == OrderKind::Activate)?;
            let idle = seat.report().is_some_and(|report| !report.is_under_way());
            let overdue = match phase {
                HostPhase::Rebooting { deadline, .. } => input.now > *deadline,
                _ => true,
            };
            (idle && overdue)
                .then(|| HostChange::CancelOrdered { order: work.cancel_order(host, order) })
        }
        (_, HostPhase::Lost) => None,
        (Judgement::Unknown, HostPhase::Rebooting { deadline, .. }) => {
            let late = input.now > *deadline && !seat.fresh;
            (late && sight.silence_counts(seat.record)).then_some(HostChange::Lost)
        }
        (Judgement::Unknown, _) => None,
    }
}

/// What the host's last report says of the boot we asked for.
fn judge_boot(work: &Work<'_>, seat: &Seat<'_>) -> Judgement {
    let host = seat.host();
    let (Some(report), Some(order)) = (seat.report(), &host.order) else {
        return Judgement::Unknown;
    };
    if report.boot.boot_id != order.boot_id {
        return if report.boot.kernel == *work.stored.target_kernel(host) {
            Judgement::Done
        } else {
            Judgement::Impossible(evidence(report))
        };
    }
    match end_of(work, report, host) {
        Some(TransactionStep::Aborted { reason } | TransactionStep::Failed { reason, .. }) => {
            Judgement::Impossible(reason.clone())
        }
        _ if seat.fresh => Judgement::InProgress,
        _ => Judgement::Unknown,
    }
}

/// How the order to leave the boot ended, if it did: under its own id, under that of the word to
/// give it up, or under that of an attempt after it that a backup does not know.
fn end_of<'a>(
    work: &Work<'_>,
    report: &'a HostReport,
    host: &RolloutHost,
) -> Option<&'a TransactionStep> {
    let told = report.transaction.as_ref()?;
    let ended =
        matches!(told.step, TransactionStep::Aborted { .. } | TransactionStep::Failed { .. });
    let ours = |kind| work.order_id(host, kind, host.direction) == told.command;
    let known = ended
        && (ours(OrderKind::Activate)
            || ours(OrderKind::Cancel)
            || is_forgotten(work, host, told.command, host.attempt));
    known.then_some(&told.step)
}

/// The boot we asked for cannot come any more: what does it mean for the host?
fn came_back_wrong(
    input: &PlanningInput<'_>,
    work: &Work<'_>,
    seat: &Seat<'_>,
) -> Option<HostChange> {
    let (report, host) = (seat.report()?, seat.host());
    let order = host.order.as_ref()?;
    if report.boot.boot_id != order.boot_id {
        let reason = wrong_kernel(report, report.boot.kernel == order.running);
        return Some(HostChange::Failed { step: FailStep::Boot, reason });
    }
    match end_of(work, report, host)? {
        TransactionStep::Aborted { reason } => {
            Some(stood_down(input, seat, FailStep::Switch, reason))
        }
        TransactionStep::Failed { step, reason } => Some(failed(*step, reason)),
        _ => None,
    }
}

fn verifying(
    input: &PlanningInput<'_>,
    sight: &Sight<'_>,
    work: &Work<'_>,
    seat: &Seat<'_>,
) -> Option<HostChange> {
    let host = seat.host();
    let HostPhase::Verifying { since, boot } = &host.phase else { return None };
    let report = seat.report()?;
    let target = work.stored.target_kernel(host);
    if report.boot.boot_id != *boot {
        return Some(HostChange::Failed {
            step: FailStep::Verify,
            reason: rebooted_again(report, report.boot.kernel == *target, host),
        });
    }
    // The order need not be ours: a backup may not know the one by which the host came here.
    let step = report.step_toward(target);
    match step {
        Some(TransactionStep::Confirmed) => return Some(HostChange::Confirmed),
        Some(TransactionStep::Verified)
            if needs_confirm(host) && report.health.state != HealthState::Unhealthy =>
        {
            let order = work.new_order(host, OrderKind::Confirm, host.direction, report);
            return Some(HostChange::ConfirmOrdered { order });
        }
        Some(TransactionStep::Failed { step, reason }) => {
            let reason = FailReason::HealthChecks { failed: reason.clone() };
            return Some(HostChange::Failed { step: *step, reason });
        }
        // Whatever it has done since, nothing but a confirm makes a kernel the default.
        _ if !report.is_under_way() && report.default_kernel.as_ref() == Some(target) => {
            return Some(HostChange::Confirmed);
        }
        _ => {}
    }
    // A host that has passed its checks waits for us: if we were late, that is not its fault.
    let waits_for_us = step == Some(&TransactionStep::Verified)
        && report.health.state != HealthState::Unhealthy
        && seat.fresh;
    if waits_for_us {
        return None;
    }
    let limits = &work.stored.spec.limits;
    let overdue = input.now.since(*since) > verify_limit(limits);
    if !overdue || !sight.silence_counts(seat.record) {
        return None;
    }
    Some(if seat.fresh {
        let failed = match report.health.failed() {
            none if none.is_empty() => "not verified in time".to_owned(),
            failed => failed,
        };
        HostChange::Failed { step: FailStep::Verify, reason: FailReason::HealthChecks { failed } }
    } else {
        HostChange::Lost
    })
}

/// The agent goes back by itself after `verify`; it gets the time of one boot for that, and some
/// for its report to arrive.
fn verify_limit(limits: &wavegate_common::spec::Limits) -> wavegate_common::Millis {
    let span = limits.verify.0.saturating_add(limits.boot.0).saturating_add(limits.soak.0);
    wavegate_common::Millis(span)
}

fn needs_confirm(host: &RolloutHost) -> bool {
    host.order.as_ref().is_none_or(|order| order.kind != OrderKind::Confirm)
}

/// A host that was done has rebooted: by whose hand, and into what?
fn updated(work: &Work<'_>, seat: &Seat<'_>) -> Option<HostChange> {
    let host = seat.host();
    let HostPhase::Updated { boot, .. } = &host.phase else { return None };
    let report = seat.report()?;
    if report.boot.boot_id == *boot {
        return None;
    }
    let there = report.boot.kernel == *work.stored.target_kernel(host);
    if there && report.boot.cause == BootCause::Operator {
        return Some(HostChange::Rebooted { boot: report.boot.boot_id });
    }
    let reason = rebooted_again(report, there, host);
    Some(HostChange::Failed { step: FailStep::Verify, reason })
}

fn rebooted_again(report: &HostReport, there: bool, host: &RolloutHost) -> FailReason {
    if there {
        return FailReason::UnexpectedReboot { evidence: evidence(report) };
    }
    let old = match host.direction {
        Direction::Forward => host.came_from.as_ref() == Some(&report.boot.kernel),
        Direction::Back => false,
    };
    wrong_kernel(report, old)
}

fn wrong_kernel(report: &HostReport, old: bool) -> FailReason {
    if old {
        FailReason::FellBack { evidence: evidence(report) }
    } else {
        FailReason::WrongKernel { running: report.boot.kernel.clone() }
    }
}

/// What is known of the end of the boot before, in words.
fn evidence(report: &HostReport) -> String {
    match &report.boot.cause {
        BootCause::FellBack { evidence, .. } | BootCause::Panic { evidence } => evidence.clone(),
        BootCause::Watchdog => "reset by the hardware watchdog".to_owned(),
        BootCause::Operator => "somebody rebooted it in order".to_owned(),
        BootCause::Commanded { .. } => "commanded".to_owned(),
        BootCause::Unknown | BootCause::First => "no trace of the reason".to_owned(),
    }
}

fn failed(step: FailStep, reason: &str) -> HostChange {
    HostChange::Failed { step, reason: FailReason::Step { error: reason.to_owned() } }
}

/// An attempt was given up on the host. After too many of them the host has failed.
fn stood_down(
    input: &PlanningInput<'_>,
    seat: &Seat<'_>,
    step: FailStep,
    reason: &str,
) -> HostChange {
    let cancelled = seat.host().order.as_ref().is_some_and(|order| order.kind == OrderKind::Cancel);
    let times = seat.host().given_up.saturating_add(1);
    if !cancelled && times >= input.policy.attempts {
        let error = format!("given up {times} times, at last: {reason}");
        return HostChange::Failed { step, reason: FailReason::Step { error } };
    }
    let wait = if cancelled { wavegate_common::Millis(0) } else { input.policy.retry_after };
    HostChange::StoodDown { reason: reason.to_owned(), not_before: input.now.after(wait) }
}
