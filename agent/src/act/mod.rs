//! Carrying out what the machine decided: hooks, artifacts, and the root actuator.
//!
//! Nothing is decided here. One worker does one thing after another, in the order the machine
//! said, and answers for each.

mod actuator;
mod artifact;
mod worker;

#[cfg(test)]
pub(crate) use actuator::fake as testing;

pub use actuator::{Actuator, ActuatorError};
pub use artifact::{Artifact, ArtifactError, fetch};
pub use worker::{Job, Worker};
