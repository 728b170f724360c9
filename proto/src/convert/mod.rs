//! Every conversion between wire and domain.
//!
//! Reading is where a message is checked: what is missing, of an unknown kind or too large is an
//! [`Invalid`] that names the field. Writing cannot fail. Nothing outside this crate sees a type
//! of the wire.

mod alert;
mod baseline;
pub(crate) mod field;
mod gate;
mod host;
pub(crate) mod invalid;
mod link;
mod rollout;
pub(crate) mod shape;
mod spec;
#[cfg(test)]
mod tests;
mod view;

pub(crate) use field::OnWire;
pub use invalid::Invalid;
pub(crate) use invalid::{At, CERTIFICATE, CHUNK, NAME, PAGE, USUAL};
pub(crate) use link::{
    agent_message, controller_message, write_agent_message, write_controller_message,
};
pub(crate) use shape::record;
