//! What can happen to a host of a rollout.
//!
//! ```text
//! Pending ─StageOrdered─▶ Staging ─Staged─▶ Staged ─ActivateOrdered─▶ Draining
//!    ▲                                        ▲                        │ Permitted
//!    │ Retried                      StoodDown └────────────────────────┤
//!    │                                                                 ▼
//! Failed ◀────────────── Failed ──────────────────────────────── Rebooting ─Lost─▶ Lost
//!                                                                      │ CameBack    │
//!                        Updated ◀─Confirmed─ Verifying ◀──────────────┴─────────────┘
//! ```
//!
//! On the way back (`Direction::Back`) a host goes from `Updated`, `Verifying` or `Failed`
//! through `Draining` … to `RolledBack`; if it stands down it is `Failed`, for it still runs
//! what nobody wants.

use wavegate_common::{
    Direction, FailReason, FailStep, HostPhase, OpenOrder, OrderKind, RolloutHost, Timestamp,
};

use crate::event::HostChange;

/// Changes a host, or says why that cannot be. On error nothing has changed.
pub(crate) fn change_host(
    host: &mut RolloutHost,
    change: &HostChange,
    at: Timestamp,
) -> Result<(), String> {
    use HostPhase as P;
    match change {
        HostChange::StageOrdered { order } => {
            expect(matches!(host.phase, P::Pending), host)?;
            open(host, order, OrderKind::Stage)?;
            host.phase = P::Staging { since: at };
        }
        HostChange::Staged => {
            expect(matches!(host.phase, P::Staging { .. }), host)?;
            host.order = None;
            host.phase = P::Staged;
        }
        HostChange::ActivateOrdered { order, direction, from } => {
            activate(host, order, *direction, at)?;
            if *direction == Direction::Forward {
                host.came_from = Some(from.clone());
            }
        }
        HostChange::CancelOrdered { order } => {
            expect(matches!(host.phase, P::Staging { .. }) || host.phase.holds_slot(), host)?;
            expect(!matches!(host.phase, P::Verifying { .. }), host)?;
            open(host, order, OrderKind::Cancel)?;
        }
        HostChange::StoodDown { reason, not_before } => stand_down(host, reason, *not_before)?,
        HostChange::Permitted { from, deadline } => {
            expect(matches!(host.phase, P::Draining { .. }), host)?;
            let open = host.order.as_ref().is_some_and(|order| order.kind == OrderKind::Activate);
            expect(open, host)?;
            host.boots = host.boots.saturating_add(1);
            host.phase = P::Rebooting { from: *from, deadline: *deadline };
        }
        HostChange::CameBack { boot } => {
            let ahead = matches!(
                host.phase,
                P::Pending | P::Staging { .. } | P::Staged | P::Draining { .. }
            );
            expect(ahead || matches!(host.phase, P::Rebooting { .. } | P::Lost), host)?;
            host.boots = host.boots.max(1);
            host.phase = P::Verifying { since: at, boot: *boot };
        }
        HostChange::ConfirmOrdered { order } => {
            expect(matches!(host.phase, P::Verifying { .. }), host)?;
            open(host, order, OrderKind::Confirm)?;
        }
        HostChange::Confirmed => confirm(host, at)?,
        HostChange::Rebooted { boot: new } => {
            let P::Updated { boot, .. } = &mut host.phase else { return Err(wrong(host)) };
            *boot = *new;
        }
        HostChange::Failed { step, reason } => {
            expect(!matches!(host.phase, P::Excluded { .. }), host)?;
            fail(host, *step, reason.clone());
        }
        HostChange::Lost => {
            expect(matches!(host.phase, P::Rebooting { .. } | P::Verifying { .. }), host)?;
            host.phase = P::Lost;
        }
        HostChange::Redated { deadline, not_before } => redate(host, at, *deadline, *not_before)?,
        HostChange::Excluded { reason } => {
            expect(!matches!(host.phase, P::Excluded { .. } | P::Rebooting { .. }), host)?;
            host.order = None;
            host.phase = P::Excluded { reason: reason.clone() };
        }
        HostChange::Retried { .. } => {
            expect(matches!(host.phase, P::Failed { .. }), host)?;
            start_over(host);
        }
    }
    Ok(())
}

