//! Rows of evidence: what hosts were like before a rollout, and what each verdict was made from.

use rusqlite::{Connection, OptionalExtension, params};
use wavegate_common::{Assessment, Digest, RolloutId};
use wavegate_gate::fleet::Evidence;

use super::error::StoreError;
use super::handle::Store;
use super::json::{decode, encode, from_sql, to_sql};
use crate::assess::Before;

/// Pieces of evidence that are kept per rollout. The oldest and the newest say most: of those in
/// between every second one goes when there are more.
const KEPT: i64 = 200;

/// One verdict and what it was made from, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvidence {
    /// Grows with time.
    pub id: u64,
    /// The evidence, as JSON.
    pub evidence: String,
    /// What was said then, as JSON.
    pub assessment: String,
}

impl Store {
    /// Freezes what the hosts of a rollout are like before it; what is frozen stays.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn put_before(&self, rollout: RolloutId, before: Before) -> Result<(), StoreError> {
        self.writer
            .run(move |conn| {
                let body = encode("what hosts were like", &before)?;
                conn.prepare_cached(
                    "INSERT INTO gate_before (rollout, body) VALUES (?1, ?2)
                     ON CONFLICT (rollout) DO NOTHING",
                )
                .and_then(|mut s| s.execute(params![to_sql(rollout.0), body]))
                .map_err(StoreError::statement("freeze what hosts were like"))?;
                Ok(())
            })
            .await
    }

    /// What the hosts of a rollout were like before it, if that was frozen.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn before(&self, rollout: RolloutId) -> Result<Option<Before>, StoreError> {
        self.reader
            .run(move |conn| {
                let body: Option<String> = conn
                    .prepare_cached("SELECT body FROM gate_before WHERE rollout = ?1")
                    .and_then(|mut s| s.query_row([to_sql(rollout.0)], |row| row.get(0)).optional())
                    .map_err(StoreError::statement("read what hosts were like"))?;
                body.map(|body| decode("what hosts were like", &rollout, &body)).transpose()
            })
            .await
    }

    /// Keeps evidence and what was said of it, unless the last piece was the same.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn put_evidence(
        &self,
        rollout: RolloutId,
        evidence: Evidence,
        says: Assessment,
    ) -> Result<(), StoreError> {
        self.writer
            .run(move |conn| {
                let digest = says.evidence.to_string();
                if last(conn, rollout)?.is_some_and(|last| last == says.evidence) {
                    return Ok(());
                }
                let body = encode("evidence", &evidence)?;
                let said = encode("assessment", &says)?;
                conn.prepare_cached(
                    "INSERT INTO gate_evidence (rollout, at, digest, evidence, assessment)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )
                .and_then(|mut s| {
                    s.execute(params![to_sql(rollout.0), says.at.0, digest, body, said])
                })
                .map_err(StoreError::statement("write evidence"))?;
                thin(conn, rollout)
            })
            .await
    }

    /// Up to `limit` pieces of evidence of a rollout after the one numbered `after`.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn evidence(
        &self,
        rollout: RolloutId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<StoredEvidence>, StoreError> {
        self.reader
            .run(move |conn| {
                let failed = StoreError::statement("read evidence");
                let mut statement = conn
                    .prepare_cached(
                        "SELECT id, evidence, assessment FROM gate_evidence
                         WHERE rollout = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
                    )
                    .map_err(&failed)?;
                let rows = statement
                    .query_map(params![to_sql(rollout.0), to_sql(after), limit], |row| {
                        Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?))
                    })
                    .map_err(&failed)?;
                rows.map(|row| {
                    let (id, evidence, assessment) = row.map_err(&failed)?;
                    Ok(StoredEvidence { id: from_sql(id), evidence, assessment })
                })
                .collect()
            })
            .await
    }

    /// What was said of a rollout last; of each class, the last time that anything was said of it.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn last_assessment(
        &self,
        rollout: RolloutId,
    ) -> Result<Option<Assessment>, StoreError> {
        self.reader
            .run(move |conn| {
                let failed = StoreError::statement("read assessments");
                let mut statement = conn
                    .prepare_cached(
                        "SELECT assessment FROM gate_evidence WHERE rollout = ?1 ORDER BY id DESC",
                    )
                    .map_err(&failed)?;
                let rows = statement
                    .query_map([to_sql(rollout.0)], |row| row.get::<_, String>(0))
                    .map_err(&failed)?;
                let mut newest: Option<Assessment> = None;
                for row in rows {
                    let body = row.map_err(&failed)?;
                    let older: Assessment = decode("assessment", &rollout, &body)?;
                    match &mut newest {
                        None => newest = Some(older),
                        Some(known) => {
                            let news = older.classes.into_iter();
                            let missing: Vec<_> =
                                news.filter(|of| known.class(&of.class).is_none()).collect();
                            known.classes.extend(missing);
                        }
                    }
                }
                Ok(newest)
            })
            .await
    }
}

fn last(conn: &Connection, rollout: RolloutId) -> Result<Option<Digest>, StoreError> {
    let digest: Option<String> = conn
        .prepare_cached(
            "SELECT digest FROM gate_evidence WHERE rollout = ?1 ORDER BY id DESC LIMIT 1",
        )
        .and_then(|mut s| s.query_row([to_sql(rollout.0)], |row| row.get(0)).optional())
        .map_err(StoreError::statement("read the last evidence"))?;
    digest.map(|digest| super::json::parse("digest", &digest)).transpose()
}

fn thin(conn: &Connection, rollout: RolloutId) -> Result<(), StoreError> {
    conn.prepare_cached(
        "DELETE FROM gate_evidence WHERE id IN (
            SELECT id FROM (
                SELECT id, row_number() OVER (ORDER BY id) AS n, count(*) OVER () AS total
                FROM gate_evidence WHERE rollout = ?1
            ) WHERE total > ?2 AND n > 1 AND n < total AND n % 2 = 0
        )",
    )
    .and_then(|mut s| s.execute(params![to_sql(rollout.0), KEPT]))
    .map_err(StoreError::statement("thin out old evidence"))?;
    Ok(())
}
