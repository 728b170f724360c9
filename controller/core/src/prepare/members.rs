//! Who takes part.

use std::collections::BTreeMap;

use wavegate_common::inventory::ClassIndex;
use wavegate_common::order::host_order;
use wavegate_common::{ExcludeReason, HostClass, HostId, HostRecord};

use super::proposal::{PrepareError, Proposal};

/// A host that takes part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'a> {
    /// What is known of it.
    pub(super) record: &'a HostRecord,
    /// Its class in the rollout.
    pub(super) class: u32,
    /// Its place among hosts: smaller goes first.
    pub(super) rank: u64,
}

/// Who was chosen.
#[derive(Debug)]
pub(super) struct Chosen<'a> {
    pub(super) members: Vec<Member<'a>>,
    pub(super) excluded: Vec<(HostId, u32, ExcludeReason)>,
    pub(super) classes: Vec<HostClass>,
}

/// Resolves the selector against the inventory.
pub(super) fn choose<'a>(proposal: &Proposal<'a>) -> Result<Chosen<'a>, PrepareError> {
    let mut out = Chosen { members: Vec::new(), excluded: Vec::new(), classes: Vec::new() };
    let mut indices: BTreeMap<ClassIndex, u32> = BTreeMap::new();
    let key = proposal.release.key();
    for record in proposal.inventory.hosts() {
        if !proposal.spec.selector.matches(&record.labels) || record.report.is_none() {
            continue;
        }
        busy(proposal, record)?;
        let Some(name) = proposal.inventory.class(record.class) else { continue };
        let class = *indices.entry(record.class).or_insert_with(|| {
            out.classes.push(name.clone());
            u32::try_from(out.classes.len() - 1).unwrap_or(u32::MAX)
        });
        let there = record
            .report
            .as_ref()
            .is_some_and(|report| report.boot.kernel == proposal.release.kernel);
        if there {
            out.excluded.push((record.id, class, ExcludeReason::AlreadyThere));
        } else if let Some(what) = proposal.known_bad.against(&key, name, record.id) {
            let reason = ExcludeReason::KnownBad { what: what.to_owned() };
            out.excluded.push((record.id, class, reason));
        } else {
            let rank = host_order(proposal.seed, proposal.id, record.id);
            out.members.push(Member { record, class, rank });
        }
    }
    match (out.members.is_empty(), out.excluded.first()) {
        (true, None) => Err(PrepareError::NoHosts { selector: proposal.spec.selector.to_string() }),
        (true, Some((_, _, why))) => Err(PrepareError::NothingToDo {
            chosen: out.excluded.len() as u64,
            why: why.to_string(),
        }),
        (false, _) => Ok(out),
    }
}

/// A host belongs to one rollout at a time.
fn busy(proposal: &Proposal<'_>, record: &HostRecord) -> Result<(), PrepareError> {
    let other = proposal.others.iter().find(|other| {
        !other.phase.is_over() && other.host(record.id).is_some_and(|host| !host.phase.is_settled())
    });
    match other {
        Some(other) => Err(PrepareError::Busy { host: record.name.to_string(), rollout: other.id }),
        None => Ok(()),
    }
}
