//! Who begins, and why everybody else does not. Every host ends in exactly one of: it acts, it
//! waits for one reason, or it is done.

use wavegate_common::{
    Direction, HostPhase, HostRecord, HostReport, OrderKind, RolloutPhase, Timestamp, WaitingOn,
};

use super::sight::Sight;
use super::wait::{can_begin, own_reason, under_way};
use super::work::Work;
use crate::calendar::{Opening, freeze, opening};
use crate::event::HostChange;
use crate::input::PlanningInput;
use crate::sabotage::{Guard, on};

/// One reason, or none, per host of the rollout.
pub(super) type Waits = Vec<Option<WaitingOn>>;

/// Hosts of one class in this rollout.
#[derive(Debug, Clone, Copy, Default)]
struct Ramp {
    under_way: u64,
    good: u64,
    canaries_open: u64,
}

/// Lets hosts begin, in the order of the rollout, as far as budgets go.
pub(super) fn choose(
    input: &PlanningInput<'_>,
    sight: &mut Sight<'_>,
    work: &mut Work<'_>,
) -> Waits {
    cancel(work);
    let mut waits: Waits = vec![None; work.seats.len()];
    let mut ramps = ramps(work);
    let headline = nobody_begins(sight, work);
    let bake = super::step::bakes_until(work);
    let mut candidates = vec![false; work.seats.len()];
    for (at, seat) in work.seats.iter().enumerate() {
        let reason = under_way(sight, work, seat).or_else(|| {
            if !can_begin(seat) {
                return None;
            }
            dark(sight, seat.record)
                .or_else(|| own_reason(input, work, seat))
                .or_else(|| headline.clone())
                .or_else(|| not_yet(input, work, at, &ramps, bake))
        });
        if let Some(flag) = candidates.get_mut(at) {
            *flag = reason.is_none() && can_begin(seat);
        }
        if let Some(place) = waits.get_mut(at) {
            *place = reason;
        }
    }
    let window = opening(&work.stored.spec.windows, input.now);
    for rank in 0..work.stored.order.len() {
        let Some(at) = work.stored.order.get(rank).map(|at| *at as usize) else { continue };
        if candidates.get(at) == Some(&true) {
            let reason = begin(input, sight, work, at, &mut ramps, window);
            if let Some(place) = waits.get_mut(at) {
                *place = reason;
            }
        }
    }
    if work.phase == RolloutPhase::RollingBack && sight.lost.is_none() {
        go_back(input, sight, work);
    }
    waits
}

/// A domain that is mostly out of sight is left alone altogether.
fn dark(sight: &Sight<'_>, record: Option<&HostRecord>) -> Option<WaitingOn> {
    let domain = sight.dark_domain(record?)?;
    Some(WaitingOn::FailureDomainDark { domain })
}

/// Why nobody at all begins in this phase.
fn nobody_begins(sight: &Sight<'_>, work: &Work<'_>) -> Option<WaitingOn> {
    if let Some(unseen_ppm) = sight.lost.filter(|_| on(Guard::LostSight)) {
        return Some(WaitingOn::LostSight { unseen_ppm });
    }
    match &work.phase {
        RolloutPhase::Draft => {
            let to = format!("a rollout of {} hosts", work.seats.len());
            Some(WaitingOn::Approval { to })
        }
        RolloutPhase::Paused { reason, .. } if on(Guard::Pause) => {
            Some(WaitingOn::Paused { reason: reason.to_string() })
        }
        RolloutPhase::RollingBack | RolloutPhase::Succeeded | RolloutPhase::Aborted { .. } => {
            let reason = format!("it is {}", work.phase.name().replace('_', " "));
            Some(WaitingOn::Paused { reason })
        }
        RolloutPhase::Paused { .. }
        | RolloutPhase::Canary
        | RolloutPhase::Rolling { .. }
        | RolloutPhase::Baking { .. } => None,
    }
}

/// Why it is not the host's turn.
fn not_yet(
    input: &PlanningInput<'_>,
    work: &Work<'_>,
    at: usize,
    ramps: &[Ramp],
    bake: Option<Timestamp>,
) -> Option<WaitingOn> {
    let host = work.seats.get(at)?.host();
    let last_alone = input.policy.controller_host == Some(host.host) && on(Guard::ControllerLast);
    if last_alone && !others_done(work, at) {
        return Some(WaitingOn::ControllerHostLast);
    }
    let current = work.phase.open_wave().unwrap_or(u16::MAX);
    if host.wave <= current || !on(Guard::WaveOrder) {
        return None;
    }
    if let Some(until) = bake {
        return Some(WaitingOn::Bake { until });
    }
    let shape = work.stored.waves.get(usize::from(host.wave));
    if shape.is_some_and(|shape| shape.holdback) {
        return Some(WaitingOn::Holdback);
    }
    let open = ramps.get(host.class as usize).is_some_and(|ramp| ramp.canaries_open > 0);
    if current == 0 && open {
        let class = work.stored.class_of(host)?.clone();
        return Some(WaitingOn::CanaryVerdict { class });
    }
    Some(WaitingOn::EarlierWave { current, own: host.wave })
}

fn others_done(work: &Work<'_>, at: usize) -> bool {
    work.seats.iter().enumerate().all(|(other, seat)| other == at || seat.host().phase.is_settled())
}

fn ramps(work: &Work<'_>) -> Vec<Ramp> {
    let mut ramps = vec![Ramp::default(); work.stored.classes.len()];
    for seat in &work.seats {
        let host = seat.host();
        let Some(ramp) = ramps.get_mut(host.class as usize) else { continue };
        ramp.under_way += u64::from(host.phase.holds_slot());
        ramp.good += u64::from(matches!(host.phase, HostPhase::Updated { .. }));
        ramp.canaries_open += u64::from(host.wave == 0 && !host.phase.is_settled());
    }
    ramps
}

