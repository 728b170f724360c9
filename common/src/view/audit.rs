//! What happened, and who did it.

use serde::{Deserialize, Serialize};

use super::host::HostRef;
use crate::id::{Digest, RolloutId};
use crate::time::Timestamp;

/// Something that happened to a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventView {
    /// Its number in the log.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// To which rollout.
    pub rollout: RolloutId,
    /// To which host, if to one.
    pub host: Option<HostRef>,
    /// What kind, one word with underscores.
    pub kind: String,
    /// One sentence.
    pub text: String,
}

/// Some events, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EventPage {
    /// The events.
    pub events: Vec<EventView>,
    /// More follow: ask again with `after` set to this.
    pub next: Option<u64>,
}

/// What came of a deed.
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

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditView {
    /// Its number.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// In which role.
    pub role: String,
    /// From which address; empty if it did not come over the network.
    pub from: String,
    /// What, as `object.verb`.
    pub act: String,
    /// To what.
    pub target: String,
    /// Why, in their words.
    pub reason: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Hash over this entry and the hash of the one before.
    pub hash: Digest,
}

/// Some entries, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditView>,
    /// More follow: ask again with `after` set to this.
    pub next: Option<u64>,
}

/// Where the chain of hashes does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditBreak {
    /// The first entry that is wrong.
    pub seq: u64,
    /// What is wrong.
    pub problem: String,
}

/// What a look at the whole audit log found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditCheck {
    /// Entries that hold, from the first on.
    pub entries: u64,
    /// Hash of the last of them.
    pub head: Digest,
    /// Where it does not hold.
    pub broken: Option<AuditBreak>,
}
