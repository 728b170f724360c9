//! Hosts.

use serde::{Deserialize, Serialize};

use super::words::{HostStanding, WaitView};
use crate::health::HealthState;
use crate::host::{FailureDomain, HostClass, Labels};
use crate::id::{HostId, RolloutId};
use crate::inventory::Hold;
use crate::kernel::KernelRelease;
use crate::report::HostReport;
use crate::time::Timestamp;

/// A host by id and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostRef {
    /// Which.
    pub id: HostId,
    /// Its name for people.
    pub name: String,
}

/// A host's part in the rollout that is under way, or in the last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostInRollout {
    /// Which rollout.
    pub rollout: RolloutId,
    /// Its name.
    pub rollout_name: String,
    /// The host's wave; 0 is the canary stage.
    pub wave: u16,
    /// Where the host stands.
    #[serde(flatten)]
    pub standing: HostStanding,
    /// The kernel it ran before.
    pub came_from: Option<KernelRelease>,
}

/// One host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostView {
    /// Which.
    pub id: HostId,
    /// Its name for people.
    pub name: String,
    /// Its class; `unknown` until it has reported.
    pub class: HostClass,
    /// What it must not go down together with.
    pub domains: Vec<FailureDomain>,
    /// Its labels.
    pub labels: Labels,
    /// The kernel it runs.
    pub kernel: Option<KernelRelease>,
    /// Its own view of its health.
    pub health: HealthState,
    /// When it was last heard of.
    pub last_seen: Option<Timestamp>,
    /// Whether its stream is open now.
    pub connected: bool,
    /// A person holds it.
    pub hold: Option<Hold>,
    /// Its rollout.
    pub rollout: Option<HostInRollout>,
    /// Why it does not move, if it takes part in a rollout and does not.
    pub waiting: Option<WaitView>,
    /// All that it said last; only where one host is asked for.
    pub report: Option<HostReport>,
}

/// Some hosts, in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HostPage {
    /// The hosts.
    pub hosts: Vec<HostView>,
    /// More follow: ask again with `after` set to this.
    pub next: Option<HostId>,
    /// Hosts that fit in all.
    pub total: u64,
}

/// Why one host does not move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostWhyView {
    /// Which.
    pub host: HostId,
    /// Its name.
    pub name: String,
    /// Its rollout, if it takes part in one.
    pub rollout: Option<HostInRollout>,
    /// The one reason, with since when and what releases it; none if it moves or has nothing to
    /// do.
    pub waiting: Option<WaitView>,
    /// The answer as a sentence, whatever it is.
    pub text: String,
    /// What to type next, if there is something.
    pub next: Option<String>,
}

/// The hosts that a request has changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HostsChanged {
    /// Which.
    pub hosts: Vec<HostRef>,
}
