//! Events as sentences.

use wavegate_common::view::EventView;
use wavegate_common::{HostId, RolloutPhase};
use wavegate_core::{HostChange, RolloutChange};

use super::host::host_ref;
use crate::driver::World;
use crate::store::StoredEvent;

/// One event.
#[must_use]
pub fn event(world: &World, stored: &StoredEvent) -> EventView {
    let (kind, host, text) = words(&stored.event.change);
    EventView {
        seq: stored.seq,
        at: stored.event.at,
        rollout: stored.event.rollout,
        host: host.map(|host| host_ref(world, host)),
        kind: kind.to_owned(),
        text,
    }
}

fn words(change: &RolloutChange) -> (&'static str, Option<HostId>, String) {
    match change {
        RolloutChange::Moved { to } => ("moved", None, moved(to)),
        RolloutChange::Host { host, change } => (change.name(), Some(*host), host_words(change)),
        RolloutChange::ClassBlocked { class: _, name, what } => {
            ("class_blocked", None, format!("nothing begins in class {name} any more: {what}"))
        }
        RolloutChange::ClassCleared { class: _, name, by, reason } => {
            ("class_cleared", None, format!("{by} lets class {name} try again: {reason}"))
        }
        RolloutChange::ClassPassed { class: _, name, evidence } => (
            "class_passed",
            None,
            format!("class {name} is as good as before (evidence {evidence})"),
        ),
        RolloutChange::ClassAccepted { class: _, name, by, reason } => {
            ("class_accepted", None, format!("{by} answers for class {name}: {reason}"))
        }
        RolloutChange::FailuresAcknowledged { by, reason } => {
            ("failures_acknowledged", None, format!("{by} accepted the failures so far: {reason}"))
        }
        RolloutChange::Approved { by, reason } => {
            ("approved", None, format!("{by} approved it: {reason}"))
        }
    }
}

fn moved(to: &RolloutPhase) -> String {
    match to {
        RolloutPhase::Rolling { wave } => format!("wave {wave} begins"),
        RolloutPhase::Baking { wave: 0, .. } => "the canaries are watched for a while".to_owned(),
        RolloutPhase::Baking { wave, .. } => format!("wave {wave} is watched for a while"),
        RolloutPhase::Paused { reason, .. } => format!("paused: {reason}"),
        RolloutPhase::Aborted { reason } => format!("ended: {reason}"),
        RolloutPhase::Canary => "the canaries begin".to_owned(),
        RolloutPhase::Draft => "it waits for an approval".to_owned(),
        RolloutPhase::RollingBack => "hosts go back".to_owned(),
        RolloutPhase::Succeeded => "it is through".to_owned(),
    }
}

fn host_words(change: &HostChange) -> String {
    match change {
        HostChange::StageOrdered { .. } => "told to get the kernel".to_owned(),
        HostChange::Staged => "has the kernel".to_owned(),
        HostChange::ActivateOrdered { from, .. } => {
            format!("told to drain and to leave {from}")
        }
        HostChange::CancelOrdered { .. } => "told to give up".to_owned(),
        HostChange::StoodDown { reason, .. } => format!("gave up: {reason}"),
        HostChange::Permitted { .. } => "may reboot".to_owned(),
        HostChange::CameBack { .. } => "came back on the wanted kernel".to_owned(),
        HostChange::ConfirmOrdered { .. } => "told to make the kernel its default".to_owned(),
        HostChange::Confirmed => "confirmed the kernel".to_owned(),
        HostChange::Rebooted { .. } => {
            "was rebooted in order by somebody else, into the same kernel".to_owned()
        }
        HostChange::Redated { .. } => "dated anew: the clock had been ahead".to_owned(),
        HostChange::Failed { step, reason } => format!("failed at step {step}: {reason}"),
        HostChange::Lost => "did not come back in time".to_owned(),
        HostChange::Excluded { reason } => format!("takes no part: {reason}"),
        HostChange::Retried { by, reason } => format!("{by} lets it try again: {reason}"),
    }
}
