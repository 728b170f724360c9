//! Where the rollout goes next.

use std::collections::BTreeSet;

use wavegate_common::{
    AbortReason, Alert, AlertKind, ExcludeReason, Finding, HostPhase, Metric, PauseReason,
    RollbackRule, RolloutHost, RolloutPhase, Scope, Timestamp, Verdict,
};

use super::assess::{findings_of, write_down};
use super::gate::verdict;
use super::sight::{AHEAD, Sight};
use super::work::Work;
use crate::event::HostChange;
use crate::input::PlanningInput;
use crate::sabotage::{Guard, on};

/// Moves the rollout at most one phase on. Returns what the gate that matters now says, if one
/// does.
pub(super) fn step(
    input: &PlanningInput<'_>,
    sight: &Sight<'_>,
    work: &mut Work<'_>,
    alerts: &mut Vec<Alert>,
) -> Option<(u16, Verdict)> {
    let says = advance(input, sight, work, alerts);
    stopped(input, work, alerts);
    says
}

fn advance(
    input: &PlanningInput<'_>,
    sight: &Sight<'_>,
    work: &mut Work<'_>,
    alerts: &mut Vec<Alert>,
) -> Option<(u16, Verdict)> {
    let wave = gate_wave(&work.phase)?;
    let says = verdict(input, work, wave);
    write_down(input, work);
    if work.phase.open_wave().is_some()
        && let Some(left) = stopped_classes_left(work)
    {
        pause_for(input, work, wave, &left);
        return Some((wave, says));
    }
    // Told as long as it lasts: who hears of alerts tells by the key what is new and what is over.
    if let RolloutPhase::Paused { reason, .. } = &work.phase
        && let PauseReason::Gate { wave, scope, .. } = reason
        && !is_compared(reason)
    {
        alerts.push(gate_alert(work, *wave, scope, reason));
    }
    match (&work.phase.clone(), &says) {
        // What is worse in one class by comparison says nothing of the others: they go on.
        (
            RolloutPhase::Canary | RolloutPhase::Rolling { .. } | RolloutPhase::Baking { .. },
            Verdict::Fail { findings, .. },
        ) if findings.iter().all(|finding| finding.metric.is_compared()) => {
            block_classes(work, &Scope::Rollout, findings);
            if let Some(left) = stopped_classes_left(work) {
                pause_for(input, work, wave, &left);
            }
        }
        (
            RolloutPhase::Canary | RolloutPhase::Rolling { .. } | RolloutPhase::Baking { .. },
            Verdict::Fail { scope, findings },
        ) => {
            let reason =
                PauseReason::Gate { wave, scope: scope.clone(), findings: findings.clone() };
            alerts.push(gate_alert(work, wave, scope, &reason));
            block_classes(work, scope, findings);
            let resume_to = Box::new(work.phase.clone());
            work.go(RolloutPhase::Paused { resume_to, reason });
        }
        // No bake ends later than it may last: the clock that wrote this was ahead, and how much
        // of the bake is over nobody knows.
        (RolloutPhase::Baking { wave, until }, _)
            if *until > input.now.after(work.stored.spec.bake).after(AHEAD) =>
        {
            let until = input.now.after(work.stored.spec.bake);
            work.go(RolloutPhase::Baking { wave: *wave, until });
        }
        // While most of the fleet is out of sight no gate opens.
        _ if sight.lost.is_some() => {}
        (RolloutPhase::Canary | RolloutPhase::Rolling { .. }, Verdict::Pass) => {
            let until = input.now.after(work.stored.spec.bake);
            work.go(RolloutPhase::Baking { wave, until });
        }
        (RolloutPhase::Canary, Verdict::Extend { .. }) if !has_hosts(work, 0) => {
            // Every class is waived or excluded: there is nobody to wait for.
            leave_wave(work, 0);
        }
        (RolloutPhase::Baking { .. }, Verdict::Pass)
            if bakes_until(work).is_none_or(|until| input.now >= until) || !on(Guard::BakeTime) =>
        {
            leave_wave(work, wave);
        }
        _ => {}
    }
    Some((wave, says))
}

