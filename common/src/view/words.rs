//! States as words beside their data.

use serde::{Deserialize, Serialize};

use crate::rollout::{HostPhase, PauseReason, RolloutPhase};
use crate::time::Timestamp;
use crate::waiting::WaitingOn;

/// Where a rollout stands: `phase`, `reason` and `scope` as text, and all of it in
/// `phase_detail`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The phase as one word.
    pub phase: String,
    /// Why it is paused or aborted.
    pub reason: Option<String>,
    /// What a closed gate is about.
    pub scope: Option<String>,
    /// The phase with its data.
    pub phase_detail: RolloutPhase,
}

impl Standing {
    /// The words for a phase.
    #[must_use]
    pub fn of(phase: RolloutPhase) -> Self {
        let (reason, scope) = match &phase {
            RolloutPhase::Paused { reason, .. } => {
                let scope = match reason {
                    PauseReason::Gate { scope, .. } => Some(scope.to_string()),
                    PauseReason::Operator { .. } | PauseReason::Violation { .. } => None,
                };
                (Some(reason.to_string()), scope)
            }
            RolloutPhase::Aborted { reason } => (Some(reason.to_string()), None),
            _ => (None, None),
        };
        Self { phase: phase.name().to_owned(), reason, scope, phase_detail: phase }
    }
}

/// Where a host of a rollout stands: `phase` as a word, and all of it in `phase_detail`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostStanding {
    /// The phase as one word.
    pub phase: String,
    /// The phase with its data.
    pub phase_detail: HostPhase,
}

impl HostStanding {
    /// The words for a phase.
    #[must_use]
    pub fn of(phase: HostPhase) -> Self {
        Self { phase: phase.name().to_owned(), phase_detail: phase }
    }
}

/// Why something does not move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitView {
    /// The reason as one word with underscores.
    pub kind: String,
    /// The reason as a sentence.
    pub text: String,
    /// Since when.
    pub since: Timestamp,
    /// What would let it move.
    pub released_by: String,
    /// The reason with its data.
    pub on: WaitingOn,
}

impl WaitView {
    /// The words for a reason.
    #[must_use]
    pub fn new(on: WaitingOn, since: Timestamp) -> Self {
        Self {
            kind: on.kind().to_owned(),
            text: on.to_string(),
            since,
            released_by: on.released_by(),
            on,
        }
    }
}
