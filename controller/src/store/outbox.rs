//! What each receiver has taken, and what is due.

use rusqlite::{Connection, Row, params};
use wavegate_common::{Millis, Timestamp};

use super::error::StoreError;
use super::handle::Store;
use super::incidents::{COLUMNS, Columns};
use super::json::{from_sql, to_sql};
use crate::incident::{Addressee, Delivery, Incident};

/// Deliveries taken up in one go.
const BATCH: u32 = 100;

/// What is due for one receiver.
#[derive(Debug, Clone)]
pub struct DueQuery {
    /// Which.
    pub receiver: String,
    /// At this moment.
    pub now: Timestamp,
    /// It wants open incidents again after this long.
    pub resend: Option<Millis>,
}

/// How a try ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The receiver has taken this revision; the next change is sent at this moment at the
    /// earliest.
    Taken {
        /// Which revision.
        revision: u32,
        /// Earliest moment of an update.
        next_at: Timestamp,
    },
    /// It has not; it is tried again at this moment.
    Failed {
        /// Why.
        error: String,
        /// When next.
        next_at: Timestamp,
    },
    /// It has not taken it for so long that nobody cares any more.
    GivenUp {
        /// Which revision.
        revision: u32,
        /// Why the last try failed.
        error: String,
    },
}

const DELIVERY: &str = "d.receiver, d.sent, d.sent_at, d.attempts, d.failures, d.next_at, d.error";

fn delivery(row: &Row<'_>, from: usize) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        receiver: row.get(from)?,
        sent: row.get(from + 1)?,
        sent_at: row.get::<_, Option<i64>>(from + 2)?.map(Timestamp),
        attempts: row.get(from + 3)?,
        failures: from_sql(row.get(from + 4)?),
        next_at: Timestamp(row.get(from + 5)?),
        error: row.get(from + 6)?,
    })
}

/// When a delivery with something to send is due. An end is not held back by the time between
/// updates, only by failures; what is repeated is held back by both.
const DUE: &str = "CASE
    WHEN d.sent < i.revision AND i.resolved_at IS NOT NULL AND d.attempts = 0 THEN 0
    WHEN d.sent < i.revision THEN d.next_at
    WHEN i.resolved_at IS NULL AND ?2 IS NOT NULL
        THEN max(d.next_at, coalesce(d.sent_at, 0) + ?2)
    END";

/// What is due, the oldest first, and when the next of the rest will be.
type Due = (Vec<(Incident, Delivery)>, Option<Timestamp>);

