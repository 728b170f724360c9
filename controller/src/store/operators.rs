//! People with certificates: who was let in, by whom, and as what. What a caller may do stands in
//! the certificate; this is the list that people look through. Shutting somebody out before
//! their certificate ends is not there yet.

use rusqlite::{Connection, params};
use wavegate_common::Timestamp;
use wavegate_common::view::Role;

use super::error::StoreError;
use super::json::parse;

/// A person who may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOperator {
    /// Their name, as in the certificate.
    pub name: String,
    /// What they may do at most.
    pub role: Role,
    /// Since when.
    pub added_at: Timestamp,
    /// Who let them in.
    pub added_by: String,
}

pub(super) fn put(conn: &Connection, operator: &StoredOperator) -> Result<(), StoreError> {
    let StoredOperator { name, role, added_at, added_by } = operator;
    conn.execute(
        "INSERT INTO operators (name, role, added_at, added_by) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (name) DO UPDATE SET role = excluded.role, added_at = excluded.added_at,
            added_by = excluded.added_by",
        params![name, role.to_string(), added_at.0, added_by],
    )
    .map_err(StoreError::statement("write an operator"))?;
    Ok(())
}

pub(super) fn list(conn: &Connection) -> Result<Vec<StoredOperator>, StoreError> {
    type Columns = (String, String, i64, String);
    let failed = StoreError::statement("read operators");
    let mut statement = conn
        .prepare_cached("SELECT name, role, added_at, added_by FROM operators ORDER BY name")
        .map_err(&failed)?;
    let rows = statement
        .query_map([], |row| -> rusqlite::Result<Columns> {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .map_err(&failed)?;
    rows.map(|row| {
        let (name, role, added_at, added_by) = row.map_err(&failed)?;
        Ok(StoredOperator {
            name,
            role: parse("role", &role)?,
            added_at: Timestamp(added_at),
            added_by,
        })
    })
    .collect()
}