/// Lets one host take its next step, or says what is in the way.
fn begin(
    input: &PlanningInput<'_>,
    sight: &mut Sight<'_>,
    work: &mut Work<'_>,
    at: usize,
    ramps: &mut [Ramp],
    window: Opening,
) -> Option<WaitingOn> {
    let seat = work.seats.get(at)?;
    let (host, record, report) = (seat.host(), seat.record?, seat.report()?);
    let id = host.host;
    if let Some(other) = sight.claimed(id, work.stored.id) {
        let reasons = vec![format!("an order of rollout {other} is in work")];
        return Some(WaitingOn::HostGuard { reasons });
    }
    if let Some(freeze) = freeze(&input.policy.freezes, &record.labels, input.now)
        && on(Guard::Freeze)
    {
        return Some(WaitingOn::Freeze { name: freeze.name.clone(), until: freeze.until });
    }
    if let Some(until) = host.not_before.filter(|until| input.now < *until) {
        let waiting = format!("the last attempt was given up, the next is at {}", until.0);
        return Some(WaitingOn::Drain { waiting: Some(waiting) });
    }
    if host.phase == HostPhase::Pending {
        let order = work.new_order(host, OrderKind::Stage, Direction::Forward, report);
        work.change(at, HostChange::StageOrdered { order });
        sight.claim(id, work.stored.id);
        return Some(WaitingOn::Staging);
    }
    match window {
        Opening::Open => {}
        Opening::Opens(at) => return Some(WaitingOn::Window { opens: Some(at) }),
        Opening::Never => return Some(WaitingOn::Window { opens: None }),
    }
    let ramp = ramps.get_mut(host.class as usize)?;
    let max = ramp.good + 1;
    if ramp.under_way >= max {
        let class = work.stored.class_of(host)?.clone();
        return Some(WaitingOn::ClassRamp { class, under_way: ramp.under_way, max });
    }
    if let Some(full) = sight.full(record, false)
        && on(Guard::Budget)
    {
        return Some(full);
    }
    ramp.under_way += 1;
    sight.take(record);
    sight.claim(id, work.stored.id);
    activate(work, at, Direction::Forward, report);
    Some(WaitingOn::Drain { waiting: None })
}

fn activate(work: &mut Work<'_>, at: usize, direction: Direction, report: &HostReport) {
    let Some(seat) = work.seats.get(at) else { return };
    let order = work.new_order(seat.host(), OrderKind::Activate, direction, report);
    let from = report.boot.kernel.clone();
    work.change(at, HostChange::ActivateOrdered { order, direction, from });
}

/// Tells hosts that drain to give up where the rollout does not let them go on.
fn cancel(work: &mut Work<'_>) {
    for at in 0..work.seats.len() {
        let Some(host) = work.seats.get(at).map(super::work::Seat::host) else { continue };
        let (HostPhase::Draining { .. }, Some(order)) = (&host.phase, &host.order) else {
            continue;
        };
        let stop = match (&work.phase, host.direction) {
            (
                RolloutPhase::Canary | RolloutPhase::Rolling { .. } | RolloutPhase::Baking { .. },
                Direction::Forward,
            ) => work.is_blocked(host.class),
            (RolloutPhase::RollingBack, Direction::Back) => false,
            _ => true,
        };
        if stop && order.kind == OrderKind::Activate {
            let order = work.cancel_order(host, order);
            work.change(at, HostChange::CancelOrdered { order });
        }
    }
}

/// Sends hosts back to the kernel each came from, as far as budgets go. Windows and ramps are
/// for going forward.
fn go_back(input: &PlanningInput<'_>, sight: &mut Sight<'_>, work: &mut Work<'_>) {
    for rank in 0..work.stored.order.len() {
        let Some(at) = work.stored.order.get(rank).map(|at| *at as usize) else { continue };
        if !can_go_back(input, work, at) {
            continue;
        }
        let Some(seat) = work.seats.get(at) else { continue };
        let (Some(record), Some(report)) = (seat.record, seat.fresh_report()) else { continue };
        let waits = seat.host().not_before.is_some_and(|until| input.now < until);
        let claimed = sight.claimed(record.id, work.stored.id).is_some();
        if !waits && !claimed && sight.full(record, false).is_none() {
            sight.take(record);
            sight.claim(record.id, work.stored.id);
            activate(work, at, Direction::Back, report);
        }
    }
}

/// Whether a host is on the new kernel and there is a way back.
fn can_go_back(input: &PlanningInput<'_>, work: &Work<'_>, at: usize) -> bool {
    let Some(seat) = work.seats.get(at) else { return false };
    let host = seat.host();
    let on_new =
        seat.report().is_some_and(|report| report.boot.kernel == work.stored.release.kernel);
    on_new
        && host.came_from.as_ref().is_some_and(|from| *from != work.stored.release.kernel)
        && matches!(host.phase, HostPhase::Updated { .. } | HostPhase::Failed { .. })
        && host.given_up < input.policy.attempts.saturating_mul(2)
}

/// Whether a rollback has nothing more to do for a host.
pub(super) fn rests(input: &PlanningInput<'_>, work: &Work<'_>, at: usize) -> bool {
    let Some(seat) = work.seats.get(at) else { return true };
    let settled = seat.host().phase.is_settled() || seat.host().phase == HostPhase::Lost;
    settled && !can_go_back(input, work, at)
}
