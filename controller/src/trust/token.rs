//! Enrolment tokens: single use, bound to who may use them, and soon over.
//!
//! A token is 256 random bits. Only its digest is kept, so that a copy of the database admits
//! nobody. Marking one as used, once, is the store's business; whether it may be used is here.

use std::fmt;

use serde::{Deserialize, Serialize};
use wavegate_common::view::{TokenBinding, TokenState};
use wavegate_common::{Digest, Labels, Millis, Timestamp};
use wavegate_proto::tls::provider;

use super::error::{TrustError, crypto};

const PREFIX: &str = "wg1-";
/// The longest life of a token.
pub const MAX_TOKEN_LIFE: Millis = Millis::hours(30 * 24);

/// A token's text, as it is handed to whoever may enrol. Never logged, never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Draws one.
    ///
    /// # Errors
    /// [`TrustError::Crypto`]: there are no random numbers.
    pub fn generate() -> Result<Self, TrustError> {
        let mut secret = [0u8; 32];
        provider()
            .secure_random
            .fill(&mut secret)
            .map_err(|_| crypto("draw a token", &"no random numbers"))?;
        // A digest is written as 64 hexadecimal digits, and so are 32 random bytes.
        Ok(Self(format!("{PREFIX}{}", Digest(secret))))
    }

    /// The digest of a token's text: what is kept of it, and how it is found again. None if the
    /// text cannot be a token.
    #[must_use]
    pub fn digest_of(text: &str) -> Option<Digest> {
        let secret: Digest = text.trim().strip_prefix(PREFIX)?.parse().ok()?;
        Some(Digest::of(&secret.0))
    }

    /// The text. A secret.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Self::digest_of(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolToken {
    /// Digest of its secret.
    pub digest: Digest,
    /// Who may use it.
    pub binding: TokenBinding,
    /// Who made it.
    pub made_by: String,
    /// When.
    pub made_at: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// Whether it has been used or revoked.
    pub state: TokenState,
}

/// What whoever shows a token says of itself.
#[derive(Debug, Clone, Copy)]
pub enum Claim<'a> {
    /// A host wants to join.
    Host {
        /// The name it goes by.
        name: &'a str,
        /// Its labels.
        labels: &'a Labels,
    },
    /// An operator wants a certificate; name and role are the token's.
    Operator,
}

/// Why a token does not admit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    /// Not a token, or none that this controller knows.
    #[error("the token is not known here; ask for a new one: `wavegate token create`")]
    Unknown,
    /// Too late.
    #[error("the token has expired; ask for a new one: `wavegate token create`")]
    Expired,
    /// It was used.
    #[error("the token was used already, by {by}; a token admits once")]
    Used {
        /// By whom.
        by: String,
    },
    /// Somebody took it back.
    #[error("the token was revoked")]
    Revoked,
    /// It is for somebody else.
    #[error("the token is for {bound}, not for {claimed}")]
    OtherHolder {
        /// Whom it is for.
        bound: String,
        /// Who showed it.
        claimed: String,
    },
}

/// Whether a token admits whoever shows it.
///
/// # Errors
/// Why it does not.
pub fn check(token: &EnrolToken, now: Timestamp, claim: Claim<'_>) -> Result<(), TokenRefused> {
    match &token.state {
        TokenState::Open => {}
        TokenState::Used { by, .. } => return Err(TokenRefused::Used { by: by.clone() }),
        TokenState::Revoked { .. } => return Err(TokenRefused::Revoked),
    }
    if now >= token.expires || now < token.made_at {
        return Err(TokenRefused::Expired);
    }
    let fits = match (&token.binding, claim) {
        (TokenBinding::Host { name }, Claim::Host { name: claimed, .. }) => name == claimed,
        (TokenBinding::Hosts { selector }, Claim::Host { labels, .. }) => selector.matches(labels),
        (TokenBinding::Operator { .. }, Claim::Operator) => true,
        (TokenBinding::Operator { .. }, Claim::Host { .. })
        | (TokenBinding::Host { .. } | TokenBinding::Hosts { .. }, Claim::Operator) => false,
    };
    if fits {
        return Ok(());
    }
    let claimed = match claim {
        Claim::Host { name, .. } => format!("host {name}"),
        Claim::Operator => "an operator".to_owned(),
    };
    Err(TokenRefused::OtherHolder { bound: token.binding.to_string(), claimed })
}
