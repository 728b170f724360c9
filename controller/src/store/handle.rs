//! What the rest of the controller calls.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use wavegate_common::{Generation, HostId, PlanReport, RolloutId, Timestamp};
use wavegate_core::Rollout;

use super::audit::StoredEntry;
use super::commit::{Commit, Committed};
use super::error::StoreError;
use super::events::StoredEvent;
use super::hosts::HostFacts;
use super::open::{open_second, open_writer};
use super::releases::StoredArtifact;
use super::rollouts::Header;
use super::snapshot::Snapshot;
use super::writer::{Queue, start_reader, start_writer};
use super::{audit, commit, events, hosts, meta, plans, releases, rollouts, snapshot};
use crate::audit::{Entry, Verified};

/// The name of the database in the data directory.
pub const FILE: &str = "wavegate.db";

/// The database. Clones share one writer and one reader thread; both end when the last clone
/// is gone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) writer: Queue,
    pub(super) reader: Queue,
    path: Arc<PathBuf>,
}

/// The threads behind a [`Store`]: to be joined after every clone of it has been dropped.
#[derive(Debug)]
pub struct StoreThreads(Vec<JoinHandle<()>>);

impl StoreThreads {
    /// Waits until every job that was queued has been done.
    pub fn join(self) {
        for thread in self.0 {
            // A panic of the thread has been printed by the runtime already.
            let _ = thread.join();
        }
    }
}

impl Store {
    /// Opens, checks and migrates the database in a data directory, or makes a new one.
    ///
    /// # Errors
    /// If it cannot be opened, is damaged, or is newer than this program.
    pub fn open(dir: &Path, now: Timestamp) -> Result<(Self, StoreThreads), StoreError> {
        let path = dir.join(FILE);
        let conn = open_writer(&path, now)?;
        let (writer, first) = start_writer(conn, path.clone())?;
        let (reader, second) = start_reader(open_second(&path)?, path.clone())?;
        let store = Self { writer, reader, path: Arc::new(path) };
        Ok((store, StoreThreads(vec![first, second])))
    }

    /// The database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Everything the planner needs.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.reader.run(snapshot::load).await
    }

    /// The generation of the last committed plan.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn generation(&self) -> Result<Generation, StoreError> {
        self.reader.run(meta::generation).await
    }

    /// Writes a plan if nothing was committed since its parent. Durable when this returns.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if another plan came first; nothing was written on any error.
    pub async fn commit(&self, what: Arc<Commit>) -> Result<Committed, StoreError> {
        self.writer.run(move |conn| commit::commit(conn, &what)).await
    }

    /// Moves the generation to at least `to`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn lift_generation(
        &self,
        to: Generation,
        entry: Entry,
    ) -> Result<Generation, StoreError> {
        self.writer
            .run(move |conn| {
                audit::append(conn, &[entry])?;
                meta::lift(conn, to)
            })
            .await
    }

    /// Keeps reports of hosts, without a plan.
    ///
    /// # Errors
    /// If they cannot be written.
    pub async fn put_facts(&self, facts: Vec<HostFacts>) -> Result<(), StoreError> {
        self.writer.run(move |conn| hosts::put_facts(conn, &facts)).await
    }

    /// Keeps when hosts were last heard of.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn checkpoint(&self, seen: Vec<(HostId, Timestamp)>) -> Result<(), StoreError> {
        self.writer.run(move |conn| hosts::checkpoint(conn, &seen)).await
    }

    /// Appends to the audit log.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn append_audit(&self, entry: Entry) -> Result<(), StoreError> {
        self.writer.run(move |conn| audit::append(conn, &[entry])).await
    }

    /// A page of the audit log after `after`, oldest first.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn audit(&self, after: u64, limit: u32) -> Result<Vec<StoredEntry>, StoreError> {
        self.reader.run(move |conn| audit::page(conn, after, limit)).await
    }

    /// Recomputes the chain of the audit log.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn verify_audit(&self) -> Result<Verified, StoreError> {
        self.reader.run(audit::verify_all).await
    }

    /// Headers of all rollouts, the ended ones too.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn rollout_headers(&self) -> Result<Vec<Header>, StoreError> {
        self.reader.run(rollouts::headers).await
    }

    /// One rollout, ended or not.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn rollout(&self, id: RolloutId) -> Result<Option<Rollout>, StoreError> {
        self.reader.run(move |conn| rollouts::one(conn, id)).await
    }

    /// What a rollout was when it was made.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn rollout_origin(&self, id: RolloutId) -> Result<Option<Rollout>, StoreError> {
        self.reader.run(move |conn| rollouts::origin(conn, id)).await
    }

    /// Events of a rollout after `seq`.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn events(
        &self,
        id: RolloutId,
        seq: u64,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        self.reader.run(move |conn| events::after(conn, id, seq, limit)).await
    }

    /// The plan that changed a rollout last, and when.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn last_event(
        &self,
        id: RolloutId,
    ) -> Result<Option<(Generation, Timestamp)>, StoreError> {
        self.reader.run(move |conn| events::last(conn, id)).await
    }

    /// The last plan report of a rollout.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn plan_report(&self, id: RolloutId) -> Result<Option<PlanReport>, StoreError> {
        self.reader.run(move |conn| plans::report(conn, id)).await
    }

    /// Artifacts that hosts may fetch.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn artifacts(&self) -> Result<Vec<StoredArtifact>, StoreError> {
        self.reader.run(releases::artifacts).await
    }

    /// Runs a statement on the writer's connection, to bring about faults.
    #[cfg(test)]
    pub(crate) async fn disturb(&self, sql: &'static str) {
        self.writer
            .run(move |conn| conn.execute_batch(sql).map_err(StoreError::statement("disturb")))
            .await
            .unwrap();
    }
}
