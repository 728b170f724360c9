//! Incidents: what people are told, and whether it reached them.

use serde::{Deserialize, Serialize};

use super::{Choice, HostRef};
use crate::id::RolloutId;
use crate::plan::AlertKind;
use crate::time::Timestamp;

/// How much an incident asks of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Somebody must decide something now.
    Critical,
    /// Somebody should look.
    Warning,
    /// Good to know: told once, pages nobody, never open.
    Notice,
}

impl Severity {
    /// One lower-case word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

impl From<AlertKind> for Severity {
    fn from(kind: AlertKind) -> Self {
        match kind {
            AlertKind::GateClosed | AlertKind::OutOfSight | AlertKind::Violation => Self::Critical,
            AlertKind::HostsLost | AlertKind::HostsSilent => Self::Warning,
            AlertKind::Finished => Self::Notice,
        }
    }
}

/// Whether one receiver has heard of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryView {
    /// The receiver's name in the controller's configuration.
    pub receiver: String,
    /// The revision it has taken; 0 before the first.
    pub sent: u32,
    /// When it took it.
    pub sent_at: Option<Timestamp>,
    /// Failures in a row since then.
    pub attempts: u32,
    /// Failures in all.
    pub failures: u64,
    /// When it is tried again, if something is left to send.
    pub next_at: Option<Timestamp>,
    /// Why the last try failed; none once one has succeeded.
    pub error: Option<String>,
}

/// One cause that people are told about, from its beginning to its end. The same cause may come
/// back later as another incident with the same key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentView {
    /// Its number.
    pub id: u64,
    /// Equal for the same cause.
    pub key: String,
    /// What kind.
    pub kind: AlertKind,
    /// How much it asks of people.
    pub severity: Severity,
    /// Of which rollout.
    pub rollout: RolloutId,
    /// And its name.
    pub rollout_name: String,
    /// One sentence.
    pub text: String,
    /// The narrowest thing that the hosts share, in words.
    pub scope: String,
    /// Everything that the hosts have in common.
    pub shared: Vec<String>,
    /// How many hosts.
    pub host_count: u64,
    /// The first 50 of them.
    pub hosts: Vec<HostRef>,
    /// What shows it, one sentence each.
    pub evidence: Vec<String>,
    /// What can be typed now.
    pub next: Vec<Choice>,
    /// When it began.
    pub opened_at: Timestamp,
    /// When what it says changed last.
    pub updated_at: Timestamp,
    /// When it ended; none while it is open.
    pub resolved_at: Option<Timestamp>,
    /// Grows by one with every change, from 1.
    pub revision: u32,
    /// Receiver by receiver.
    pub deliveries: Vec<DeliveryView>,
}

/// A receiver and how it fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverView {
    /// Its name in the controller's configuration.
    pub name: String,
    /// `webhook`, `alertmanager`, `slack` or `pagerduty`.
    pub kind: String,
    /// Incidents with something that it has not taken yet.
    pub pending: u64,
    /// Tries that failed, over all incidents that are kept.
    pub failures: u64,
    /// When it took something last.
    pub sent_at: Option<Timestamp>,
    /// Why the last try failed, while something is pending.
    pub error: Option<String>,
    /// Silences that are in force there for hosts that are being taken down.
    pub silences: u64,
}

/// Incidents, the newest first, and receivers by name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IncidentList {
    /// The incidents.
    pub incidents: Vec<IncidentView>,
    /// The receivers.
    pub receivers: Vec<ReceiverView>,
}

/// What came of a test of a receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverTest {
    /// Which.
    pub receiver: String,
    /// Whether it took the message.
    pub taken: bool,
    /// What it answered, or why it could not be asked.
    pub detail: String,
}
