//! `/etc/wavegate/agent.yaml`: what a person decides about this agent.
//!
//! Every field but `controller` is optional; an unknown one is an error, because a misspelt
//! `observe` would otherwise be a host that changes kernels against its owner's will.

mod error;
mod file;
mod settings;

pub use error::ConfigError;
pub use settings::{DEFAULT_PATH, Hooks, Settings};
