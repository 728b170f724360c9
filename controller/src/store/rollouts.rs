//! Rollouts: a header, one row per host, and what each was when it was made.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use wavegate_common::{
    HostClass, Release, RolloutHost, RolloutId, RolloutPhase, RolloutSpec, Timestamp,
};
use wavegate_core::{Rollout, WaveShape};

use super::error::StoreError;
use super::json::{decode, encode, from_sql, to_sql};

/// A rollout without its hosts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Its number.
    pub id: RolloutId,
    /// What was asked for.
    pub spec: RolloutSpec,
    /// The release.
    pub release: Release,
    /// Of canaries and order.
    pub seed: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// Where it stands.
    pub phase: RolloutPhase,
    /// Its waves.
    pub waves: Vec<WaveShape>,
    /// Its classes.
    pub classes: Vec<HostClass>,
    /// Classes in which nothing begins.
    pub blocked: BTreeMap<u32, String>,
    /// Classes that comparison has found as good as before.
    #[serde(default)]
    pub passed: BTreeSet<u32>,
    /// Classes for which a person answers.
    #[serde(default)]
    pub accepted: BTreeMap<u32, String>,
}

impl From<&Rollout> for Header {
    fn from(rollout: &Rollout) -> Self {
        // Taken apart whole, so that a new field cannot be forgotten here.
        let Rollout {
            id,
            spec,
            release,
            seed,
            created_at,
            created_by,
            phase,
            waves,
            classes,
            blocked,
            passed,
            accepted,
            hosts: _,
            order: _,
        } = rollout;
        Self {
            id: *id,
            spec: spec.clone(),
            release: release.clone(),
            seed: *seed,
            created_at: *created_at,
            created_by: created_by.clone(),
            phase: phase.clone(),
            waves: waves.clone(),
            classes: classes.clone(),
            blocked: blocked.clone(),
            passed: passed.clone(),
            accepted: accepted.clone(),
        }
    }
}

impl Header {
    fn with_hosts(self, hosts: Vec<RolloutHost>) -> Rollout {
        let Self {
            id,
            spec,
            release,
            seed,
            created_at,
            created_by,
            phase,
            waves,
            classes,
            blocked,
            passed,
            accepted,
        } = self;
        Rollout {
            id,
            spec,
            release,
            seed,
            created_at,
            created_by,
            phase,
            waves,
            classes,
            blocked,
            passed,
            accepted,
            hosts,
            order: Vec::new(),
        }
        .arranged()
    }
}

/// What changed in a rollout.
#[derive(Debug, Clone)]
pub struct ChangedRollout {
    /// The rollout without its hosts.
    pub header: Header,
    /// The hosts that changed.
    pub hosts: Vec<RolloutHost>,
}

pub(super) fn put(conn: &Connection, changed: &ChangedRollout) -> Result<(), StoreError> {
    let ChangedRollout { header, hosts } = changed;
    let id = to_sql(header.id.0);
    let body = encode("rollout", header)?;
    conn.prepare_cached(
        "INSERT INTO rollouts (id, name, over, header) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET over = excluded.over, header = excluded.header",
    )
    .and_then(|mut s| s.execute(params![id, header.spec.name, header.phase.is_over(), body]))
    .map_err(StoreError::statement("write a rollout"))?;
    let failed = StoreError::statement("write a host of a rollout");
    let mut statement = conn
        .prepare_cached(
            "INSERT INTO rollout_hosts (rollout, host, body) VALUES (?1, ?2, ?3)
             ON CONFLICT (rollout, host) DO UPDATE SET body = excluded.body",
        )
        .map_err(&failed)?;
    for host in hosts {
        let body = encode("host of a rollout", host)?;
        statement.execute(params![id, host.host.to_string(), body]).map_err(&failed)?;
    }
    Ok(())
}

/// A rollout that has just been made.
pub(super) fn create(conn: &Connection, made: &Rollout) -> Result<(), StoreError> {
    put(conn, &ChangedRollout { header: Header::from(made), hosts: made.hosts.clone() })?;
    let body = encode("rollout", made)?;
    conn.execute(
        "INSERT INTO rollout_origins (rollout, body) VALUES (?1, ?2)",
        params![to_sql(made.id.0), body],
    )
    .map_err(StoreError::statement("write a new rollout"))?;
    Ok(())
}

pub(super) fn headers(conn: &Connection) -> Result<Vec<Header>, StoreError> {
    let failed = StoreError::statement("read rollouts");
    let mut statement =
        conn.prepare_cached("SELECT id, header FROM rollouts ORDER BY id").map_err(&failed)?;
    let rows = statement
        .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))
        .map_err(&failed)?;
    rows.map(|row| {
        let (id, body) = row.map_err(&failed)?;
        decode("rollout", &id, &body)
    })
    .collect()
}

/// Rollouts that are not over.
pub(super) fn live(conn: &Connection) -> Result<Vec<Rollout>, StoreError> {
    let headers = headers(conn)?.into_iter().filter(|header| !header.phase.is_over());
    headers.map(|header| with_hosts(conn, header)).collect()
}

/// The newest rollout that is over.
pub(super) fn last_ended(conn: &Connection) -> Result<Option<Rollout>, StoreError> {
    let last: Option<i64> = conn
        .query_row("SELECT max(id) FROM rollouts WHERE over = 1", [], |row| row.get(0))
        .map_err(StoreError::statement("read the last rollout's number"))?;
    last.map_or(Ok(None), |id| one(conn, RolloutId(from_sql(id))))
}

pub(super) fn one(conn: &Connection, id: RolloutId) -> Result<Option<Rollout>, StoreError> {
    let body: Option<String> = conn
        .query_row("SELECT header FROM rollouts WHERE id = ?1", [to_sql(id.0)], |row| row.get(0))
        .optional()
        .map_err(StoreError::statement("read a rollout"))?;
    body.map(|body| with_hosts(conn, decode("rollout", &id, &body)?)).transpose()
}

/// What it was when it was made.
pub(super) fn origin(conn: &Connection, id: RolloutId) -> Result<Option<Rollout>, StoreError> {
    let body: Option<String> = conn
        .query_row("SELECT body FROM rollout_origins WHERE rollout = ?1", [to_sql(id.0)], |row| {
            row.get(0)
        })
        .optional()
        .map_err(StoreError::statement("read how a rollout began"))?;
    body.map(|body| decode::<Rollout>("rollout", &id, &body).map(Rollout::arranged)).transpose()
}

fn with_hosts(conn: &Connection, header: Header) -> Result<Rollout, StoreError> {
    let failed = StoreError::statement("read hosts of a rollout");
    let mut statement = conn
        .prepare_cached("SELECT host, body FROM rollout_hosts WHERE rollout = ?1")
        .map_err(&failed)?;
    let rows = statement
        .query_map([to_sql(header.id.0)], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })
        .map_err(&failed)?;
    let hosts = rows
        .map(|row| {
            let (host, body) = row.map_err(&failed)?;
            decode("host of a rollout", &host, &body)
        })
        .collect::<Result<Vec<RolloutHost>, _>>()?;
    Ok(header.with_hosts(hosts))
}

/// The number of the next rollout.
pub(super) fn next_id(conn: &Connection) -> Result<RolloutId, StoreError> {
    let last: Option<i64> = conn
        .query_row("SELECT max(id) FROM rollouts", [], |row| row.get(0))
        .map_err(StoreError::statement("read the last rollout's number"))?;
    Ok(RolloutId(last.map_or(0, from_sql)).next())
}
