//! What a pass of the planner tells people.

use serde::{Deserialize, Serialize};

use crate::id::{Generation, HostId, RolloutId};
use crate::rollout::{RolloutPhase, Scope};
use crate::time::Timestamp;
use crate::verdict::Verdict;
use crate::waiting::WaitingOn;

/// Hosts that wait for the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostWait {
    /// The one reason.
    pub on: WaitingOn,
    /// Each host with the moment since when its reason has been of this kind.
    pub hosts: Vec<(HostId, Timestamp)>,
}

/// One wave in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WaveReport {
    /// 0 is the canary stage.
    pub index: u16,
    /// Cumulative share of the fleet, in millionths.
    pub share_ppm: u64,
    /// Hosts of this wave that take part.
    pub hosts: u64,
    /// Of them, done.
    pub updated: u64,
    /// Of them, under way.
    pub under_way: u64,
    /// Of them, failed or lost.
    pub harmed: u64,
    /// What its gate says, once its hosts have begun.
    pub verdict: Option<Verdict>,
}

/// What the planner saw and why who waits. Stored with the plan; command line, page and alert
/// all render this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanReport {
    /// Of which rollout.
    pub rollout: RolloutId,
    /// The plan's generation.
    pub generation: Generation,
    /// When.
    pub at: Timestamp,
    /// Where the rollout stands after this plan.
    pub phase: RolloutPhase,
    /// Why the rollout as a whole does not move, with since when; none while hosts move.
    pub waiting: Option<(WaitingOn, Timestamp)>,
    /// Wave by wave.
    pub waves: Vec<WaveReport>,
    /// Every host that does not move, under its one reason.
    pub hosts: Vec<HostWait>,
}

impl PlanReport {
    /// Why this host does not move, and since when.
    #[must_use]
    pub fn why(&self, host: HostId) -> Option<(&WaitingOn, Timestamp)> {
        self.hosts.iter().find_map(|wait| {
            wait.hosts.iter().find(|(id, _)| *id == host).map(|(_, since)| (&wait.on, *since))
        })
    }

    /// Whether the two say the same, whatever the time.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.rollout == other.rollout
            && self.phase == other.phase
            && self.waiting == other.waiting
            && self.waves == other.waves
            && self.hosts == other.hosts
    }
}

/// What people are told about: one cause, however many hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Equal for the same cause, so that it is told once.
    pub key: String,
    /// Of which rollout.
    pub rollout: RolloutId,
    /// What kind.
    pub kind: AlertKind,
    /// One sentence.
    pub text: String,
    /// The narrowest thing that the hosts share.
    pub scope: Scope,
    /// The hosts.
    pub hosts: Vec<HostId>,
}

/// What kind of alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// A gate paused the rollout.
    GateClosed,
    /// Hosts did not come back.
    HostsLost,
    /// Hosts have said nothing for longer than a reboot may take.
    HostsSilent,
    /// Most of the fleet, or of a failure domain, is out of sight.
    OutOfSight,
    /// A plan broke an invariant.
    Violation,
    /// It is through.
    Finished,
}

impl AlertKind {
    /// One lower-case word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GateClosed => "gate_closed",
            Self::HostsLost => "hosts_lost",
            Self::HostsSilent => "hosts_silent",
            Self::OutOfSight => "out_of_sight",
            Self::Violation => "violation",
            Self::Finished => "finished",
        }
    }
}
