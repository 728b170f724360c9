//! Everything the planner needs, in one read.

use std::collections::BTreeMap;

use rusqlite::Connection;
use wavegate_common::{Command, Generation, HostId, PlanReport, ReleaseName, RolloutId};
use wavegate_core::{KnownBad, Rollout};

use super::error::StoreError;
use super::hosts::{self, StoredHost};
use super::releases::{self, StoredRelease};
use super::{incidents, meta, plans, rollouts};
use crate::incident::Incident;

/// What was stored at one generation.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Which.
    pub generation: Generation,
    /// Every host.
    pub hosts: Vec<StoredHost>,
    /// Rollouts that are not over, by number.
    pub rollouts: Vec<Rollout>,
    /// The rollout that ended last.
    pub ended: Option<Rollout>,
    /// The last report of each rollout that is not over.
    pub reports: BTreeMap<RolloutId, PlanReport>,
    /// What went wrong.
    pub known_bad: KnownBad,
    /// Kernels by name.
    pub releases: BTreeMap<ReleaseName, StoredRelease>,
    /// Open orders.
    pub orders: BTreeMap<HostId, Command>,
    /// The number of the next rollout.
    pub next_rollout: RolloutId,
    /// Incidents that are open.
    pub incidents: Vec<Incident>,
}

pub(super) fn load(conn: &Connection) -> Result<Snapshot, StoreError> {
    let failed = StoreError::statement("read everything at once");
    // One transaction: all of it is of the same moment, whoever writes meanwhile.
    let tx = conn.unchecked_transaction().map_err(&failed)?;
    let rollouts = rollouts::live(&tx)?;
    let mut reports = BTreeMap::new();
    for rollout in &rollouts {
        if let Some(report) = plans::report(&tx, rollout.id)? {
            reports.insert(rollout.id, report);
        }
    }
    let snapshot = Snapshot {
        generation: meta::generation(&tx)?,
        hosts: hosts::all(&tx)?,
        rollouts,
        ended: rollouts::last_ended(&tx)?,
        reports,
        known_bad: plans::known_bad(&tx)?,
        releases: releases::all(&tx)?,
        orders: plans::orders(&tx)?,
        next_rollout: rollouts::next_id(&tx)?,
        incidents: incidents::open(&tx)?,
    };
    tx.commit().map_err(failed)?;
    Ok(snapshot)
}
