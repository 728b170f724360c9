//! What happened to rollouts, in order; never changed.

use rusqlite::{Connection, OptionalExtension, params};
use wavegate_common::{Generation, RolloutId, Timestamp};
use wavegate_core::Event;

use super::error::StoreError;
use super::json::{decode, encode, from_sql, to_sql};

/// An event with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// From 1 within its rollout.
    pub seq: u64,
    /// Of which plan.
    pub generation: Generation,
    /// What happened.
    pub event: Event,
}

pub(super) fn append(
    conn: &Connection,
    generation: Generation,
    events: &[Event],
) -> Result<(), StoreError> {
    let failed = StoreError::statement("write an event");
    let mut statement = conn
        .prepare_cached(
            "INSERT INTO events (rollout, seq, generation, at, body)
             SELECT ?1, coalesce(max(seq), 0) + 1, ?2, ?3, ?4 FROM events WHERE rollout = ?1",
        )
        .map_err(&failed)?;
    for event in events {
        let body = encode("event", event)?;
        statement
            .execute(params![to_sql(event.rollout.0), to_sql(generation.0), event.at.0, body])
            .map_err(&failed)?;
    }
    Ok(())
}

/// The newest event of a rollout.
pub(super) fn last(
    conn: &Connection,
    rollout: RolloutId,
) -> Result<Option<(Generation, Timestamp)>, StoreError> {
    conn.prepare_cached(
        "SELECT generation, at FROM events WHERE rollout = ?1 ORDER BY seq DESC LIMIT 1",
    )
    .and_then(|mut s| {
        s.query_row([to_sql(rollout.0)], |row| {
            Ok((Generation(from_sql(row.get(0)?)), Timestamp(row.get(1)?)))
        })
        .optional()
    })
    .map_err(StoreError::statement("read the last event"))
}

pub(super) fn after(
    conn: &Connection,
    rollout: RolloutId,
    seq: u64,
    limit: u32,
) -> Result<Vec<StoredEvent>, StoreError> {
    let failed = StoreError::statement("read events");
    let mut statement = conn
        .prepare_cached(
            "SELECT seq, generation, body FROM events WHERE rollout = ?1 AND seq > ?2
             ORDER BY seq LIMIT ?3",
        )
        .map_err(&failed)?;
    let rows = statement
        .query_map(params![to_sql(rollout.0), to_sql(seq), limit], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?))
        })
        .map_err(&failed)?;
    rows.map(|row| {
        let (seq, generation, body) = row.map_err(&failed)?;
        Ok(StoredEvent {
            seq: from_sql(seq),
            generation: Generation(from_sql(generation)),
            event: decode("event", &format!("{rollout}/{seq}"), &body)?,
        })
    })
    .collect()
}
