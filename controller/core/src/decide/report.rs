//! Says what the pass saw and why who waits.

use std::collections::BTreeMap;

use wavegate_common::plan::WaveReport;
use wavegate_common::{
    HostId, HostPhase, HostWait, PlanReport, RolloutPhase, Timestamp, Verdict, WaitingOn,
};

use super::choose::Waits;
use super::work::{Seat, Work};
use crate::input::PlanningInput;

/// The report of one rollout.
pub(super) fn report(
    input: &PlanningInput<'_>,
    work: &Work<'_>,
    waits: Waits,
    says: Option<(u16, Verdict)>,
) -> PlanReport {
    let before = input.reports.get(&work.stored.id);
    let waiting = headline(work, &waits, says.as_ref());
    PlanReport {
        rollout: work.stored.id,
        generation: input.parent.next(),
        at: input.now,
        phase: work.phase.clone(),
        waiting: waiting.map(|on| {
            let since = before
                .and_then(|known| known.waiting.as_ref())
                .filter(|(known, _)| known.kind() == on.kind())
                .map_or(input.now, |(_, since)| *since);
            (on, since)
        }),
        waves: waves(work, before, says),
        hosts: groups(input.now, work, before, waits),
    }
}

/// Hosts under their reasons, with since when each has had a reason of that kind.
fn groups(
    now: Timestamp,
    work: &Work<'_>,
    before: Option<&PlanReport>,
    waits: Waits,
) -> Vec<HostWait> {
    let mut known = Memory::of(before);
    let mut groups: BTreeMap<WaitingOn, Vec<(HostId, Timestamp)>> = BTreeMap::new();
    let mut run: Option<(WaitingOn, Vec<(HostId, Timestamp)>)> = None;
    // Neighbours often share a reason: collect runs, and look a group up once per run.
    for (seat, wait) in work.seats.iter().zip(waits) {
        let Some(on) = wait else { continue };
        let id = seat.stored().host;
        let entry = (id, known.since(id, on.kind()).unwrap_or(now));
        match &mut run {
            Some((reason, hosts)) if *reason == on => hosts.push(entry),
            _ => {
                if let Some((reason, mut hosts)) = run.replace((on, vec![entry])) {
                    groups.entry(reason).or_default().append(&mut hosts);
                }
            }
        }
    }
    if let Some((reason, mut hosts)) = run {
        groups.entry(reason).or_default().append(&mut hosts);
    }
    groups.into_iter().map(|(on, hosts)| HostWait { on, hosts }).collect()
}

/// The report before, read in step with the hosts: each group is sorted by host.
struct Memory<'a> {
    groups: Vec<(&'static str, std::slice::Iter<'a, (HostId, Timestamp)>)>,
}

impl<'a> Memory<'a> {
    fn of(before: Option<&'a PlanReport>) -> Self {
        let groups = before.map_or(&[][..], |known| &known.hosts);
        Self { groups: groups.iter().map(|g| (g.on.kind(), g.hosts.iter())).collect() }
    }

    /// Since when the host has had a reason of this kind. Hosts must be asked for in order.
    fn since(&mut self, id: HostId, kind: &'static str) -> Option<Timestamp> {
        self.groups.iter_mut().filter(|(known, _)| *known == kind).find_map(|(_, hosts)| {
            while hosts.as_slice().first().is_some_and(|(host, _)| *host < id) {
                hosts.next();
            }
            hosts.as_slice().first().filter(|(host, _)| *host == id).map(|(_, since)| *since)
        })
    }
}

/// Why the rollout as a whole does not move.
fn headline(work: &Work<'_>, waits: &Waits, says: Option<&(u16, Verdict)>) -> Option<WaitingOn> {
    match &work.phase {
        RolloutPhase::Paused { reason, .. } => {
            return Some(WaitingOn::Paused { reason: reason.to_string() });
        }
        RolloutPhase::Draft => {
            let to = format!("a rollout of {} hosts", work.seats.len());
            return Some(WaitingOn::Approval { to });
        }
        RolloutPhase::Baking { until, .. } => {
            let until = super::step::bakes_until(work).unwrap_or(*until);
            if let Some(lacks) = gate_waits(says) {
                return Some(lacks);
            }
            return Some(WaitingOn::Bake { until });
        }
        RolloutPhase::Succeeded | RolloutPhase::Aborted { .. } => return None,
        RolloutPhase::Canary | RolloutPhase::Rolling { .. } | RolloutPhase::RollingBack => {}
    }
    if work.seats.iter().any(|seat| moves(&seat.host().phase)) {
        return None;
    }
    most_common(work, waits).or_else(|| gate_waits(says))
}

/// What the gate itself waits for: data, or a person where data will not help.
fn gate_waits(says: Option<&(u16, Verdict)>) -> Option<WaitingOn> {
    match says? {
        (wave, Verdict::Extend { missing }) => {
            Some(WaitingOn::GateData { wave: *wave, missing: missing.clone() })
        }
        (_, Verdict::Inconclusive { why }) => Some(WaitingOn::Approval { to: why.clone() }),
        (_, Verdict::Pass | Verdict::Fail { .. }) => None,
    }
}

fn moves(phase: &HostPhase) -> bool {
    matches!(phase, HostPhase::Staging { .. }) || (phase.holds_slot() && *phase != HostPhase::Lost)
}

/// The reason most hosts of the open wave share.
fn most_common(work: &Work<'_>, waits: &Waits) -> Option<WaitingOn> {
    let open = work.phase.open_wave()?;
    let mut counts: BTreeMap<&WaitingOn, u64> = BTreeMap::new();
    for (seat, wait) in work.seats.iter().zip(waits) {
        if seat.stored().wave <= open
            && let Some(on) = wait
        {
            *counts.entry(on).or_default() += 1;
        }
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(on, _)| on.clone())
}

fn waves(
    work: &Work<'_>,
    before: Option<&PlanReport>,
    says: Option<(u16, Verdict)>,
) -> Vec<WaveReport> {
    let mut out: Vec<WaveReport> = work
        .stored
        .waves
        .iter()
        .zip(0u16..)
        .map(|(shape, index)| WaveReport {
            index,
            share_ppm: u64::from(shape.share.0),
            hosts: 0,
            updated: 0,
            under_way: 0,
            harmed: 0,
            // What an earlier wave's gate said last stays on record.
            verdict: before
                .and_then(|known| known.waves.get(usize::from(index)))
                .and_then(|known| known.verdict.clone()),
        })
        .collect();
    for host in work.seats.iter().map(Seat::host) {
        let Some(wave) = out.get_mut(usize::from(host.wave)) else { continue };
        let part = !matches!(host.phase, HostPhase::Excluded { .. });
        wave.hosts += u64::from(part);
        wave.updated += u64::from(matches!(host.phase, HostPhase::Updated { .. }));
        wave.under_way += u64::from(moves(&host.phase));
        wave.harmed += u64::from(host.phase.is_harmed());
    }
    if let Some((wave, verdict)) = says
        && let Some(wave) = out.get_mut(usize::from(wave))
    {
        wave.verdict = Some(verdict);
    }
    out
}
