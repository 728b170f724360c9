//! Rollouts and why they do not move.

use serde::{Deserialize, Serialize};

use super::host::HostRef;
use super::words::{HostStanding, Standing, WaitView};
use crate::host::{FailureDomain, HostClass};
use crate::id::{Generation, HostId, RolloutId};
use crate::kernel::Release;
use crate::plan::{PlanReport, WaveReport};
use crate::spec::{RolloutSpec, Share};
use crate::time::Timestamp;
use crate::verdict::{Finding, Verdict};

/// One wave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WaveView {
    /// 0 is the canary stage.
    pub index: u16,
    /// Cumulative share of the hosts.
    pub share: Share,
    /// Hosts of this wave that take part.
    pub hosts: u64,
    /// Of them, done.
    pub updated: u64,
    /// Of them, under way.
    pub under_way: u64,
    /// Of them, failed or lost.
    pub harmed: u64,
    /// What its gate says, as one word; none before its hosts have begun.
    pub verdict: Option<String>,
    /// What its gate says, with its evidence.
    pub verdict_detail: Option<Verdict>,
}

impl From<WaveReport> for WaveView {
    fn from(wave: WaveReport) -> Self {
        let share = u32::try_from(wave.share_ppm).unwrap_or(u32::MAX).min(Share::ALL.0);
        Self {
            index: wave.index,
            share: Share(share),
            hosts: wave.hosts,
            updated: wave.updated,
            under_way: wave.under_way,
            harmed: wave.harmed,
            verdict: wave.verdict.as_ref().map(|verdict| verdict.name().to_owned()),
            verdict_detail: wave.verdict,
        }
    }
}

/// Hosts of a rollout by where they stand; they add up to `total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HostCounts {
    /// All.
    pub total: u64,
    /// Done.
    pub updated: u64,
    /// Went wrong.
    pub failed: u64,
    /// Did not come back.
    pub lost: u64,
    /// Went back by our order.
    pub rolled_back: u64,
    /// Their turn has not come.
    pub pending: u64,
    /// From staging to verifying.
    pub under_way: u64,
    /// Take no part.
    pub excluded: u64,
}

/// A class in a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassCount {
    /// Which.
    pub class: HostClass,
    /// Its hosts that take part.
    pub total: u64,
    /// Of them, done.
    pub updated: u64,
    /// Of them, failed or lost.
    pub harmed: u64,
    /// Why no host of it begins any more.
    pub blocked: Option<String>,
}

/// A failure domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainLoad {
    /// Which.
    pub domain: FailureDomain,
    /// Hosts down, or the most that would be down together.
    pub down: u64,
    /// How many may be; none if no budget is about it.
    pub max: Option<u64>,
}

/// One rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutView {
    /// Which.
    pub id: RolloutId,
    /// Its name.
    pub name: String,
    /// The kernel to reach.
    pub release: Release,
    /// Where it stands.
    #[serde(flatten)]
    pub standing: Standing,
    /// The newest plan that changed it.
    pub generation: Generation,
    /// From which canaries and order follow.
    pub seed: u64,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When something last happened to it.
    pub changed_at: Timestamp,
    /// Its hosts by where they stand.
    pub hosts: HostCounts,
    /// Wave by wave.
    pub waves: Vec<WaveView>,
    /// Class by class.
    pub classes: Vec<ClassCount>,
    /// Failure domains with hosts down.
    pub down_by_domain: Vec<DomainLoad>,
    /// Why the rollout as a whole does not move; none while hosts move.
    pub waiting: Option<WaitView>,
    /// What was asked for.
    pub spec: RolloutSpec,
    /// All that the planner said last; only where it was asked for.
    pub report: Option<PlanReport>,
}

/// Every rollout.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RolloutList {
    /// The newest first.
    pub rollouts: Vec<RolloutView>,
}

/// A host that failed or was lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HarmedHost {
    /// Which.
    pub id: HostId,
    /// Its name.
    pub name: String,
    /// Its class.
    pub class: HostClass,
    /// Its failure domains.
    pub domains: Vec<FailureDomain>,
    /// Where it stands.
    #[serde(flatten)]
    pub standing: HostStanding,
}

/// Something that can be typed now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What to type.
    pub command: String,
    /// What would come of it.
    pub effect: String,
}

/// Hosts that wait for the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitGroup {
    /// The reason, since the first of them waits for it.
    #[serde(flatten)]
    pub waiting: WaitView,
    /// How many.
    pub count: u64,
    /// Some of them.
    pub hosts: Vec<HostRef>,
}

/// Why a rollout stands where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutWhyView {
    /// Which.
    pub id: RolloutId,
    /// Its name.
    pub name: String,
    /// Where it stands.
    #[serde(flatten)]
    pub standing: Standing,
    /// The answer as a sentence.
    pub text: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// The one reason, if it waits.
    pub waiting: Option<WaitView>,
    /// What a gate found.
    pub findings: Vec<Finding>,
    /// Hosts that failed or were lost.
    pub harmed: Vec<HarmedHost>,
    /// What all of them share, for example `class=…` or `rack=…`.
    pub shared: Vec<String>,
    /// What was done by itself.
    pub done: Vec<String>,
    /// What can be typed now.
    pub choices: Vec<Choice>,
    /// Why which hosts wait.
    pub waits: Vec<WaitGroup>,
}
