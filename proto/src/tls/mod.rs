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
mod provider;
mod session;

pub use client::{Identity, Validity, client_config};
pub use connect::{causes, connect};
pub use error::TlsError;
pub use file::{read_secret, write_public, write_secret};
pub use key::HostKey;
pub use provider::provider;
