//! One pass of the planner, from top to bottom.

use wavegate_common::{Alert, AlertKind, ExcludeReason, HostId, HostPhase, Millis, Scope};

use super::sight::Sight;
use super::work::{Seat, Work};
use super::{choose, judge, permit, report, step};
use crate::input::{Plan, PlanningInput};

/// Reads everything, changes nothing, never fails: missing knowledge is a reason to wait.
#[must_use]
pub fn decide(input: &PlanningInput<'_>) -> Plan {
    let mut works: Vec<Work<'_>> =
        input.rollouts.iter().map(|rollout| Work::open(input, rollout)).collect();
    let flying = in_flight(&works);
    let mut sight = Sight::of(input, &flying);
    let mut plan = Plan {
        parent: input.parent,
        events: Vec::new(),
        commands: Vec::new(),
        permits: Vec::new(),
        alerts: Vec::new(),
        reports: Vec::new(),
    };
    let mut says = Vec::with_capacity(works.len());
    for work in &mut works {
        judge::judge(input, &sight, work);
        says.push(step::step(input, &sight, work, &mut plan.alerts));
        step::wind_down(input, work);
    }
    plan.permits = permit::answer(input, &sight, &mut works);
    for (mut work, says) in works.into_iter().zip(says) {
        let waits = choose::choose(input, &mut sight, &mut work);
        plan.reports.push(report::report(input, &work, waits, says));
        plan.alerts.extend(alerts(input, &sight, &work));
        let open = work.seats.iter().filter_map(|seat| work.stored.command(seat.host()));
        plan.commands.extend(open.filter(|_| !work.phase.is_over()));
        plan.events.append(&mut work.events);
    }
    plan
}

/// Every host that holds a slot, sorted.
fn in_flight(works: &[Work<'_>]) -> Vec<HostId> {
    let mut hosts: Vec<HostId> = works
        .iter()
        .flat_map(|work| &work.seats)
        .map(Seat::stored)
        .filter(|host| host.phase.holds_slot())
        .map(|host| host.host)
        .collect();
    hosts.sort_unstable();
    hosts
}

/// What people must hear besides a closed gate.
fn alerts(input: &PlanningInput<'_>, sight: &Sight<'_>, work: &Work<'_>) -> Vec<Alert> {
    let id = work.stored.id;
    let mut out = Vec::new();
    let lost: Vec<HostId> = work
        .seats
        .iter()
        .map(Seat::host)
        .filter(|host| host.phase == HostPhase::Lost)
        .map(|host| host.host)
        .collect();
    if !lost.is_empty() {
        out.push(Alert {
            key: format!("{id}/lost"),
            rollout: id,
            kind: AlertKind::HostsLost,
            text: format!("{} hosts of {} did not come back", lost.len(), work.stored.spec.name),
            scope: Scope::Rollout,
            hosts: lost,
        });
    }
    out.extend(silent(input, sight, work));
    if let Some(unseen_ppm) = sight.lost {
        out.push(Alert {
            key: "out-of-sight".to_owned(),
            rollout: id,
            kind: AlertKind::OutOfSight,
            text: format!(
                "{} % of the fleet is out of sight; nothing is touched until it is back",
                unseen_ppm / 10_000
            ),
            scope: Scope::Rollout,
            hosts: Vec::new(),
        });
    }
    if work.phase.is_over() {
        out.push(Alert {
            key: format!("{id}/over"),
            rollout: id,
            kind: AlertKind::Finished,
            text: format!("rollout {} is {}", work.stored.spec.name, work.phase.name()),
            scope: Scope::Rollout,
            hosts: Vec::new(),
        });
    }
    out
}

/// Hosts that have said nothing for longer than a reboot may take, and that we did not send away:
/// as far as this controller remembers.
fn silent(input: &PlanningInput<'_>, sight: &Sight<'_>, work: &Work<'_>) -> Option<Alert> {
    let limits = &work.stored.spec.limits;
    let patience = Millis(limits.boot.0.saturating_add(input.policy.stale_after.0));
    let is_silent = |seat: &&Seat<'_>| {
        let last = seat.record.and_then(|record| record.last_seen);
        let host = seat.host();
        !seat.fresh
            && !host.phase.holds_slot()
            && !matches!(host.phase, HostPhase::Excluded { reason: ExcludeReason::Operator { .. } })
            && last.is_none_or(|last| input.now.since(last) > patience)
            && sight.silence_counts(seat.record)
    };
    let hosts: Vec<HostId> =
        work.seats.iter().filter(is_silent).map(|seat| seat.host().host).collect();
    if hosts.is_empty() || work.phase.is_over() {
        return None;
    }
    let (id, name) = (work.stored.id, &work.stored.spec.name);
    Some(Alert {
        key: format!("{id}/silent"),
        rollout: id,
        kind: AlertKind::HostsSilent,
        text: format!("{} hosts of {name} have said nothing for {patience}", hosts.len()),
        scope: Scope::Rollout,
        hosts,
    })
}
