//! A rollout before it is made.

use serde::{Deserialize, Serialize};

use super::host::HostRef;
use super::rollout::DomainLoad;
use crate::host::HostClass;
use crate::id::{Digest, HostId};
use crate::kernel::Release;
use crate::rollout::ExcludeReason;
use crate::spec::{Share, Waiver};
use crate::time::Millis;

/// Hosts of a class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassHosts {
    /// Which class.
    pub class: HostClass,
    /// How many.
    pub hosts: u64,
}

/// One wave to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanWave {
    /// 0 is the canary stage.
    pub index: u16,
    /// Cumulative share of the hosts.
    pub share: Share,
    /// Its hosts.
    pub hosts: u64,
    /// Its hosts by class.
    pub classes: Vec<ClassHosts>,
}

/// How well a class is covered by canaries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Which class.
    pub class: HostClass,
    /// Its hosts that take part.
    pub hosts: u64,
    /// Its canaries.
    pub canaries: Vec<HostRef>,
    /// Who answers for going without.
    pub waived: Option<Waiver>,
}

/// A chosen host that would take no part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExcludedHost {
    /// Which.
    pub id: HostId,
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: ExcludeReason,
}

/// What a rollout would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanView {
    /// Identity of the plan: `rollout apply` takes it and refuses when the fleet has moved on.
    pub hash: Digest,
    /// Name of the rollout.
    pub name: String,
    /// The kernel to reach.
    pub release: Release,
    /// Hosts that would take part.
    pub hosts: u64,
    /// From which canaries and order follow.
    pub seed: u64,
    /// Wave by wave.
    pub waves: Vec<PlanWave>,
    /// Hosts kept on the old kernel until the end.
    pub holdback: u64,
    /// Class by class.
    pub coverage: Vec<Coverage>,
    /// The most hosts that would be down together, by failure domain.
    pub peak_down: Vec<DomainLoad>,
    /// Half of the simulated runs took no longer; none if no run came to an end.
    pub p50: Option<Millis>,
    /// Nine in ten of the simulated runs took no longer.
    pub p90: Option<Millis>,
    /// Hosts that no simulated run reached.
    pub unreached: u64,
    /// Chosen hosts that would take no part.
    pub excluded: Vec<ExcludedHost>,
    /// What people should know before they say yes.
    pub warnings: Vec<String>,
    /// A second person must say yes.
    pub needs_approval: bool,
}
