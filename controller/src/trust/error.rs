//! What can go wrong with the authority and with what it is asked to sign.

use std::path::PathBuf;

use wavegate_proto::tls::TlsError;

/// The authority cannot do, or refuses, what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A key or certificate file cannot be read or written.
    #[error(transparent)]
    File(#[from] TlsError),
    /// The authority's certificate is there and its key is not.
    #[error(
        "the authority's key is missing in {}; restore ca.key from a backup, or move the \
         directory away to begin anew (every host must then enrol again)",
        dir.display()
    )]
    NoKey {
        /// The directory.
        dir: PathBuf,
    },
    /// The authority's directory cannot be made.
    #[error("cannot make the directory {}: {source}", dir.display())]
    Directory {
        /// Which.
        dir: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The authority's own files do not fit each other.
    #[error("the authority in {} cannot be used: {problem}", dir.display())]
    Damaged {
        /// The directory.
        dir: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A signing request that is not signed by the key it is for, or cannot be read.
    #[error("the signing request is refused: {0}")]
    Request(String),
    /// A name that cannot stand in a certificate.
    #[error("`{name}` cannot be {what}: {expected}")]
    Name {
        /// What it was to be.
        what: &'static str,
        /// The name as given.
        name: String,
        /// What a valid one looks like.
        expected: &'static str,
    },
    /// A certificate that names nobody.
    #[error("the certificate is refused: {0}")]
    Certificate(String),
    /// The provider of cryptography refuses.
    #[error("cannot {attempt}: {problem}")]
    Crypto {
        /// What was attempted.
        attempt: &'static str,
        /// What it said.
        problem: String,
    },
}

pub(super) fn crypto(attempt: &'static str, error: &dyn std::fmt::Display) -> TrustError {
    TrustError::Crypto { attempt, problem: error.to_string() }
}
