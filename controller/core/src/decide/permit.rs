//! May this host leave its boot now? The last question before an irreversible step, answered
//! from durable state: a grant is committed as an event before the host hears of it.

use wavegate_common::{
    Denied, Direction, HostPhase, Labels, OrderKind, PermitAnswer, PermitDecision, PermitRequest,
    RolloutPhase,
};

use super::sight::Sight;
use super::work::{Seat, Work};
use crate::calendar::freeze;
use crate::event::HostChange;
use crate::input::PlanningInput;
use crate::sabotage::{Guard, on};

/// Answers every request, in the order in which hosts are sorted. Two requests of one host get
/// the same answer: the agent takes only the one that carries its last nonce.
pub(super) fn answer(
    input: &PlanningInput<'_>,
    sight: &Sight<'_>,
    works: &mut [Work<'_>],
) -> Vec<PermitAnswer> {
    input
        .permit_requests
        .iter()
        .map(|request| {
            let seat = works.iter_mut().find_map(|work| {
                let at =
                    work.seats.binary_search_by_key(&request.host, |s| s.stored().host).ok()?;
                let order = work.seats.get(at)?.host().order.as_ref()?;
                (order.id == request.command).then_some((work, at))
            });
            let decision = match seat {
                Some((work, at)) => decide_one(input, sight, work, at, request),
                None => PermitDecision::Denied(Denied::UnknownCommand),
            };
            PermitAnswer {
                host: request.host,
                command: request.command,
                nonce: request.nonce,
                boot_id: request.boot_id,
                decision,
            }
        })
        .collect()
}

fn decide_one(
    input: &PlanningInput<'_>,
    sight: &Sight<'_>,
    work: &mut Work<'_>,
    at: usize,
    request: &PermitRequest,
) -> PermitDecision {
    let Some(seat) = work.seats.get(at) else {
        return PermitDecision::Denied(Denied::UnknownCommand);
    };
    if let Some(denied) = refuse(input, sight, work, seat, request) {
        return PermitDecision::Denied(denied);
    }
    // A host that asks again in the same boot has not left it: it may have missed the answer.
    // Its first nonce is void on the host, so this is still one permit.
    if !matches!(seat.host().phase, HostPhase::Rebooting { .. }) {
        let deadline = input.now.after(work.stored.spec.limits.boot);
        work.change(at, HostChange::Permitted { from: request.boot_id, deadline });
    }
    let longest = wavegate_common::command::PERMIT_LIFE;
    PermitDecision::Granted { valid_for: input.policy.permit_life.min(longest) }
}

fn refuse(
    input: &PlanningInput<'_>,
    sight: &Sight<'_>,
    work: &Work<'_>,
    seat: &Seat<'_>,
    request: &PermitRequest,
) -> Option<Denied> {
    let host = seat.host();
    let order = host.order.as_ref()?;
    if order.kind != OrderKind::Activate {
        return Some(Denied::Paused);
    }
    if order.boot_id != request.boot_id && on(Guard::PermitBoot) {
        return Some(Denied::OtherBoot);
    }
    let moves = match (&work.phase, host.direction) {
        (
            RolloutPhase::Canary | RolloutPhase::Rolling { .. } | RolloutPhase::Baking { .. },
            Direction::Forward,
        ) => !work.is_blocked(host.class),
        (RolloutPhase::RollingBack, Direction::Back) => true,
        _ => false,
    };
    if !moves && on(Guard::PermitPause) {
        return Some(Denied::Paused);
    }
    match &host.phase {
        HostPhase::Draining { .. } => {}
        HostPhase::Rebooting { from, .. } if *from == request.boot_id => {}
        _ => return Some(Denied::AlreadyGranted),
    }
    if sight.lost.is_some() {
        return Some(Denied::NotNow("most of the fleet is out of sight".to_owned()));
    }
    let empty = Labels::new();
    let labels = seat.record.map_or(&empty, |record| &*record.labels);
    if host.direction == Direction::Forward
        && let Some(freeze) = freeze(&input.policy.freezes, labels, input.now)
    {
        return Some(Denied::NotNow(format!("the freeze `{}` is in force", freeze.name)));
    }
    let full = seat.record.and_then(|r| sight.full(r, true));
    full.filter(|_| on(Guard::Budget)).map(|full| Denied::NotNow(full.to_string()))
}
