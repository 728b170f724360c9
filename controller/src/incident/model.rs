//! What an incident is, and how it changes.

use serde::{Deserialize, Serialize};
use wavegate_common::view::{Choice, HostRef, Severity};
use wavegate_common::{Alert, Digest, Timestamp};

/// Hosts that are named in an incident at most; the count is always whole.
pub(super) const NAMED: usize = 50;
/// Sentences of evidence at most, and the longest, in characters.
pub(super) const EVIDENCE: usize = 20;
/// See [`EVIDENCE`].
pub(super) const SENTENCE: usize = 500;

/// What is told besides the alert's own sentence. Written down when the incident changes, so that
/// it can be told long after the rollout is over.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Story {
    /// The rollout's name.
    pub rollout: String,
    /// What all its hosts have in common.
    pub shared: Vec<String>,
    /// The first [`NAMED`] hosts.
    pub hosts: Vec<HostRef>,
    /// What shows it.
    pub evidence: Vec<String>,
    /// What can be typed now: the same that `rollout why` prints.
    pub next: Vec<Choice>,
}

/// One cause, from its beginning to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Its number; 0 until it is stored.
    pub id: u64,
    /// What the planner says.
    pub alert: Alert,
    /// What is told besides.
    pub story: Story,
    /// When it began.
    pub opened_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// When it ended.
    pub resolved_at: Option<Timestamp>,
    /// Grows by one with every change, from 1.
    pub revision: u32,
}

impl Incident {
    /// How much it asks of people.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.alert.kind.into()
    }

    /// A name for it that no other incident has, on any controller with another history: receivers
    /// tell incidents apart by it. Stable over its life, and over a copy of the store.
    #[must_use]
    pub fn name(&self) -> String {
        let text = format!("{}\0{}", self.alert.key, self.opened_at.0);
        Digest::of(text.as_bytes()).to_string().chars().take(16).collect()
    }
}

/// What happens to an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It begins. With `resolved_at` set it is a notice: told once, never open.
    Opened(Box<Incident>),
    /// It says something else.
    Updated(Box<Incident>),
    /// It is over.
    Resolved(Box<Incident>),
}

impl Change {
    /// The incident after it.
    #[must_use]
    pub fn incident(&self) -> &Incident {
        match self {
            Self::Opened(incident) | Self::Updated(incident) | Self::Resolved(incident) => incident,
        }
    }
}

/// A receiver, as far as the driver needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    /// Its name in the configuration.
    pub name: String,
    /// Whether it wants notices, which page nobody.
    pub notices: bool,
}

/// The way of one incident to one receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Which receiver.
    pub receiver: String,
    /// The revision it has taken; 0 before the first.
    pub sent: u32,
    /// When.
    pub sent_at: Option<Timestamp>,
    /// Failures since then.
    pub attempts: u32,
    /// Failures in all.
    pub failures: u64,
    /// Nothing is tried before this.
    pub next_at: Timestamp,
    /// Why the last try failed.
    pub error: Option<String>,
}
