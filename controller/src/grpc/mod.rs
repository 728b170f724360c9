//! The calls of agents and operators. Handlers look things up and pass things on; what is decided
//! is decided by the driver.

mod agents;
mod alerts;
mod api;
mod gate;
mod hosts;
mod kernels;
mod log;
mod lookup;
mod near;
mod operators;
mod plan;
mod refusals;
mod rollouts;
mod signals;
mod status;
mod tokens;
mod watch;

pub use api::{Api, Parts};
pub use operators::Service;
pub use refusals::Refusals;
