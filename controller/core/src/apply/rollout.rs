//! What can happen to a rollout as a whole.

use wavegate_common::{RolloutId, RolloutPhase};

use super::host::change_host;
use crate::event::{Event, RolloutChange};
use crate::state::Rollout;

/// An event that cannot happen in the state it met. In production it pauses the rollout and
/// pages; it is never a panic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rollout {rollout}: {what} cannot happen: {why}")]
pub struct IllegalTransition {
    /// Of which rollout.
    pub rollout: RolloutId,
    /// The event.
    pub what: String,
    /// What the state was.
    pub why: String,
}

/// The state after an event.
///
/// # Errors
/// If the event cannot happen in this state; the state is lost with it, so callers that go on
/// keep a copy or use [`apply_to`].
pub fn apply(mut state: Rollout, event: &Event) -> Result<Rollout, IllegalTransition> {
    apply_to(&mut state, event)?;
    Ok(state)
}

/// As [`apply`], in place. On error the state is as before.
///
/// # Errors
/// If the event cannot happen in this state.
pub fn apply_to(state: &mut Rollout, event: &Event) -> Result<(), IllegalTransition> {
    let illegal = |why: String| IllegalTransition {
        rollout: event.rollout,
        what: describe(&event.change),
        why,
    };
    if event.rollout != state.id {
        return Err(illegal(format!("this is rollout {}", state.id)));
    }
    match &event.change {
        RolloutChange::Moved { to } => {
            apply_phase(&state.phase, to).map_err(illegal)?;
            state.phase = to.clone();
        }
        RolloutChange::Host { host, change } => {
            let at = state
                .hosts
                .binary_search_by_key(host, |known| known.host)
                .map_err(|_| illegal("the host is not part of it".to_owned()))?;
            let known = state.hosts.get_mut(at);
            let known = known.ok_or_else(|| illegal("the host is not part of it".to_owned()))?;
            change_host(known, change, event.at).map_err(illegal)?;
        }
        RolloutChange::ClassBlocked { class, what, .. } => {
            state.blocked.insert(*class, what.clone());
        }
        RolloutChange::ClassCleared { class, .. } => {
            state
                .blocked
                .remove(class)
                .ok_or_else(|| illegal("nothing is known against the class".to_owned()))?;
        }
        RolloutChange::ClassPassed { class, .. } => {
            state.passed.insert(*class);
        }
        RolloutChange::ClassAccepted { class, by, reason, .. } => {
            if usize::try_from(*class).map_or(true, |at| at >= state.classes.len()) {
                return Err(illegal("there is no such class".to_owned()));
            }
            state.accepted.insert(*class, format!("{by}: {reason}"));
        }
        RolloutChange::FailuresAcknowledged { .. } => {
            state.hosts.iter_mut().filter(|h| h.phase.is_harmed()).for_each(|host| {
                host.acknowledged = true;
            });
        }
        RolloutChange::Approved { .. } => {
            if state.phase != RolloutPhase::Draft {
                return Err(illegal(format!("it is {}", state.phase.name())));
            }
        }
    }
    Ok(())
}

/// Whether a rollout may go from one phase to another.
pub(crate) fn apply_phase(from: &RolloutPhase, to: &RolloutPhase) -> Result<(), String> {
    use RolloutPhase as P;
    let ok = match (from, to) {
        (P::Succeeded | P::Aborted { .. }, _) => false,
        (P::Paused { resume_to, .. }, to) => {
            **resume_to == *to
                || (matches!(to, P::RollingBack) && !resume_to.is_over())
                || is_pause_of(resume_to, to)
        }
        (_, P::Draft) => false,
        // Where hosts may be under way, an end goes through a pause that lets them come to rest.
        (P::Draft | P::RollingBack, P::Aborted { .. }) => true,
        (P::Draft, P::Canary) => true,
        (P::Canary, P::Baking { wave: 0, .. }) => true,
        (P::Canary, P::Rolling { wave }) => *wave >= 1,
        (P::Rolling { wave }, P::Baking { wave: baked, .. }) => wave == baked,
        // It is watched anew when the clock that dated its end was ahead.
        (P::Baking { wave, .. }, P::Baking { wave: same, .. }) => wave == same,
        (P::Baking { wave, .. }, P::Rolling { wave: next }) => next > wave,
        (P::Baking { .. } | P::Canary, P::Succeeded) => true,
        (P::Canary | P::Rolling { .. } | P::Baking { .. }, P::RollingBack) => true,
        (from, P::Paused { resume_to, .. }) => **resume_to == *from || resume_to.is_over(),
        (P::Draft | P::Canary | P::Rolling { .. } | P::Baking { .. } | P::RollingBack, _) => false,
    };
    if ok { Ok(()) } else { Err(format!("it is {}", from.name())) }
}

/// A pause may be given another reason, or become the way to the end; it never resumes to
/// another place.
fn is_pause_of(resume_to: &RolloutPhase, to: &RolloutPhase) -> bool {
    match to {
        RolloutPhase::Paused { resume_to: other, .. } => **other == *resume_to || other.is_over(),
        _ => false,
    }
}

fn describe(change: &RolloutChange) -> String {
    match change {
        RolloutChange::Moved { to } => format!("moving to {}", to.name()),
        RolloutChange::Host { host, change } => format!("{} of host {host}", change.name()),
        RolloutChange::ClassBlocked { name, .. } => format!("blocking class {name}"),
        RolloutChange::ClassCleared { name, .. } => format!("clearing class {name}"),
        RolloutChange::ClassPassed { name, .. } => format!("passing class {name}"),
        RolloutChange::ClassAccepted { name, .. } => format!("accepting class {name}"),
        RolloutChange::FailuresAcknowledged { .. } => "acknowledging failures".to_owned(),
        RolloutChange::Approved { .. } => "an approval".to_owned(),
    }
}