/// Classes that were stopped, if hosts of theirs are all that is left to move.
fn stopped_classes_left(work: &Work<'_>) -> Option<Vec<u32>> {
    if !work.stored.spec.is_compared() {
        return None;
    }
    let mut left = BTreeSet::new();
    for host in work.seats.iter().map(super::work::Seat::host) {
        if host.phase.is_settled() || host.phase == HostPhase::Lost {
            continue;
        }
        if !work.is_blocked(host.class) || in_flight(&host.phase) {
            return None;
        }
        left.insert(host.class);
    }
    (!left.is_empty()).then(|| left.into_iter().collect())
}

/// Whether a gate closed for what comparison found, and for nothing else.
fn is_compared(reason: &PauseReason) -> bool {
    match reason {
        PauseReason::Gate { findings, .. } => {
            findings.iter().all(|finding| finding.metric.is_compared())
        }
        PauseReason::Operator { .. } | PauseReason::Violation { .. } => false,
    }
}

/// One alert for each class that comparison has stopped, told as long as hosts of it wait, and the
/// same when the rollout pauses because nobody else is left.
fn stopped(input: &PlanningInput<'_>, work: &Work<'_>, alerts: &mut Vec<Alert>) {
    let other_cause = match &work.phase {
        RolloutPhase::Paused { reason, .. } => {
            matches!(reason, PauseReason::Gate { .. }) && !is_compared(reason)
        }
        phase => phase.is_over(),
    };
    if other_cause || !work.stored.spec.is_compared() {
        return;
    }
    for (name, class) in work.stored.classes.iter().zip(0u32..) {
        let waits = |host: &RolloutHost| host.class == class && !host.phase.is_settled();
        let some = work.seats.iter().any(|seat| waits(seat.host()));
        if !some || !work.is_blocked(class) {
            continue;
        }
        let findings = findings_of(input, work, class);
        // As it was when the class was stopped: figures go on to move, the cause does not.
        let found = || findings.iter().map(|f| f.evidence.as_str()).collect::<Vec<_>>().join("; ");
        let what = work.stored.blocked.get(&class).cloned().unwrap_or_else(found);
        alerts.push(Alert {
            key: format!("{}/stopped/{name}", work.stored.id),
            rollout: work.stored.id,
            kind: AlertKind::GateClosed,
            text: format!("rollout {} has stopped class {name}: {what}", work.stored.spec.name),
            scope: Scope::Class(name.clone()),
            hosts: findings.iter().flat_map(|finding| finding.hosts.iter().copied()).collect(),
        });
    }
}

/// Everybody else is through: a person must say what becomes of the classes that were stopped.
fn pause_for(input: &PlanningInput<'_>, work: &mut Work<'_>, wave: u16, classes: &[u32]) {
    let findings: Vec<Finding> =
        classes.iter().flat_map(|class| findings_of(input, work, *class)).collect();
    let scope = match classes {
        [one] => work.stored.classes.get(*one as usize).cloned().map(Scope::Class),
        _ => None,
    };
    let scope = scope.unwrap_or(Scope::Rollout);
    let reason = PauseReason::Gate { wave, scope, findings };
    let resume_to = Box::new(work.phase.clone());
    work.go(RolloutPhase::Paused { resume_to, reason });
}

/// What a pause, an abort or a rollback brings about once hosts have come to rest.
pub(super) fn wind_down(input: &PlanningInput<'_>, work: &mut Work<'_>) {
    match work.phase.clone() {
        RolloutPhase::Paused { resume_to, .. } if resume_to.is_over() => {
            end_those_who_wait(work);
            if !work.seats.iter().any(|seat| in_flight(&seat.host().phase)) {
                work.go(*resume_to);
            }
        }
        RolloutPhase::Paused { reason: PauseReason::Gate { .. }, .. }
            if work.stored.spec.rollback == RollbackRule::OnGateFailure =>
        {
            work.go(RolloutPhase::RollingBack);
        }
        RolloutPhase::RollingBack => {
            end_those_who_wait(work);
            let rest = (0..work.seats.len()).all(|at| super::choose::rests(input, work, at));
            if rest {
                work.go(RolloutPhase::Aborted { reason: AbortReason::RolledBack });
            }
        }
        RolloutPhase::Paused { .. }
        | RolloutPhase::Draft
        | RolloutPhase::Canary
        | RolloutPhase::Rolling { .. }
        | RolloutPhase::Baking { .. }
        | RolloutPhase::Succeeded
        | RolloutPhase::Aborted { .. } => {}
    }
}

