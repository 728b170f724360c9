//! The client's side of TLS, for agents and operators: a key that stays where it was made, a
//! certificate that can be exchanged while connections live, and a way to the controller.
//!
//! TLS 1.3 only, on one provider of cryptography. The server is known by an authority that is
//! handed over at enrolment; the system's authorities are never asked.

mod client;
mod connect;
mod error;
mod file;
mod key;
mod session;

pub use client::{Identity, Validity, client_config};
pub use connect::{causes, connect};
pub use error::TlsError;
pub use file::{read_secret, write_public, write_secret};
pub use key::HostKey;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// The one provider of cryptography.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
