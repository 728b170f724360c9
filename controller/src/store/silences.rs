//! Silences in force for hosts that are being taken down.

use rusqlite::{Connection, params};
use wavegate_common::{HostId, Timestamp};

use super::error::StoreError;
use super::handle::Store;
use super::json::parse;

/// A silence at a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSilence {
    /// At which receiver.
    pub receiver: String,
    /// For which host.
    pub host: HostId,
    /// The receiver's id of it.
    pub id: String,
    /// From when. A silence keeps its id only as long as this stays.
    pub starts_at: Timestamp,
    /// Until when, if nobody renews it.
    pub ends_at: Timestamp,
}

fn put(conn: &Connection, silence: &StoredSilence) -> Result<(), StoreError> {
    let StoredSilence { receiver, host, id, starts_at, ends_at } = silence;
    conn.prepare_cached(
        "INSERT INTO silences (receiver, host, id, starts_at, ends_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (receiver, host) DO UPDATE SET id = excluded.id,
            starts_at = excluded.starts_at, ends_at = excluded.ends_at",
    )
    .and_then(|mut s| s.execute(params![receiver, host.to_string(), id, starts_at.0, ends_at.0]))
    .map(drop)
    .map_err(StoreError::statement("write a silence"))
}

fn list(conn: &Connection) -> Result<Vec<StoredSilence>, StoreError> {
    type Columns = (String, String, String, i64, i64);
    let failed = StoreError::statement("read silences");
    let mut statement = conn
        .prepare_cached(
            "SELECT receiver, host, id, starts_at, ends_at FROM silences ORDER BY receiver, host",
        )
        .map_err(&failed)?;
    let rows = statement
        .query_map([], |row| -> rusqlite::Result<Columns> {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .map_err(&failed)?;
    rows.map(|row| {
        let (receiver, host, id, starts_at, ends_at) = row.map_err(&failed)?;
        Ok(StoredSilence {
            receiver,
            host: parse("host", &host)?,
            id,
            starts_at: Timestamp(starts_at),
            ends_at: Timestamp(ends_at),
        })
    })
    .collect()
}

impl Store {
    /// Every silence that is not known to be gone.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn silences(&self) -> Result<Vec<StoredSilence>, StoreError> {
        self.reader.run(list).await
    }

    /// Keeps a silence, in place of the one of the same host there.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn put_silence(&self, silence: StoredSilence) -> Result<(), StoreError> {
        self.writer.run(move |conn| put(conn, &silence)).await
    }

    /// A silence is gone.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn drop_silence(&self, receiver: String, host: HostId) -> Result<(), StoreError> {
        self.writer
            .run(move |conn| {
                conn.prepare_cached("DELETE FROM silences WHERE receiver = ?1 AND host = ?2")
                    .and_then(|mut s| s.execute(params![receiver, host.to_string()]))
                    .map(drop)
                    .map_err(StoreError::statement("forget a silence"))
            })
            .await
    }
}