fn activate(
    host: &mut RolloutHost,
    order: &OpenOrder,
    direction: Direction,
    at: Timestamp,
) -> Result<(), String> {
    use HostPhase as P;
    let ready = match direction {
        Direction::Forward => matches!(host.phase, P::Staged),
        Direction::Back => matches!(
            host.phase,
            P::Updated { .. } | P::Verifying { .. } | P::Failed { .. } | P::Draining { .. }
        ),
    };
    expect(ready && (direction == Direction::Forward || host.came_from.is_some()), host)?;
    open(host, order, OrderKind::Activate)?;
    host.direction = direction;
    host.not_before = None;
    host.phase = P::Draining { since: at };
    Ok(())
}

fn fail(host: &mut RolloutHost, step: FailStep, reason: FailReason) {
    if host.direction == Direction::Back {
        // The next try of the way back is another order.
        host.attempt = host.attempt.saturating_add(1);
        host.given_up = host.given_up.saturating_add(1);
    }
    host.order = None;
    host.acknowledged = false;
    host.phase = HostPhase::Failed { step, reason };
}

fn stand_down(host: &mut RolloutHost, reason: &str, not_before: Timestamp) -> Result<(), String> {
    use HostPhase as P;
    let away = matches!(
        host.phase,
        P::Draining { .. } | P::Rebooting { .. } | P::Lost | P::Staging { .. }
    );
    expect(away, host)?;
    let staging = matches!(host.phase, P::Staging { .. });
    let cancelled = host.order.as_ref().is_some_and(|order| order.kind == OrderKind::Cancel);
    host.given_up = host.given_up.saturating_add(u32::from(!cancelled));
    host.order = None;
    host.attempt = host.attempt.saturating_add(1);
    host.not_before = Some(not_before);
    host.phase = match host.direction {
        Direction::Forward if staging => P::Pending,
        Direction::Forward => P::Staged,
        Direction::Back => P::Failed {
            step: FailStep::Drain,
            reason: FailReason::Step { error: format!("the way back: {reason}") },
        },
    };
    Ok(())
}

fn confirm(host: &mut RolloutHost, at: Timestamp) -> Result<(), String> {
    let HostPhase::Verifying { boot, .. } = host.phase else {
        return Err(wrong(host));
    };
    host.order = None;
    host.phase = match host.direction {
        Direction::Forward => HostPhase::Updated { at, boot },
        Direction::Back => HostPhase::RolledBack,
    };
    Ok(())
}

fn start_over(host: &mut RolloutHost) {
    host.order = None;
    host.not_before = None;
    host.attempt = host.attempt.saturating_add(1);
    host.given_up = 0;
    host.direction = Direction::Forward;
    host.acknowledged = false;
    host.phase = HostPhase::Pending;
}

/// Takes what is dated later than it can be as of now.
fn redate(
    host: &mut RolloutHost,
    now: Timestamp,
    latest: Timestamp,
    soonest: Timestamp,
) -> Result<(), String> {
    use HostPhase as P;
    let waits = host.not_before.is_some_and(|until| until > soonest);
    let (date, bound) = match &mut host.phase {
        P::Staging { since } | P::Draining { since } | P::Verifying { since, .. } => (since, now),
        P::Updated { at, .. } => (at, now),
        P::Rebooting { deadline, .. } => (deadline, latest),
        _ if waits => {
            host.not_before = Some(soonest);
            return Ok(());
        }
        _ => return Err(wrong(host)),
    };
    *date = (*date).min(bound);
    host.not_before = host.not_before.min(Some(soonest));
    Ok(())
}

fn open(host: &mut RolloutHost, order: &OpenOrder, kind: OrderKind) -> Result<(), String> {
    if order.kind != kind {
        return Err(format!("the order is of another kind, {:?}", order.kind));
    }
    if host.order.as_ref().is_some_and(|known| known.generation > order.generation) {
        return Err("a newer order is open".to_owned());
    }
    host.order = Some(order.clone());
    Ok(())
}

fn expect(holds: bool, host: &RolloutHost) -> Result<(), String> {
    if holds { Ok(()) } else { Err(wrong(host)) }
}

fn wrong(host: &RolloutHost) -> String {
    format!("the host is {}", host.phase.name())
}
