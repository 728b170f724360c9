//! The one write of a pass: everything that a plan changes, or nothing.

use std::sync::Arc;

use rusqlite::Connection;
use wavegate_common::inventory::Hold;
use wavegate_common::{Command, Generation, HostId, PlanReport, Timestamp};
use wavegate_core::{Event, KnownBad, Rollout};

use super::error::StoreError;
use super::hosts::{self, HostFacts};
use super::releases::{self, StoredArtifact, StoredRelease};
use super::rollouts::{self, ChangedRollout};
use super::{audit, events, incidents, meta, plans};
use crate::audit::Entry;
use crate::incident::{Addressee, Change, Incident};

/// What is to be written together.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// The generation it was made from.
    pub parent: Generation,
    /// When.
    pub at: Timestamp,
    /// Reports that came in.
    pub facts: Vec<HostFacts>,
    /// Rollouts that begin to exist.
    pub made: Vec<Rollout>,
    /// What happened.
    pub events: Vec<Event>,
    /// What follows from it, row by row.
    pub changed: Vec<ChangedRollout>,
    /// Reports that say something else than the ones before.
    pub reports: Vec<PlanReport>,
    /// Orders that are new or different.
    pub orders: Vec<Command>,
    /// Hosts that have no open order any more.
    pub closed: Vec<HostId>,
    /// Everything that is known to go wrong, if that has changed.
    pub known_bad: Option<KnownBad>,
    /// Hosts that a person holds, or lets go.
    pub holds: Vec<(HostId, Option<Hold>)>,
    /// Kernels that were registered.
    pub releases: Vec<StoredRelease>,
    /// Files that came.
    pub artifacts: Vec<StoredArtifact>,
    /// What people must be told.
    pub incidents: Vec<Change>,
    /// Who is told.
    pub addressees: Arc<[Addressee]>,
    /// For the audit log.
    pub audit: Vec<Entry>,
}

/// What came of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The store is at this generation now.
    pub generation: Generation,
    /// The changed incidents, with their numbers.
    pub incidents: Vec<Incident>,
}

/// Writes all of it in the caller's transaction if the store is still at the parent.
pub(super) fn commit(conn: &Connection, commit: &Commit) -> Result<Committed, StoreError> {
    let found = meta::generation(conn)?;
    if found != commit.parent {
        return Err(StoreError::Conflict { parent: commit.parent, found });
    }
    let generation = found.next();
    meta::set_generation(conn, generation)?;
    hosts::put_facts(conn, &commit.facts)?;
    for made in &commit.made {
        rollouts::create(conn, made)?;
    }
    events::append(conn, generation, &commit.events)?;
    for changed in &commit.changed {
        rollouts::put(conn, changed)?;
    }
    for report in &commit.reports {
        plans::put_report(conn, report)?;
    }
    for host in &commit.closed {
        plans::drop_order(conn, *host)?;
    }
    for order in &commit.orders {
        plans::put_order(conn, order)?;
    }
    if let Some(known_bad) = &commit.known_bad {
        plans::put_known_bad(conn, known_bad)?;
    }
    for (host, hold) in &commit.holds {
        hosts::set_hold(conn, *host, hold.as_ref())?;
    }
    for release in &commit.releases {
        releases::put(conn, release)?;
    }
    for artifact in &commit.artifacts {
        releases::put_artifact(conn, artifact)?;
    }
    let mut told = Vec::with_capacity(commit.incidents.len());
    for change in &commit.incidents {
        told.push(incidents::put(conn, change, &commit.addressees)?);
    }
    audit::append(conn, &commit.audit)?;
    Ok(Committed { generation, incidents: told })
}