/// The wave whose gate matters in a phase.
pub(super) fn gate_wave(phase: &RolloutPhase) -> Option<u16> {
    match phase {
        RolloutPhase::Canary => Some(0),
        RolloutPhase::Rolling { wave } | RolloutPhase::Baking { wave, .. } => Some(*wave),
        RolloutPhase::Paused { resume_to, .. } => gate_wave(resume_to),
        RolloutPhase::Draft
        | RolloutPhase::RollingBack
        | RolloutPhase::Succeeded
        | RolloutPhase::Aborted { .. } => None,
    }
}

/// Until when the wave that bakes must be watched. Hosts that caught up late are watched as long
/// as the others.
pub(super) fn bakes_until(work: &Work<'_>) -> Option<Timestamp> {
    let RolloutPhase::Baking { until, .. } = &work.phase else { return None };
    let watched = |host: &RolloutHost| match host.phase {
        HostPhase::Updated { at, .. } => Some(at.after(work.stored.spec.bake)),
        _ => None,
    };
    work.seats.iter().filter_map(|seat| watched(seat.host())).chain([*until]).max()
}

/// Whether a host is away, or may be, or is about to be.
fn in_flight(phase: &HostPhase) -> bool {
    phase.holds_slot() && *phase != HostPhase::Lost
}

fn end_those_who_wait(work: &mut Work<'_>) {
    for at in 0..work.seats.len() {
        let waits = work.seats.get(at).is_some_and(|seat| {
            matches!(
                seat.host().phase,
                HostPhase::Pending | HostPhase::Staging { .. } | HostPhase::Staged
            )
        });
        if waits {
            work.change(at, HostChange::Excluded { reason: ExcludeReason::Ended });
        }
    }
}

/// On to the next wave that has hosts, or to the end.
fn leave_wave(work: &mut Work<'_>, wave: u16) {
    let last = u16::try_from(work.stored.waves.len()).unwrap_or(u16::MAX);
    let next = (wave.saturating_add(1)..last).find(|next| has_hosts(work, *next));
    work.go(match next {
        Some(next) => RolloutPhase::Rolling { wave: next },
        None => RolloutPhase::Succeeded,
    });
}

/// Whether a wave has hosts that take part.
fn has_hosts(work: &Work<'_>, wave: u16) -> bool {
    work.seats
        .iter()
        .map(super::work::Seat::host)
        .any(|host| host.wave == wave && !matches!(host.phase, HostPhase::Excluded { .. }))
}

/// Bars the class the gate closed for; if it closed for more, every class with bad hosts.
fn block_classes(work: &mut Work<'_>, scope: &Scope, findings: &[wavegate_common::Finding]) {
    for finding in findings {
        let Some(class) = &finding.class else { continue };
        // A step that could not be done says something of a host, nothing of the kernel.
        if finding.metric == Metric::StepFailed {
            continue;
        }
        if matches!(scope, Scope::Class(only) if only != class) {
            continue;
        }
        let index = work.stored.classes.iter().zip(0u32..).find(|(name, _)| *name == class);
        if let Some((_, index)) = index {
            work.block(index, finding.evidence.clone());
        }
    }
}

fn gate_alert(work: &Work<'_>, wave: u16, scope: &Scope, reason: &PauseReason) -> Alert {
    let hosts = match reason {
        PauseReason::Gate { findings, .. } => {
            findings.iter().flat_map(|finding| finding.hosts.iter().copied()).collect()
        }
        PauseReason::Operator { .. } | PauseReason::Violation { .. } => Vec::new(),
    };
    Alert {
        key: format!("{}/gate/{wave}/{scope}", work.stored.id),
        rollout: work.stored.id,
        kind: AlertKind::GateClosed,
        text: format!("rollout {} is paused: {reason}", work.stored.spec.name),
        scope: scope.clone(),
        hosts,
    }
}
