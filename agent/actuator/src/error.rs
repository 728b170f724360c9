//! Why something was not done.

use std::io;
use std::path::{Path, PathBuf};

use wavegate_common::actuator::{Reason, Refusal};

/// What can stand against a request.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system said no.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was attempted, for example "read".
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The peer is neither root nor the agent.
    #[error("user {uid} may not ask the actuator for anything")]
    NotAllowed {
        /// The user of the peer.
        uid: u32,
    },
    /// The request cannot be read or is not served here.
    #[error("bad request: {0}")]
    BadRequest(String),
    /// The request takes something for granted that is not so.
    #[error("{what}")]
    Precondition {
        /// What is not so.
        what: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// It could not be done in a way from which the host finds back by itself.
    #[error("{what}")]
    Unsafe {
        /// What is missing.
        what: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// A package or file is not of the kind that may be installed, or not what was announced.
    #[error("{what}")]
    Untrusted {
        /// What is wrong with it.
        what: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// A program ended with failure or not at all.
    #[error("{program} {outcome}: {output}")]
    Program {
        /// Which.
        program: String,
        /// How it ended.
        outcome: String,
        /// The end of what it wrote.
        output: String,
    },
}

impl Error {
    /// For `map_err` on a file operation.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }

    pub(crate) fn precondition(what: impl Into<String>, hint: &'static str) -> Self {
        Self::Precondition { what: what.into(), hint }
    }

    pub(crate) fn unsafe_now(what: impl Into<String>, hint: &'static str) -> Self {
        Self::Unsafe { what: what.into(), hint }
    }

    pub(crate) fn untrusted(what: impl Into<String>, hint: &'static str) -> Self {
        Self::Untrusted { what: what.into(), hint }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let (reason, hint) = match error {
            Error::NotAllowed { .. } => (Reason::NotAllowed, "only root and the agent's user may"),
            Error::BadRequest(_) => {
                (Reason::BadRequest, "agent and actuator must be of the same release")
            }
            Error::Precondition { hint, .. } => (Reason::Precondition, hint),
            Error::Unsafe { hint, .. } => (Reason::Unsafe, hint),
            Error::Untrusted { hint, .. } => (Reason::Untrusted, hint),
            Error::Io { .. } | Error::Program { .. } => {
                (Reason::Failed, "see the journal of the actuator's units on the host")
            }
        };
        Self { reason, message, hint: hint.to_owned() }
    }
}
