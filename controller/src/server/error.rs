//! Why a controller does not start, and what to do.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::artifact::ArtifactError;
use crate::config::ConfigError;
use crate::store::StoreError;
use crate::trust::TrustError;

/// Why it does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A value of the configuration cannot be as it is.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data directory cannot be made or written.
    #[error("cannot use the data directory {}: {source}; name another with `--data-dir`, or give this one to the user that runs the controller", path.display())]
    DataDir {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Somebody else listens there.
    #[error(
        "{address} is taken: another program listens there, perhaps another controller; stop it, or listen elsewhere with `--listen ADDRESS:PORT` (port 0 takes any free one)"
    )]
    PortInUse {
        /// Where.
        address: SocketAddr,
    },
    /// It cannot listen for another reason.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Receivers of alerts and sources of signals.
    #[error(transparent)]
    Authorities(#[from] crate::outbound::BadAuthorities),
    /// Keys and certificates.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// Files of hosts.
    #[error(transparent)]
    Artifacts(#[from] ArtifactError),
    /// A file that tells others how to reach the controller.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The server broke.
    #[error("the server broke off: {0}")]
    Serve(String),
}
