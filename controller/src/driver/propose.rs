//! A rollout before it is made: who would take part, and a hash that stands for exactly that.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use wavegate_common::{
    Digest, HostId, HostPhase, Inventory, Release, RolloutId, RolloutSpec, Timestamp,
};
use wavegate_core::{KnownBad, Policy, PrepareError, Prepared, Proposal, Rollout, prepare};

use super::world::World;

/// What a proposal is made from: a copy, so that it can be worked on beside the driver.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// The hosts.
    pub inventory: Inventory,
    /// What holds for every rollout.
    pub policy: Arc<Policy>,
    /// What went wrong before.
    pub known_bad: KnownBad,
    /// Rollouts that are not over.
    pub others: Vec<Rollout>,
    /// The number that the rollout would get.
    pub id: RolloutId,
}

impl From<&World> for Fleet {
    fn from(world: &World) -> Self {
        Self {
            inventory: world.inventory.clone(),
            policy: Arc::clone(&world.policy),
            known_bad: world.known_bad.clone(),
            others: world.rollouts.clone(),
            id: world.next_rollout,
        }
    }
}

/// Every host with its class and wave: what a person says yes to. The number stands for
/// "takes no part" where it is none.
pub type Membership = BTreeMap<HostId, (String, Option<u16>)>;

/// A rollout that could be made.
#[derive(Debug)]
pub struct Proposed {
    /// The rollout and its coverage.
    pub prepared: Prepared,
    /// Identity of the plan.
    pub hash: Digest,
    /// Who would take part in what.
    pub membership: Arc<Membership>,
}

/// What the hash is over. The order of the fields is part of it.
#[derive(Serialize)]
struct Hashed<'a> {
    id: RolloutId,
    spec: &'a RolloutSpec,
    release: &'a Release,
    seed: u64,
    hosts: &'a Membership,
}

/// Makes a proposal.
///
/// # Errors
/// If no rollout can be made.
pub fn propose(
    fleet: &Fleet,
    spec: &RolloutSpec,
    release: &Release,
    by: &str,
    now: Timestamp,
) -> Result<Proposed, PrepareError> {
    let seed = seed(fleet.id, spec, release);
    let prepared = prepare(&Proposal {
        id: fleet.id,
        spec,
        release,
        seed,
        now,
        by,
        inventory: &fleet.inventory,
        policy: &fleet.policy,
        known_bad: &fleet.known_bad,
        others: &fleet.others,
    })?;
    let membership = membership(&prepared.rollout);
    let hashed = Hashed { id: fleet.id, spec, release, seed, hosts: &membership };
    let hash = Digest::of(&serde_json::to_vec(&hashed).unwrap_or_default());
    Ok(Proposed { prepared, hash, membership: Arc::new(membership) })
}

/// The seed follows from what is asked for, so that planning and applying draw the same canaries
/// without a secret between them; it is recorded with the rollout.
fn seed(id: RolloutId, spec: &RolloutSpec, release: &Release) -> u64 {
    let text = serde_json::to_vec(&("seed", id, spec, release)).unwrap_or_default();
    let mut first = [0u8; 8];
    first.copy_from_slice(&Digest::of(&text).0[..8]);
    u64::from_be_bytes(first)
}

fn membership(rollout: &Rollout) -> Membership {
    let of = |host: &wavegate_common::RolloutHost| {
        let class = rollout.class_of(host).map(ToString::to_string).unwrap_or_default();
        let excluded = matches!(host.phase, HostPhase::Excluded { .. });
        (host.host, (class, (!excluded).then_some(host.wave)))
    };
    rollout.hosts.iter().map(of).collect()
}

/// What is different between what was shown and what would be made now, in one sentence.
#[must_use]
pub(super) fn differences(shown: &Membership, now: &Membership, inventory: &Inventory) -> String {
    let name = |host: HostId| match inventory.get(host) {
        Some(record) if !record.name.is_empty() => record.name.to_string(),
        _ => host.to_string(),
    };
    let gone: Vec<HostId> = shown.keys().filter(|host| !now.contains_key(host)).copied().collect();
    let come: Vec<HostId> = now.keys().filter(|host| !shown.contains_key(host)).copied().collect();
    let moved: Vec<HostId> = now
        .iter()
        .filter(|(host, place)| shown.get(host).is_some_and(|before| before != *place))
        .map(|(host, _)| *host)
        .collect();
    let mut parts = Vec::new();
    for (hosts, what) in [
        (gone, "not chosen any more"),
        (come, "chosen now"),
        (moved, "of another class or in another wave"),
    ] {
        if let Some(first) = hosts.first() {
            let others = hosts.len() - 1;
            let more = if others == 0 { String::new() } else { format!(" and {others} more") };
            parts.push(format!("{}{more} {what}", name(*first)));
        }
    }
    if parts.is_empty() { "the specification or the kernel".to_owned() } else { parts.join("; ") }
}
