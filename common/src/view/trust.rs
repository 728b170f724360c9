//! Operators, tokens, versions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::BadId;
use crate::selector::Selector;
use crate::time::Timestamp;

/// What an operator may do. Each role may do what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look.
    Viewer,
    /// Hold hosts, start and stop rollouts.
    Operator,
    /// Say who may join and which kernels there are.
    Admin,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        })
    }
}

impl FromStr for Role {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        match text {
            "viewer" => Ok(Self::Viewer),
            "operator" => Ok(Self::Operator),
            "admin" => Ok(Self::Admin),
            _ => Err(BadId {
                kind: "role",
                text: text.to_owned(),
                expected: "`viewer`, `operator` or `admin`",
            }),
        }
    }
}

/// Who may use an enrolment token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TokenBinding {
    /// The host of one name.
    Host {
        /// Its name.
        name: String,
    },
    /// Any one host with fitting labels.
    Hosts {
        /// Which labels.
        selector: Selector,
    },
    /// A person.
    Operator {
        /// Their name in the audit log.
        name: String,
        /// What they will be allowed to do.
        role: Role,
    },
}

impl fmt::Display for TokenBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { name } => write!(f, "host {name}"),
            Self::Hosts { selector } => write!(f, "a host with {selector}"),
            Self::Operator { name, role } => write!(f, "{role} {name}"),
        }
    }
}

/// Whether an enrolment token still admits. That its time is over is not kept, but seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TokenState {
    /// Nobody has used it.
    Open,
    /// It has admitted somebody.
    Used {
        /// When.
        at: Timestamp,
        /// The host id or the operator's name.
        by: String,
    },
    /// Somebody took it back.
    Revoked {
        /// When.
        at: Timestamp,
        /// Who.
        by: String,
    },
}

/// An enrolment token without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenView {
    /// The first 12 digits of its digest: what `token revoke` takes.
    pub id: String,
    /// Who may use it.
    pub binding: TokenBinding,
    /// Who made it.
    pub made_by: String,
    /// When.
    pub made_at: Timestamp,
    /// Their words.
    pub reason: String,
    /// When it ends.
    pub expires: Timestamp,
    /// Whether it still admits.
    pub state: TokenState,
}

/// Every token.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TokenList {
    /// The newest first.
    pub tokens: Vec<TokenView>,
}

/// A new token. Its secret is shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenMade {
    /// The secret.
    pub secret: String,
    /// The rest.
    pub token: TokenView,
}

impl fmt::Debug for TokenMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenMade").field("token", &self.token).finish_non_exhaustive()
    }
}

/// An operator's first certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorEnrolled {
    /// The certificate.
    pub certificate_pem: String,
    /// The authorities to trust.
    pub ca_pem: String,
    /// Their name in the audit log.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// When the certificate ends.
    pub not_after: Timestamp,
}

/// Who calls, as the controller sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoView {
    /// Their name in the audit log.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

/// The controller's program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionView {
    /// Its version.
    pub version: String,
    /// The protocol it speaks, for example `wavegate.v1`.
    pub protocol: String,
}
