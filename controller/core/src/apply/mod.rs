//! The only way a rollout changes: `apply`, for the store, for replay and for the simulator.
//!
//! `host` holds what can happen to a host, `rollout` what can happen to the whole.

mod host;
mod rollout;
#[cfg(test)]
mod tests;

pub(crate) use host::change_host;
pub(crate) use rollout::apply_phase;
pub use rollout::{IllegalTransition, apply, apply_to};