fn due(conn: &Connection, query: &DueQuery) -> Result<Due, StoreError> {
    let failed = StoreError::statement("read what must be told");
    let resend = query.resend.map(|span| to_sql(span.0));
    let sql = format!(
        "SELECT {COLUMNS}, {DELIVERY} FROM deliveries d JOIN incidents i ON i.id = d.incident
         WHERE d.receiver = ?1 AND {DUE} <= ?3 ORDER BY i.id LIMIT {BATCH}"
    );
    let mut statement = conn.prepare_cached(&sql).map_err(&failed)?;
    let rows = statement
        .query_map(params![query.receiver, resend, query.now.0], |row| {
            Ok((Columns::read(row)?, delivery(row, 6)?))
        })
        .map_err(&failed)?;
    let found = rows
        .map(|row| {
            let (columns, delivery) = row.map_err(&failed)?;
            Ok((columns.incident()?, delivery))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    let sql = format!(
        "SELECT min({DUE}) FROM deliveries d JOIN incidents i ON i.id = d.incident
         WHERE d.receiver = ?1 AND {DUE} > ?3"
    );
    let next: Option<i64> = conn
        .prepare_cached(&sql)
        .and_then(|mut s| {
            s.query_row(params![query.receiver, resend, query.now.0], |row| row.get(0))
        })
        .map_err(&failed)?;
    Ok((found, next.map(Timestamp)))
}

fn record(
    conn: &Connection,
    incident: u64,
    receiver: &str,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<(), StoreError> {
    let failed = StoreError::statement("write what was told");
    let id = to_sql(incident);
    match outcome {
        Outcome::Taken { revision, next_at } => conn
            .prepare_cached(
                "UPDATE deliveries SET sent = max(sent, ?3), sent_at = ?4, attempts = 0,
                    next_at = ?5, error = NULL WHERE incident = ?1 AND receiver = ?2",
            )
            .and_then(|mut s| s.execute(params![id, receiver, revision, now.0, next_at.0])),
        Outcome::Failed { error, next_at } => conn
            .prepare_cached(
                "UPDATE deliveries SET attempts = attempts + 1, failures = failures + 1,
                    next_at = ?3, error = ?4 WHERE incident = ?1 AND receiver = ?2",
            )
            .and_then(|mut s| s.execute(params![id, receiver, next_at.0, error])),
        Outcome::GivenUp { revision, error } => conn
            .prepare_cached(
                "UPDATE deliveries SET sent = max(sent, ?3), attempts = attempts + 1,
                    failures = failures + 1, error = ?4 WHERE incident = ?1 AND receiver = ?2",
            )
            .and_then(|mut s| s.execute(params![id, receiver, revision, error])),
    }
    .map(drop)
    .map_err(failed)
}

/// Receivers that came into the configuration hear of what is open; those that left it are
/// forgotten.
fn adopt(conn: &Connection, addressees: &[Addressee]) -> Result<(), StoreError> {
    let failed = StoreError::statement("adopt receivers");
    for addressee in addressees {
        conn.execute(
            "INSERT INTO deliveries (incident, receiver)
             SELECT id, ?1 FROM incidents WHERE resolved_at IS NULL
             ON CONFLICT DO NOTHING",
            [&addressee.name],
        )
        .map_err(&failed)?;
    }
    for table in ["deliveries", "silences"] {
        let known: Vec<String> = {
            let sql = format!("SELECT DISTINCT receiver FROM {table}");
            let mut statement = conn.prepare(&sql).map_err(&failed)?;
            let rows = statement.query_map([], |row| row.get(0)).map_err(&failed)?;
            rows.collect::<Result<_, _>>().map_err(&failed)?
        };
        for gone in known.iter().filter(|name| addressees.iter().all(|a| a.name != **name)) {
            let sql = format!("DELETE FROM {table} WHERE receiver = ?1");
            conn.execute(&sql, [gone]).map_err(&failed)?;
        }
    }
    Ok(())
}

fn deliveries(conn: &Connection) -> Result<Vec<(u64, Delivery)>, StoreError> {
    let failed = StoreError::statement("read deliveries");
    let sql = format!("SELECT d.incident, {DELIVERY} FROM deliveries d ORDER BY 1, 2");
    let mut statement = conn.prepare_cached(&sql).map_err(&failed)?;
    let rows = statement
        .query_map([], |row| Ok((from_sql(row.get(0)?), delivery(row, 1)?)))
        .map_err(&failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

impl Store {
    /// What is due for a receiver, and when the next of the rest will be.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn due(
        &self,
        query: DueQuery,
    ) -> Result<(Vec<(Incident, Delivery)>, Option<Timestamp>), StoreError> {
        self.reader.run(move |conn| due(conn, &query)).await
    }

    /// Keeps how a try ended.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn record_delivery(
        &self,
        incident: u64,
        receiver: String,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer.run(move |conn| record(conn, incident, &receiver, &outcome, now)).await
    }

    /// Makes the outbox fit the configuration.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn adopt_receivers(&self, addressees: Vec<Addressee>) -> Result<(), StoreError> {
        self.writer.run(move |conn| adopt(conn, &addressees)).await
    }

    /// Every delivery with its incident's number.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn deliveries(&self) -> Result<Vec<(u64, Delivery)>, StoreError> {
        self.reader.run(deliveries).await
    }
}
