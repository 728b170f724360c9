//! Incidents, and the rows of the outbox that are made with them.

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};
use wavegate_common::{Alert, Timestamp};

use super::error::StoreError;
use super::handle::Store;
use super::json::{decode, encode, from_sql, to_sql};
use crate::incident::{Addressee, Change, Incident, Story};

/// Incidents that are kept; the oldest that are over go first.
const KEPT: i64 = 10_000;
/// What a query must select, in this order, for [`read`].
pub(super) const COLUMNS: &str =
    "i.id, i.opened_at, i.updated_at, i.resolved_at, i.revision, i.body";

#[derive(Serialize)]
struct Written<'a> {
    alert: &'a Alert,
    story: &'a Story,
}

#[derive(Deserialize)]
struct Body {
    alert: Alert,
    #[serde(default)]
    story: Story,
}

/// The columns of a row, before its body is understood.
pub(super) struct Columns {
    id: i64,
    opened_at: i64,
    updated_at: i64,
    resolved_at: Option<i64>,
    revision: u32,
    body: String,
}

impl Columns {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            opened_at: row.get(1)?,
            updated_at: row.get(2)?,
            resolved_at: row.get(3)?,
            revision: row.get(4)?,
            body: row.get(5)?,
        })
    }

    pub(super) fn incident(self) -> Result<Incident, StoreError> {
        let Body { alert, story } = decode("incident", &self.id, &self.body)?;
        Ok(Incident {
            id: from_sql(self.id),
            alert,
            story,
            opened_at: Timestamp(self.opened_at),
            updated_at: Timestamp(self.updated_at),
            resolved_at: self.resolved_at.map(Timestamp),
            revision: self.revision,
        })
    }
}

/// Writes a change, with a row of the outbox for each receiver if it begins. Gives the incident
/// with its number.
pub(super) fn put(
    conn: &Connection,
    change: &Change,
    addressees: &[Addressee],
) -> Result<Incident, StoreError> {
    let failed = StoreError::statement("write an incident");
    let mut incident = change.incident().clone();
    let Incident { id, alert, story, opened_at, updated_at, resolved_at, revision } = &incident;
    let body = encode("incident", &Written { alert, story })?;
    let resolved = resolved_at.map(|at| at.0);
    if let Change::Updated(_) | Change::Resolved(_) = change {
        conn.prepare_cached(
            "UPDATE incidents SET updated_at = ?2, resolved_at = ?3, revision = ?4, body = ?5
             WHERE id = ?1",
        )
        .and_then(|mut s| s.execute(params![to_sql(*id), updated_at.0, resolved, revision, body]))
        .map_err(failed)?;
        return Ok(incident);
    }
    let row = params![
        alert.key,
        to_sql(alert.rollout.0),
        opened_at.0,
        updated_at.0,
        resolved,
        revision,
        body
    ];
    conn.prepare_cached(
        "INSERT INTO incidents (key, rollout, opened_at, updated_at, resolved_at, revision, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )
    .and_then(|mut s| s.execute(row))
    .map_err(&failed)?;
    let notice = resolved_at.is_some();
    incident.id = from_sql(conn.last_insert_rowid());
    for addressee in addressees.iter().filter(|addressee| addressee.notices || !notice) {
        conn.prepare_cached("INSERT INTO deliveries (incident, receiver) VALUES (?1, ?2)")
            .and_then(|mut s| s.execute(params![to_sql(incident.id), addressee.name]))
            .map_err(&failed)?;
    }
    prune(conn, to_sql(incident.id))?;
    Ok(incident)
}

fn prune(conn: &Connection, newest: i64) -> Result<(), StoreError> {
    let failed = StoreError::statement("forget old incidents");
    let last = newest.saturating_sub(KEPT);
    if last <= 0 {
        return Ok(());
    }
    for sql in [
        "DELETE FROM deliveries WHERE incident IN
            (SELECT id FROM incidents WHERE id <= ?1 AND resolved_at IS NOT NULL)",
        "DELETE FROM incidents WHERE id <= ?1 AND resolved_at IS NOT NULL",
    ] {
        conn.prepare_cached(sql).and_then(|mut s| s.execute([last])).map_err(&failed)?;
    }
    Ok(())
}

/// Incidents that are open, the oldest first.
pub(super) fn open(conn: &Connection) -> Result<Vec<Incident>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM incidents i WHERE i.resolved_at IS NULL ORDER BY i.id");
    query(conn, &sql, [])
}

/// Incidents, the newest first.
pub(super) fn list(conn: &Connection, all: bool, limit: u32) -> Result<Vec<Incident>, StoreError> {
    let only = if all { "" } else { "WHERE i.resolved_at IS NULL" };
    let sql = format!("SELECT {COLUMNS} FROM incidents i {only} ORDER BY i.id DESC LIMIT ?1");
    query(conn, &sql, [limit])
}

fn one(conn: &Connection, id: u64) -> Result<Option<Incident>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM incidents i WHERE i.id = ?1");
    Ok(query(conn, &sql, [to_sql(id)])?.pop())
}

fn query(
    conn: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<Incident>, StoreError> {
    let failed = StoreError::statement("read incidents");
    let mut statement = conn.prepare_cached(sql).map_err(&failed)?;
    let rows = statement.query_map(params, Columns::read).map_err(&failed)?;
    rows.map(|row| row.map_err(&failed)?.incident()).collect()
}

impl Store {
    /// Incidents, the newest first: those that are open, or those that are over too.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn incidents(&self, all: bool, limit: u32) -> Result<Vec<Incident>, StoreError> {
        self.reader.run(move |conn| list(conn, all, limit)).await
    }

    /// One incident.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn incident(&self, id: u64) -> Result<Option<Incident>, StoreError> {
        self.reader.run(move |conn| one(conn, id)).await
    }
}
