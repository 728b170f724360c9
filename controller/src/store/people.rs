//! Who may join: tokens and operators, with the hosts that come by them.

use wavegate_common::{Digest, HostId};

use super::error::StoreError;
use super::handle::Store;
use super::operators::StoredOperator;
use super::tokens::StoredToken;
use super::{audit, hosts, operators, tokens};
use crate::audit::Entry;
use crate::trust::{EnrolToken, TokenRefused};

/// Who joins with a token.
#[derive(Debug, Clone)]
pub enum Joins {
    /// A host.
    Host {
        /// Of this key.
        id: HostId,
        /// Of this name.
        name: String,
    },
    /// A person.
    Operator(StoredOperator),
}

impl Store {
    /// Keeps a new token.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn add_token(&self, token: StoredToken, entry: Entry) -> Result<(), StoreError> {
        self.writer
            .run(move |conn| {
                tokens::add(conn, &token)?;
                audit::append(conn, &[entry])
            })
            .await
    }

    /// Tokens, newest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn tokens(&self, limit: u32) -> Result<Vec<StoredToken>, StoreError> {
        self.reader.run(move |conn| tokens::list(conn, limit)).await
    }

    /// The token of a digest.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn token(&self, digest: Digest) -> Result<Option<StoredToken>, StoreError> {
        self.reader.run(move |conn| tokens::find(conn, digest)).await
    }

    /// Revokes an unused token by the first digits of its digest.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if there is none, or it is used or revoked already.
    pub async fn revoke_token(&self, id: String, entry: Entry) -> Result<StoredToken, StoreError> {
        self.writer
            .run(move |conn| {
                if tokens::revoke(conn, &id, &entry.who, entry.at)? {
                    audit::append(conn, &[entry])?;
                }
                tokens::by_id(conn, &id)?.ok_or_else(|| {
                    StoreError::Refused(format!(
                        "there is no token `{id}`; `wavegate token list` shows all"
                    ))
                })
            })
            .await
    }

    /// Uses a token for a new host: check, take and audit in one transaction, so that of two
    /// who show the same token one is refused.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with the reason that `admit` gives, or if it is used up.
    pub async fn use_token(
        &self,
        digest: Digest,
        entry: Entry,
        admit: impl FnOnce(&EnrolToken) -> Result<Joins, String> + Send + 'static,
    ) -> Result<(), StoreError> {
        self.writer
            .run(move |conn| {
                let stored = tokens::find(conn, digest)?
                    .ok_or_else(|| StoreError::Refused(TokenRefused::Unknown.to_string()))?;
                let joins = admit(&stored.token).map_err(StoreError::Refused)?;
                if !tokens::take(conn, &stored.id(), &entry.target, entry.at)? {
                    return Err(StoreError::Refused("the token was used already".to_owned()));
                }
                match &joins {
                    Joins::Host { id, name } => hosts::enroll(conn, *id, name, entry.at)?,
                    Joins::Operator(operator) => operators::put(conn, operator)?,
                }
                audit::append(conn, &[entry])
            })
            .await
    }

    /// Lets an operator in, or changes their role.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn put_operator(
        &self,
        operator: StoredOperator,
        entry: Entry,
    ) -> Result<(), StoreError> {
        self.writer
            .run(move |conn| {
                operators::put(conn, &operator)?;
                audit::append(conn, &[entry])
            })
            .await
    }

    /// Everybody who may call, or might once.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn operators(&self) -> Result<Vec<StoredOperator>, StoreError> {
        self.reader.run(operators::list).await
    }
}
