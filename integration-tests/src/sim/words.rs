//! What really happened, in words for a trace.

use wavegate_core::{HostChange, RolloutChange};
use wavegate_simfleet::Truth;

pub(super) fn of_truth(truth: &Truth) -> String {
    match truth {
        Truth::Accepted { command, rollout } => {
            format!("accepted order {} of {rollout}", short(command.0))
        }
        Truth::Generation(generation) => format!("has seen {generation}"),
        Truth::Installed(kernel) => format!("has {kernel} on its disk"),
        Truth::Checks(state) => format!("its checks say {state:?}"),
        Truth::Away => "workload goes away".to_owned(),
        Truth::Back => "workload is back".to_owned(),
        Truth::Intended { command } => format!("wrote down to leave ({})", short(command.0)),
        Truth::RevertIntended { command } => {
            format!("wrote down to go back ({})", short(command.0))
        }
        Truth::Switched { command, method, kernel, again, .. } => {
            let again = if *again { " AGAIN" } else { "" };
            format!("leaves its boot for {kernel} by {method:?}{again} ({})", short(command.0))
        }
        Truth::Reverted { command } => format!("goes back by itself ({})", short(command.0)),
        Truth::Down { why } => format!("is down: {why}"),
        Truth::Booted { boot, kernel, .. } => format!("runs {kernel} (boot {})", short(boot.0)),
        Truth::Hangs { kernel } => format!("hangs on {kernel}"),
        Truth::Defaulted(kernel) => format!("boots {kernel} by default now"),
        Truth::AgentStarted { damaged: false } => "agent started".to_owned(),
        Truth::AgentStarted { damaged: true } => "agent started on a ledger with a hole".to_owned(),
        Truth::AgentStopped => "agent is gone".to_owned(),
        Truth::Said(text) => format!("agent: {text}"),
    }
}

pub(super) fn of_change(change: &RolloutChange) -> String {
    match change {
        RolloutChange::Moved { to } => format!("{to:?}"),
        RolloutChange::Host { change, .. } => match change {
            HostChange::Failed { step, reason } => format!("failed at {step}: {reason}"),
            HostChange::StoodDown { reason, .. } => format!("stood down: {reason}"),
            HostChange::Excluded { reason } => format!("excluded: {reason}"),
            other => other.name().to_owned(),
        },
        RolloutChange::ClassBlocked { name, what, .. } => format!("class {name} blocked: {what}"),
        RolloutChange::ClassCleared { name, .. } => format!("class {name} cleared"),
        RolloutChange::ClassPassed { name, .. } => format!("class {name} passed"),
        RolloutChange::ClassAccepted { name, .. } => format!("class {name} accepted"),
        RolloutChange::FailuresAcknowledged { .. } => "failures acknowledged".to_owned(),
        RolloutChange::Approved { by, .. } => format!("approved by {by}"),
    }
}

/// The first eight digits of an id.
pub(super) fn short(id: u128) -> String {
    let text = format!("{id:032x}");
    text.chars().take(8).collect()
}
