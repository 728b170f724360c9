//! Hosts: what each said last, and when it was last heard of.

use std::sync::Arc;

use rusqlite::{Connection, Row, params};
use wavegate_common::inventory::Hold;
use wavegate_common::{Digest, HostId, HostReport, Timestamp};

use super::error::StoreError;
use super::json::{decode, encode, parse};

/// A report to be kept.
#[derive(Debug, Clone)]
pub struct HostFacts {
    /// What the host said.
    pub report: Arc<HostReport>,
    /// Its digest.
    pub digest: Digest,
    /// When it said it.
    pub seen: Timestamp,
}

/// A host as it was kept.
#[derive(Debug, Clone)]
pub struct StoredHost {
    /// Which.
    pub id: HostId,
    /// Its name at enrolment, or in its last report.
    pub name: String,
    /// What it said last.
    pub report: Option<Arc<HostReport>>,
    /// The digest of that.
    pub digest: Option<Digest>,
    /// When it was last heard of, to the minute.
    pub last_seen: Option<Timestamp>,
    /// A person holds it.
    pub hold: Option<Hold>,
}

struct HostRow {
    id: String,
    name: String,
    report: Option<String>,
    digest: Option<String>,
    last_seen: Option<i64>,
    hold: Option<String>,
}

impl HostRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            report: row.get(2)?,
            digest: row.get(3)?,
            last_seen: row.get(4)?,
            hold: row.get(5)?,
        })
    }
}

impl TryFrom<HostRow> for StoredHost {
    type Error = StoreError;

    fn try_from(row: HostRow) -> Result<Self, StoreError> {
        let HostRow { id, name, report, digest, last_seen, hold } = row;
        Ok(Self {
            report: report
                .map(|text| decode("the report of host", &id, &text).map(Arc::new))
                .transpose()?,
            digest: digest.map(|text| parse("digest", &text)).transpose()?,
            last_seen: last_seen.map(Timestamp),
            hold: hold.map(|text| decode("the hold of host", &id, &text)).transpose()?,
            id: parse("host", &id)?,
            name,
        })
    }
}

pub(super) fn all(conn: &Connection) -> Result<Vec<StoredHost>, StoreError> {
    let failed = StoreError::statement("read hosts");
    let mut statement = conn
        .prepare_cached("SELECT id, name, report, digest, last_seen, hold FROM hosts ORDER BY id")
        .map_err(&failed)?;
    let rows = statement.query_map([], HostRow::read).map_err(&failed)?;
    rows.map(|row| row.map_err(&failed)?.try_into()).collect()
}

pub(super) fn put_facts(conn: &Connection, facts: &[HostFacts]) -> Result<(), StoreError> {
    let failed = StoreError::statement("write a report");
    let mut statement = conn
        .prepare_cached(
            "INSERT INTO hosts (id, name, report, digest, last_seen) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, report = excluded.report,
                digest = excluded.digest, last_seen = excluded.last_seen",
        )
        .map_err(&failed)?;
    for HostFacts { report, digest, seen } in facts {
        let body = encode("report", report.as_ref())?;
        statement
            .execute(params![
                report.host.to_string(),
                report.name,
                body,
                digest.to_string(),
                seen.0
            ])
            .map_err(&failed)?;
    }
    Ok(())
}

pub(super) fn checkpoint(
    conn: &Connection,
    seen: &[(HostId, Timestamp)],
) -> Result<(), StoreError> {
    let failed = StoreError::statement("write when hosts were last heard of");
    let mut statement =
        conn.prepare_cached("UPDATE hosts SET last_seen = ?2 WHERE id = ?1").map_err(&failed)?;
    for (id, at) in seen {
        statement.execute(params![id.to_string(), at.0]).map_err(&failed)?;
    }
    Ok(())
}

pub(super) fn enroll(
    conn: &Connection,
    id: HostId,
    name: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO hosts (id, name, enrolled_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (id) DO UPDATE SET enrolled_at = excluded.enrolled_at",
    )
    .and_then(|mut s| s.execute(params![id.to_string(), name, at.0]))
    .map_err(StoreError::statement("write a host"))?;
    Ok(())
}

pub(super) fn set_hold(
    conn: &Connection,
    id: HostId,
    hold: Option<&Hold>,
) -> Result<(), StoreError> {
    let body = hold.map(|hold| encode("hold", hold)).transpose()?;
    conn.prepare_cached("UPDATE hosts SET hold = ?2 WHERE id = ?1")
        .and_then(|mut s| s.execute(params![id.to_string(), body]))
        .map_err(StoreError::statement("write a hold"))?;
    Ok(())
}
