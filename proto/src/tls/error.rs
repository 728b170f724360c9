//! What can go wrong with keys, certificates and connections.

use std::io;
use std::path::PathBuf;

/// A key, a certificate or a connection that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("cannot {attempt} {}: {source}", path.display())]
    File {
        /// "read", "write", …
        attempt: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others than the owner can read a private key.
    #[error(
        "{path} can be read by others (mode {mode:o}); if nobody copied it, run `chmod 600 {path}`",
        path = path.display()
    )]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Text that is not the PEM it should be.
    #[error("{what} cannot be read: {problem}")]
    Pem {
        /// What it should be.
        what: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The certificate is for another key.
    #[error("the certificate is not for this key; enrol again to get one that is")]
    OtherKey,
    /// The provider of cryptography refuses.
    #[error("cannot {attempt}: {problem}")]
    Crypto {
        /// What was attempted.
        attempt: &'static str,
        /// What it said.
        problem: String,
    },
    /// Not `host:port`.
    #[error(
        "`{address}` is not an address: write `host:port`, as in `controller.example.org:7400`"
    )]
    Address {
        /// The text as given.
        address: String,
    },
    /// The controller cannot be reached, or is not who it should be.
    #[error("cannot connect to {address}: {problem}")]
    Connect {
        /// Where to.
        address: String,
        /// Every cause, from the outermost in.
        problem: String,
    },
}
