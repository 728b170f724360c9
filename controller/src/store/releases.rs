//! Kernels that rollouts may name, and the files that hosts fetch.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use wavegate_common::{Digest, Release, ReleaseName, Timestamp};

use super::error::StoreError;
use super::json::{decode, encode, from_sql, parse, to_sql};

/// A registered kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRelease {
    /// The kernel.
    pub release: Release,
    /// When it was registered.
    pub added_at: Timestamp,
    /// By whom.
    pub added_by: String,
    /// Why.
    pub reason: String,
}

/// A file in the artifact folder, under the name of its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredArtifact {
    /// SHA-256 of the file.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    /// What it was called where it came from.
    pub file: String,
    /// When it came.
    pub added_at: Timestamp,
    /// By whom.
    pub added_by: String,
}

pub(super) fn put(conn: &Connection, release: &StoredRelease) -> Result<(), StoreError> {
    let body = encode("release", &release.release)?;
    conn.execute(
        "INSERT INTO releases (name, body, added_at, added_by, reason)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (name) DO UPDATE SET body = excluded.body, added_at = excluded.added_at,
            added_by = excluded.added_by, reason = excluded.reason",
        params![
            release.release.name.as_str(),
            body,
            release.added_at.0,
            release.added_by,
            release.reason
        ],
    )
    .map_err(StoreError::statement("write a release"))?;
    Ok(())
}

pub(super) fn all(conn: &Connection) -> Result<BTreeMap<ReleaseName, StoredRelease>, StoreError> {
    let failed = StoreError::statement("read releases");
    let mut statement = conn
        .prepare_cached("SELECT name, body, added_at, added_by, reason FROM releases")
        .map_err(&failed)?;
    let rows = statement
        .query_map([], |row| {
            let columns: (String, String, i64, String, String) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
            Ok(columns)
        })
        .map_err(&failed)?;
    rows.map(|row| {
        let (name, body, added_at, added_by, reason) = row.map_err(&failed)?;
        let release = decode("release", &name, &body)?;
        let stored = StoredRelease { release, added_at: Timestamp(added_at), added_by, reason };
        Ok((ReleaseName::from(name), stored))
    })
    .collect()
}

pub(super) fn put_artifact(conn: &Connection, artifact: &StoredArtifact) -> Result<(), StoreError> {
    let StoredArtifact { digest, size, file, added_at, added_by } = artifact;
    conn.execute(
        "INSERT INTO artifacts (digest, size, file, added_at, added_by)
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (digest) DO NOTHING",
        params![digest.to_string(), to_sql(*size), file, added_at.0, added_by],
    )
    .map_err(StoreError::statement("write an artifact"))?;
    Ok(())
}

pub(super) fn artifacts(conn: &Connection) -> Result<Vec<StoredArtifact>, StoreError> {
    type Columns = (String, i64, String, i64, String);
    let failed = StoreError::statement("read artifacts");
    let mut statement = conn
        .prepare_cached(
            "SELECT digest, size, file, added_at, added_by FROM artifacts ORDER BY digest",
        )
        .map_err(&failed)?;
    let rows = statement
        .query_map([], |row| -> rusqlite::Result<Columns> {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .map_err(&failed)?;
    rows.map(|row| {
        let (digest, size, file, added_at, added_by) = row.map_err(&failed)?;
        Ok(StoredArtifact {
            digest: parse("digest", &digest)?,
            size: from_sql(size),
            file,
            added_at: Timestamp(added_at),
            added_by,
        })
    })
    .collect()
}
