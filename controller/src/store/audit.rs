//! The rows of the audit log.

use rusqlite::{Connection, OptionalExtension, params};
use wavegate_common::Digest;

use super::error::StoreError;
use super::json::{decode, encode, from_sql, parse, to_sql};
use super::meta;
use crate::audit::{Entry, GENESIS, Verified, link, verify};

/// Number of the newest entry, kept beside the log so that a cut end shows.
const LAST: &str = "audit_last";

/// An entry with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// From 1.
    pub seq: u64,
    /// What was done.
    pub entry: Entry,
    /// Its hash.
    pub hash: Digest,
}

pub(super) fn append(conn: &Connection, entries: &[Entry]) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let failed = StoreError::statement("write to the audit log");
    let last: Option<(i64, String)> = conn
        .prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
        .and_then(|mut s| s.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional())
        .map_err(&failed)?;
    let (mut seq, mut hash) = match last {
        Some((seq, hash)) => (from_sql(seq), parse("hash", &hash)?),
        None => (0, GENESIS),
    };
    let mut statement = conn
        .prepare_cached("INSERT INTO audit (seq, at, body, hash) VALUES (?1, ?2, ?3, ?4)")
        .map_err(&failed)?;
    for entry in entries {
        let body = encode("audit entry", entry)?;
        hash = link(&hash, &body);
        seq += 1;
        statement
            .execute(params![to_sql(seq), entry.at.0, body, hash.to_string()])
            .map_err(&failed)?;
    }
    meta::put(conn, LAST, &seq.to_string())
}

/// Entries after `after`, oldest first.
pub(super) fn page(
    conn: &Connection,
    after: u64,
    limit: u32,
) -> Result<Vec<StoredEntry>, StoreError> {
    let failed = StoreError::statement("read the audit log");
    let mut statement = conn
        .prepare_cached("SELECT seq, body, hash FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2")
        .map_err(&failed)?;
    let rows = statement
        .query_map(params![to_sql(after), limit], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        })
        .map_err(&failed)?;
    rows.map(|row| {
        let (seq, body, hash) = row.map_err(&failed)?;
        Ok(StoredEntry {
            seq: from_sql(seq),
            entry: decode("audit entry", &seq, &body)?,
            hash: parse("hash", &hash)?,
        })
    })
    .collect()
}

pub(super) fn verify_all(conn: &Connection) -> Result<Verified, StoreError> {
    let failed = StoreError::statement("read the audit log");
    let last = match meta::get(conn, LAST)? {
        Some(text) => parse("audit entry number", &text)?,
        None => 0,
    };
    let mut statement =
        conn.prepare("SELECT seq, body, hash FROM audit ORDER BY seq").map_err(&failed)?;
    let rows = statement
        .query_map([], |row| Ok((from_sql(row.get(0)?), row.get(1)?, row.get(2)?)))
        .map_err(&failed)?;
    verify(rows, last).map_err(failed)
}
