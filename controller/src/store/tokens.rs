//! Enrolment tokens, by digest. A token is used at most once, by whoever commits first.

use rusqlite::{Connection, OptionalExtension, Row, params};
use wavegate_common::view::TokenState;
use wavegate_common::{Digest, Timestamp};

use super::error::StoreError;
use super::json::{decode, encode, parse};
use crate::trust::EnrolToken;

/// A token as it is kept, with why it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// The token without its secret.
    pub token: EnrolToken,
    /// Why it was made.
    pub reason: String,
}

impl StoredToken {
    /// What people call it by: the first digits of its digest, which say nothing of the secret.
    #[must_use]
    pub fn id(&self) -> String {
        let mut digits = self.token.digest.to_string();
        digits.truncate(12);
        digits
    }
}

const COLUMNS: &str = "digest, binding, made_at, made_by, reason, expires_at, used_at, used_by, revoked_at, revoked_by";

struct TokenRow {
    digest: String,
    binding: String,
    made_at: i64,
    made_by: String,
    reason: String,
    expires_at: i64,
    used: (Option<i64>, Option<String>),
    revoked: (Option<i64>, Option<String>),
}

impl TokenRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            digest: row.get(0)?,
            binding: row.get(1)?,
            made_at: row.get(2)?,
            made_by: row.get(3)?,
            reason: row.get(4)?,
            expires_at: row.get(5)?,
            used: (row.get(6)?, row.get(7)?),
            revoked: (row.get(8)?, row.get(9)?),
        })
    }
}

impl TryFrom<TokenRow> for StoredToken {
    type Error = StoreError;

    fn try_from(row: TokenRow) -> Result<Self, StoreError> {
        let state = match (row.used, row.revoked) {
            ((Some(at), by), _) => {
                TokenState::Used { at: Timestamp(at), by: by.unwrap_or_default() }
            }
            (_, (Some(at), by)) => {
                TokenState::Revoked { at: Timestamp(at), by: by.unwrap_or_default() }
            }
            ((None, _), (None, _)) => TokenState::Open,
        };
        let token = EnrolToken {
            binding: decode("token", &row.digest, &row.binding)?,
            digest: parse("digest", &row.digest)?,
            made_by: row.made_by,
            made_at: Timestamp(row.made_at),
            expires: Timestamp(row.expires_at),
            state,
        };
        Ok(Self { token, reason: row.reason })
    }
}

pub(super) fn add(conn: &Connection, stored: &StoredToken) -> Result<(), StoreError> {
    let StoredToken { token, reason } = stored;
    let binding = encode("token", &token.binding)?;
    conn.execute(
        "INSERT INTO tokens (id, digest, binding, made_at, made_by, reason, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            stored.id(),
            token.digest.to_string(),
            binding,
            token.made_at.0,
            token.made_by,
            reason,
            token.expires.0
        ],
    )
    .map_err(StoreError::statement("write a token"))?;
    Ok(())
}

/// All tokens, newest first, at most `limit`.
pub(super) fn list(conn: &Connection, limit: u32) -> Result<Vec<StoredToken>, StoreError> {
    let failed = StoreError::statement("read tokens");
    let sql = format!("SELECT {COLUMNS} FROM tokens ORDER BY made_at DESC, id LIMIT ?1");
    let mut statement = conn.prepare_cached(&sql).map_err(&failed)?;
    let rows = statement.query_map([limit], TokenRow::read).map_err(&failed)?;
    rows.map(|row| row.map_err(&failed)?.try_into()).collect()
}

pub(super) fn find(conn: &Connection, digest: Digest) -> Result<Option<StoredToken>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM tokens WHERE digest = ?1");
    conn.prepare_cached(&sql)
        .and_then(|mut s| s.query_row([digest.to_string()], TokenRow::read).optional())
        .map_err(StoreError::statement("read a token"))?
        .map(StoredToken::try_from)
        .transpose()
}

pub(super) fn by_id(conn: &Connection, id: &str) -> Result<Option<StoredToken>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM tokens WHERE id = ?1");
    conn.prepare_cached(&sql)
        .and_then(|mut s| s.query_row([id], TokenRow::read).optional())
        .map_err(StoreError::statement("read a token"))?
        .map(StoredToken::try_from)
        .transpose()
}

/// Takes the token's one use. The caller has checked everything else in the same transaction.
pub(super) fn take(
    conn: &Connection,
    id: &str,
    by: &str,
    at: Timestamp,
) -> Result<bool, StoreError> {
    conn.execute(
        "UPDATE tokens SET used_at = ?2, used_by = ?3
         WHERE id = ?1 AND used_at IS NULL AND revoked_at IS NULL",
        params![id, at.0, by],
    )
    .map(|changed| changed == 1)
    .map_err(StoreError::statement("use a token"))
}

/// Revokes a token that has not been used; says whether there was one.
pub(super) fn revoke(
    conn: &Connection,
    id: &str,
    by: &str,
    at: Timestamp,
) -> Result<bool, StoreError> {
    conn.execute(
        "UPDATE tokens SET revoked_at = ?2, revoked_by = ?3
         WHERE id = ?1 AND used_at IS NULL AND revoked_at IS NULL",
        params![id, at.0, by],
    )
    .map(|changed| changed == 1)
    .map_err(StoreError::statement("revoke a token"))
}
