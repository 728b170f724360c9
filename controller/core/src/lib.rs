//! The heart: `decide`, `apply`, `check`.
//!
//! Pure: what comes out follows from what goes in. No clock, no randomness, no I/O, no async;
//! the crate wall and `clippy.toml` hold it.
//!
//! * [`prepare`](prepare::prepare) turns a specification and an inventory into a rollout.
//! * [`decide`](decide::decide) reads everything and says what to do next; it changes nothing.
//! * [`apply`](apply::apply) is the only way a rollout changes.
//! * [`check`](check::check) judges a plan with other code than `decide`.
//! * [`request`](request::request) turns what an operator wants into events.

pub mod apply;
pub mod calendar;
pub mod check;
pub mod decide;
pub mod event;
pub mod input;
pub mod policy;
pub mod prepare;
pub mod request;
pub mod sabotage;
pub mod state;
#[cfg(test)]
mod testbed;

pub use apply::{IllegalTransition, apply, apply_to};
pub use check::check;
pub use decide::decide;
pub use event::{Event, HostChange, RolloutChange};
pub use input::{Plan, PlanningInput, Violation};
pub use policy::Policy;
pub use prepare::{ClassCoverage, PrepareError, Prepared, Proposal, prepare};
pub use request::{Refused, Request, request};
pub use state::{KnownBad, KnownBadEntry, Rollout, WaveShape};
