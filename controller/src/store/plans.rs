//! What plans leave behind: reports, open orders, what went wrong, what people were told.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use wavegate_common::{Command, HostClass, HostId, PlanReport, RolloutId, Timestamp};
use wavegate_core::{KnownBad, KnownBadEntry};

use super::error::StoreError;
use super::json::{decode, encode, from_sql, parse, to_sql};

pub(super) fn put_report(conn: &Connection, report: &PlanReport) -> Result<(), StoreError> {
    let body = encode("plan report", report)?;
    conn.prepare_cached(
        "INSERT INTO plan_reports (rollout, body) VALUES (?1, ?2)
         ON CONFLICT (rollout) DO UPDATE SET body = excluded.body",
    )
    .and_then(|mut s| s.execute(params![to_sql(report.rollout.0), body]))
    .map_err(StoreError::statement("write a plan report"))?;
    Ok(())
}

pub(super) fn report(
    conn: &Connection,
    rollout: RolloutId,
) -> Result<Option<PlanReport>, StoreError> {
    let body: Option<String> = conn
        .prepare_cached("SELECT body FROM plan_reports WHERE rollout = ?1")
        .and_then(|mut s| s.query_row([to_sql(rollout.0)], |row| row.get(0)).optional())
        .map_err(StoreError::statement("read a plan report"))?;
    body.map(|body| decode("plan report", &rollout, &body)).transpose()
}

pub(super) fn put_order(conn: &Connection, order: &Command) -> Result<(), StoreError> {
    let body = encode("order", order)?;
    let row =
        params![order.host.to_string(), order.id.to_string(), to_sql(order.generation.0), body];
    conn.prepare_cached(
        "INSERT INTO outbox (host, command, generation, body) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (host) DO UPDATE SET command = excluded.command,
            generation = excluded.generation, body = excluded.body",
    )
    .and_then(|mut s| s.execute(row))
    .map_err(StoreError::statement("write an order"))?;
    Ok(())
}

pub(super) fn drop_order(conn: &Connection, host: HostId) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM outbox WHERE host = ?1")
        .and_then(|mut s| s.execute([host.to_string()]))
        .map_err(StoreError::statement("close an order"))?;
    Ok(())
}

pub(super) fn orders(conn: &Connection) -> Result<BTreeMap<HostId, Command>, StoreError> {
    let failed = StoreError::statement("read open orders");
    let mut statement = conn.prepare_cached("SELECT host, body FROM outbox").map_err(&failed)?;
    let rows = statement
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
        .map_err(&failed)?;
    rows.map(|row| {
        let (host, body) = row.map_err(&failed)?;
        Ok((parse("host", &host)?, decode("order for host", &host, &body)?))
    })
    .collect()
}

/// Writes the whole memory: it is small and changes seldom, and only so it is the same as the
/// planner's, whatever was learnt or forgotten.
pub(super) fn put_known_bad(conn: &Connection, known: &KnownBad) -> Result<(), StoreError> {
    let failed = StoreError::statement("write what went wrong");
    conn.execute("DELETE FROM known_bad", []).map_err(&failed)?;
    let mut statement = conn
        .prepare_cached(
            "INSERT INTO known_bad (release, class, host, rollout, at, what)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .map_err(&failed)?;
    for KnownBadEntry { release, class, host, rollout, at, what } in &known.entries {
        statement
            .execute(params![
                release.to_string(),
                class.as_ref().map(HostClass::as_str),
                host.map(|host| host.to_string()),
                to_sql(rollout.0),
                at.0,
                what
            ])
            .map_err(&failed)?;
    }
    Ok(())
}

pub(super) fn known_bad(conn: &Connection) -> Result<KnownBad, StoreError> {
    type Columns = (String, Option<String>, Option<String>, i64, i64, String);
    let failed = StoreError::statement("read what went wrong");
    let mut statement = conn
        .prepare_cached(
            "SELECT release, class, host, rollout, at, what FROM known_bad ORDER BY seq",
        )
        .map_err(&failed)?;
    let rows = statement
        .query_map([], |row| -> rusqlite::Result<Columns> {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        })
        .map_err(&failed)?;
    let entries = rows
        .map(|row| {
            let (release, class, host, rollout, at, what) = row.map_err(&failed)?;
            Ok(KnownBadEntry {
                release: parse("release", &release)?,
                class: class.map(HostClass::from),
                host: host.map(|host| parse("host", &host)).transpose()?,
                rollout: RolloutId(from_sql(rollout)),
                at: Timestamp(at),
                what,
            })
        })
        .collect::<Result<_, StoreError>>()?;
    Ok(KnownBad { entries })
}
