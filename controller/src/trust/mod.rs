//! Who may talk to the controller: its own authority, certificates, tokens, and the accepting
//! side of TLS.
//!
//! Identity is what a verified certificate says and nothing else. Hosts are named by their keys,
//! so a certificate for another host's name cannot be had without its key. What is kept on disk
//! is the authority's key and certificate; tokens and their use are kept by the store.

mod authority;
mod error;
mod incoming;
mod peer;
mod server;
#[cfg(test)]
mod tests;
mod token;

pub use authority::{Authority, HostCertificate, Lives, OperatorCertificate};
pub use error::TrustError;
pub use incoming::{Accepting, Incoming, Refused, TlsConnection};
pub use peer::peer_of;
pub use server::{ServerIdentity, http2, server_config};
pub use token::{Claim, EnrolToken, MAX_TOKEN_LIFE, Token, TokenRefused, check};
