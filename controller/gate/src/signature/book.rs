//! What a crash that was never seen before stops.

use std::collections::{BTreeMap, BTreeSet};

use wavegate_common::HostClass;

use super::parse::Signature;

/// A signature that hosts of the old kernel show too is not the new kernel's: one of so many is
/// enough.
const CONTROLS_ONE_OF: u64 = 100;

/// A crash of a host on the new kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Which host, by any number that is its own.
    pub host: u64,
    /// Its class.
    pub class: HostClass,
    /// What it showed.
    pub signature: Signature,
}

/// What is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Freeze {
    /// Nothing new.
    Nothing,
    /// A signature is new on one host: its class waits. Several classes, if each has its own.
    Classes(BTreeMap<HostClass, BTreeSet<Signature>>),
    /// A new signature showed on a second host.
    Rollout(BTreeSet<Signature>),
}

/// What crashes on the new kernel stop. `known` are signatures of the fleet's past, by how many
/// controls showed them; a signature is new unless at least one of 100 of the `controls` did.
#[must_use]
pub fn freeze(seen: &[Sighting], known: &BTreeMap<Signature, u64>, controls: u64) -> Freeze {
    let is_known = |signature: &Signature| {
        let showing = known.get(signature).copied().unwrap_or(0);
        showing > 0 && showing.saturating_mul(CONTROLS_ONE_OF) >= controls
    };
    let mut hosts: BTreeMap<&Signature, BTreeSet<u64>> = BTreeMap::new();
    let mut classes: BTreeMap<HostClass, BTreeSet<Signature>> = BTreeMap::new();
    for sighting in seen.iter().filter(|sighting| !is_known(&sighting.signature)) {
        hosts.entry(&sighting.signature).or_default().insert(sighting.host);
        let own = classes.entry(sighting.class.clone()).or_default();
        own.insert(sighting.signature.clone());
    }
    let spread: BTreeSet<Signature> = hosts
        .iter()
        .filter(|(_, hosts)| hosts.len() > 1)
        .map(|(signature, _)| (*signature).clone())
        .collect();
    if !spread.is_empty() {
        Freeze::Rollout(spread)
    } else if classes.is_empty() {
        Freeze::Nothing
    } else {
        Freeze::Classes(classes)
    }
}
