//! What bad hosts have in common: the narrowest attribute that explains them.

use std::collections::{BTreeMap, BTreeSet};

use crate::hypergeometric::Draw;

/// An attribute explains the bad hosts if chance gathers so many of them in it less often than
/// this, with all attributes tried (Bonferroni).
pub const LEVEL: f64 = 0.05;
/// And if it covers at least this share of them, in percent: the rest may be hosts that fail
/// anyway.
pub const COVERED_PERCENT: u64 = 80;

/// A host that was exposed to the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposed {
    /// Whether it went wrong.
    pub bad: bool,
    /// What it is: class, driver of its network card, firmware, board, rack.
    pub attributes: BTreeMap<String, String>,
}

/// What explains the bad hosts.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The attribute with its value; more than one if they pick the very same hosts.
    pub attributes: Vec<(String, String)>,
    /// Bad hosts that have it.
    pub covered: u64,
    /// Bad hosts.
    pub bad: u64,
    /// Hosts that have it and are good.
    pub good: u64,
    /// Chance of gathering so many bad hosts in any of the attributes: at most [`LEVEL`].
    pub chance: f64,
}

/// Finds the attribute that explains the bad hosts; none if nothing does, and then the whole
/// rollout is the scope. One bad host has nothing in common with anyone.
///
/// Fisher's exact test (R. A. Fisher, "Statistical methods for research workers", 1934) for every
/// value of every attribute. Of those that are unlikely by chance, the one that covers the most
/// bad hosts is taken, then the one with the fewest good hosts, then the first by name.
#[must_use]
pub fn explain(hosts: &[Exposed]) -> Option<Explanation> {
    let bad = hosts.iter().filter(|host| host.bad).count() as u64;
    if bad < 2 {
        return None;
    }
    let sets = same_sets(hosts);
    let tried = sets.len() as f64;
    let mut found: Option<Explanation> = None;
    for (set, attributes) in sets {
        let covered = set.iter().filter(|&&at| hosts.get(at).is_some_and(|h| h.bad)).count() as u64;
        let with = set.len() as u64;
        let draw = Draw { canaries: with, controls: hosts.len() as u64 - with, failed: bad };
        let chance = (draw.at_least(covered) * tried).min(1.0);
        let covers = covered * 100 >= bad * COVERED_PERCENT;
        if !covers || chance > LEVEL {
            continue;
        }
        let this = Explanation { attributes, covered, bad, good: with - covered, chance };
        if found.as_ref().is_none_or(|best| narrower(&this, best)) {
            found = Some(this);
        }
    }
    found
}

fn narrower(this: &Explanation, best: &Explanation) -> bool {
    let rank = |e: &Explanation| (e.bad - e.covered, e.good);
    rank(this).cmp(&rank(best)).then_with(|| this.attributes.cmp(&best.attributes)).is_lt()
}

/// The hosts of every attribute value; values that pick the same hosts are one attempt. What all
/// hosts have tells nothing.
fn same_sets(hosts: &[Exposed]) -> BTreeMap<BTreeSet<usize>, Vec<(String, String)>> {
    let mut by_value: BTreeMap<(&String, &String), BTreeSet<usize>> = BTreeMap::new();
    for (at, host) in hosts.iter().enumerate() {
        for pair in &host.attributes {
            by_value.entry(pair).or_default().insert(at);
        }
    }
    let mut sets: BTreeMap<BTreeSet<usize>, Vec<(String, String)>> = BTreeMap::new();
    for ((key, value), set) in by_value {
        if set.len() < hosts.len() {
            sets.entry(set).or_default().push((key.clone(), value.clone()));
        }
    }
    sets
}

#[cfg(test)]
#[path = "enrich_tests.rs"]
mod tests;
