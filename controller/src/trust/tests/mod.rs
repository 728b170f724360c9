//! Real handshakes over loopback, and what the authority and tokens refuse.

mod authority;
mod handshake;
mod site;
mod token;
