//! Single values: above all the generation of the last committed plan.

use rusqlite::{Connection, OptionalExtension, params};
use wavegate_common::Generation;

use super::error::StoreError;
use super::json::parse;

const GENERATION: &str = "generation";

pub(super) fn get(conn: &Connection, key: &str) -> Result<Option<String>, StoreError> {
    conn.prepare_cached("SELECT value FROM meta WHERE key = ?1")
        .and_then(|mut s| s.query_row([key], |row| row.get(0)).optional())
        .map_err(StoreError::statement("read a setting"))
}

pub(super) fn put(conn: &Connection, key: &str, value: &str) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO meta (key, value) VALUES (?1, ?2)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )
    .and_then(|mut s| s.execute(params![key, value]))
    .map_err(StoreError::statement("write a setting"))?;
    Ok(())
}

pub(super) fn generation(conn: &Connection) -> Result<Generation, StoreError> {
    let text = get(conn, GENERATION)?
        .ok_or_else(|| StoreError::row("setting", &GENERATION, &"it is missing"))?;
    Ok(Generation(parse("generation", &text)?))
}

pub(super) fn set_generation(conn: &Connection, to: Generation) -> Result<(), StoreError> {
    put(conn, GENERATION, &to.0.to_string())
}

/// Moves the generation up, never down; says what it is now.
pub(super) fn lift(conn: &Connection, to: Generation) -> Result<Generation, StoreError> {
    let now = generation(conn)?.max(to);
    set_generation(conn, now)?;
    Ok(now)
}
