//! The protocol: messages, services and every conversion between wire and domain.
//!
//! The types of the wire stay in here. A controller implements [`agent::AgentApi`] and an agent
//! uses [`agent::AgentClient`]; both speak the words of `wavegate-common`. What a host says of
//! itself never contains who it is: that comes from the certificate of the connection.

pub mod agent;
mod caller;
mod codec;
mod convert;
pub mod operator;
pub mod tls;

pub use caller::{Caller, Peer};
pub use convert::Invalid;

/// The compiled `.proto` files, for the reflection service.
pub const DESCRIPTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/wavegate.v1.bin"));

/// What the compiler made of the `.proto` files. Not for use outside this crate: it is public
/// only as far as the services' generated names are part of what a router takes.
mod wire {
    #![allow(
        clippy::all,
        clippy::allow_attributes_without_reason,
        clippy::pedantic,
        missing_debug_implementations,
        unreachable_pub,
        unused_qualifications,
        reason = "generated"
    )]
    tonic::include_proto!("wavegate.v1");
}
