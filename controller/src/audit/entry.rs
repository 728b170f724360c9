//! One line of the log.

use serde::{Deserialize, Serialize};
use wavegate_common::Timestamp;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused.
    Refused {
        /// Why.
        why: String,
    },
}

/// Somebody did something, or tried to. The order of the fields is part of what is hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, by the controller's clock.
    pub at: Timestamp,
    /// Who: an operator's name, a host id, or `controller`.
    pub who: String,
    /// In which role: `viewer`, `operator`, `admin`, `host`, `nobody`, `controller`.
    pub role: String,
    /// From which address; empty if it did not come over the network.
    pub from: String,
    /// What, as `object.verb`, for example `rollout.pause`.
    pub act: String,
    /// To what, for example `r3` or a host id.
    pub target: String,
    /// Why, in their own words.
    pub reason: String,
    /// What came of it.
    pub outcome: Outcome,
}

impl Entry {
    /// Something the controller did by itself.
    #[must_use]
    pub fn by_controller(at: Timestamp, act: &str, target: String, reason: String) -> Self {
        Self {
            at,
            who: "controller".to_owned(),
            role: "controller".to_owned(),
            from: String::new(),
            act: act.to_owned(),
            target,
            reason,
            outcome: Outcome::Done,
        }
    }

    /// The same, refused.
    #[must_use]
    pub fn refused(mut self, why: impl Into<String>) -> Self {
        self.outcome = Outcome::Refused { why: why.into() };
        self
    }
}
