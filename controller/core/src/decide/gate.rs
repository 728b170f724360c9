//! The evidence for the gate of a wave, and its verdict.

use wavegate_common::{FailReason, HostPhase, Metric, Verdict};
use wavegate_gate::{BadHost, ClassEvidence, WaveEvidence, judge};

use super::assess::compared;
use super::wait::{can_begin, own_reason};
use super::work::{Seat, Work};
use crate::input::PlanningInput;
use crate::sabotage::{Guard, on};

/// What the gate of a wave says now.
pub(super) fn verdict(input: &PlanningInput<'_>, work: &Work<'_>, wave: u16) -> Verdict {
    if !on(Guard::Gate) {
        return Verdict::Pass;
    }
    let at_least = work.stored.spec.canary.at_least;
    let boots = judge(&work.stored.spec.gate, at_least, &evidence(input, work, wave));
    compared(input, work, wave, boots)
}

/// Everything that moved up to this wave. Hosts whose failure a person has acknowledged are out;
/// hosts that cannot begin for a reason of their own hold up only the last wave.
pub(super) fn evidence(input: &PlanningInput<'_>, work: &Work<'_>, wave: u16) -> WaveEvidence {
    let last = usize::from(wave) + 1 >= work.stored.waves.len();
    let mut out = WaveEvidence { wave, open: 0, good: 0, reporting: 0, classes: Vec::new() };
    let mut classes: Vec<ClassEvidence> = work
        .stored
        .classes
        .iter()
        .map(|class| ClassEvidence {
            class: class.clone(),
            moved: 0,
            expected: 0,
            good: 0,
            bad: Vec::new(),
        })
        .collect();
    for seat in &work.seats {
        let host = seat.host();
        let gone = matches!(host.phase, HostPhase::Excluded { .. });
        let harmed = host.phase.is_harmed();
        let Some(class) = classes.get_mut(host.class as usize) else { continue };
        class.moved += u64::from(host.boots > 0);
        if gone || (harmed && host.acknowledged) || host.wave > wave {
            continue;
        }
        // Of a class that was stopped no more hosts will come.
        class.expected += u64::from(host.wave == wave && !work.is_blocked(host.class));
        if let Some(metric) = harm(&host.phase) {
            class.bad.push(BadHost { host: host.host, metric, domains: domains(input, seat) });
        } else if matches!(host.phase, HostPhase::Updated { .. }) {
            class.good += u64::from(host.wave == wave);
            out.good += 1;
            out.reporting += u64::from(seat.fresh);
        } else if last || !can_begin(seat) || own_reason(input, work, seat).is_none() {
            out.open += 1;
        }
    }
    classes.retain(|class| class.moved > 0 || class.expected > 0);
    out.classes = classes;
    out
}

fn harm(phase: &HostPhase) -> Option<Metric> {
    match phase {
        HostPhase::Lost => Some(Metric::Lost),
        HostPhase::Failed { reason, .. } => Some(match reason {
            FailReason::FellBack { .. } | FailReason::WrongKernel { .. } => Metric::FellBack,
            FailReason::UnexpectedReboot { .. } => Metric::UnexpectedReboot,
            FailReason::HealthChecks { .. } => Metric::HealthChecks,
            FailReason::Step { .. } => Metric::StepFailed,
        }),
        HostPhase::Pending
        | HostPhase::Staging { .. }
        | HostPhase::Staged
        | HostPhase::Draining { .. }
        | HostPhase::Rebooting { .. }
        | HostPhase::Verifying { .. }
        | HostPhase::Updated { .. }
        | HostPhase::RolledBack
        | HostPhase::Excluded { .. } => None,
    }
}

fn domains(input: &PlanningInput<'_>, seat: &Seat<'_>) -> Vec<wavegate_common::FailureDomain> {
    let Some(record) = seat.record else { return Vec::new() };
    record.domains.iter().filter_map(|d| input.inventory.domain(*d).cloned()).collect()
}
