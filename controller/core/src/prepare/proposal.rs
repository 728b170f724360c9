//! What goes in, what comes out, and the way between.

use std::collections::{BTreeMap, BTreeSet};

use wavegate_common::{
    ExcludeReason, HostClass, HostId, HostPhase, Inventory, Release, RolloutHost, RolloutId,
    RolloutPhase, RolloutSpec, Timestamp,
};

use super::canaries::{self, Cover};
use super::members::{self, Member};
use super::waves;
use crate::calendar::zone;
use crate::policy::Policy;
use crate::state::{KnownBad, Rollout};

/// What a rollout is made from.
#[derive(Debug, Clone, Copy)]
pub struct Proposal<'a> {
    /// Its number.
    pub id: RolloutId,
    /// What is asked for; without problems of its own (see [`RolloutSpec::problems`]).
    pub spec: &'a RolloutSpec,
    /// The release it names.
    pub release: &'a Release,
    /// From which canaries and order follow; recorded.
    pub seed: u64,
    /// When.
    pub now: Timestamp,
    /// Who asks.
    pub by: &'a str,
    /// The fleet as it is known.
    pub inventory: &'a Inventory,
    /// What holds for every rollout.
    pub policy: &'a Policy,
    /// What went wrong before.
    pub known_bad: &'a KnownBad,
    /// Other rollouts that are not over: their hosts are not free.
    pub others: &'a [Rollout],
}

/// How well one class is covered by canaries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassCoverage {
    /// Which class.
    pub class: HostClass,
    /// Hosts of it that take part.
    pub hosts: u64,
    /// Its canaries.
    pub canaries: Vec<HostId>,
    /// Who answers for going without, and why.
    pub waived: Option<(String, String)>,
}

/// A rollout ready to be stored, with what people should see before they say yes.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The rollout, in phase `Canary`, or `Draft` if it needs an approval.
    pub rollout: Rollout,
    /// Class by class.
    pub coverage: Vec<ClassCoverage>,
    /// Chosen hosts that take no part, with why. They are in the rollout as `Excluded`.
    pub excluded: Vec<(HostId, ExcludeReason)>,
}

/// Why no rollout can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// Nobody was chosen.
    #[error(
        "the selector `{selector}` chooses no host; `wavegate host list` shows hosts and labels"
    )]
    NoHosts {
        /// As written.
        selector: String,
    },
    /// Everybody is there already, or barred.
    #[error("none of the {chosen} chosen hosts has anything to do: {why}")]
    NothingToDo {
        /// How many were chosen.
        chosen: u64,
        /// Why the first of them takes no part.
        why: String,
    },
    /// A class has too few canaries and nobody answers for it.
    #[error(
        "class {class} has {fit} of {hosts} hosts fit to be canaries, {needed} are needed: make more of them healthy, or waive the class under `canary.waive` with `by` and `reason`"
    )]
    Uncovered {
        /// Which class.
        class: HostClass,
        /// Hosts of it.
        hosts: u64,
        /// Of them, fit to be canaries.
        fit: u64,
        /// How many are needed.
        needed: u64,
    },
    /// A host is in another rollout.
    #[error("host {host} is in rollout {rollout}, which is not over: wait for it, or abort it")]
    Busy {
        /// Name of the host.
        host: String,
        /// The other rollout.
        rollout: RolloutId,
    },
    /// A window names a time zone that does not exist.
    #[error("windows[{index}].zone: `{zone}` is not an IANA time zone")]
    UnknownZone {
        /// Which window.
        index: usize,
        /// As written.
        zone: String,
    },
}

/// Makes the rollout.
///
/// # Errors
/// If nobody was chosen, a class is not covered, or a host is in another rollout.
pub fn prepare(proposal: &Proposal<'_>) -> Result<Prepared, PrepareError> {
    let spec = proposal.spec;
    if let Some((index, window)) =
        spec.windows.iter().enumerate().find(|(_, window)| zone(&window.zone).is_none())
    {
        return Err(PrepareError::UnknownZone { index, zone: window.zone.clone() });
    }
    let chosen = members::choose(proposal)?;
    let classes = chosen.classes;
    let mut by_class: BTreeMap<u32, Vec<Member<'_>>> = BTreeMap::new();
    for member in chosen.members {
        by_class.entry(member.class).or_default().push(member);
    }
    let mut coverage = Vec::new();
    let mut rest: Vec<Vec<Member<'_>>> = Vec::new();
    let mut hosts = Vec::new();
    for (class, members) in by_class {
        let Some(name) = classes.get(class as usize).cloned() else { continue };
        let count = members.len() as u64;
        let Cover { canaries, others, waived } = canaries::cover(proposal, &name, members)?;
        hosts.extend(canaries.iter().map(|id| RolloutHost::new(*id, class, 0)));
        coverage.push(ClassCoverage { class: name, hosts: count, canaries, waived });
        rest.push(others);
    }
    let canary_count = hosts.len() as u64;
    let (shapes, placed) = waves::cut(proposal, canary_count, rest);
    hosts.extend(placed);
    let moving = hosts.len() as u64;
    for (id, class, reason) in &chosen.excluded {
        let mut host = RolloutHost::new(*id, *class, 0);
        host.phase = HostPhase::Excluded { reason: reason.clone() };
        hosts.push(host);
    }
    let draft = proposal.policy.approval_above.is_some_and(|limit| moving > limit);
    let rollout = Rollout {
        id: proposal.id,
        spec: spec.clone(),
        release: proposal.release.clone(),
        seed: proposal.seed,
        created_at: proposal.now,
        created_by: proposal.by.to_owned(),
        phase: if draft { RolloutPhase::Draft } else { RolloutPhase::Canary },
        waves: shapes,
        classes,
        blocked: BTreeMap::new(),
        passed: BTreeSet::new(),
        accepted: BTreeMap::new(),
        hosts,
        order: Vec::new(),
    }
    .arranged();
    let excluded = chosen.excluded.into_iter().map(|(id, _, reason)| (id, reason)).collect();
    Ok(Prepared { rollout, coverage, excluded })
}
