//! The one place where something is decided: facts and requests in, committed plans out.
//!
//! The driver owns the fleet as it is known. It wakes when something came in, and every few
//! seconds by itself; then it plans with the pure core, lets the plan be judged by other code,
//! commits it, and only then tells anybody. Requests of operators go through the same loop one
//! by one, so that no permit can be given after a pause was answered with "done".
//!
//! It runs on a thread of its own: a long pass makes no stream wait, and a storm of streams does
//! not keep it from planning.

mod act;
mod adopt;
mod attach;
mod draft;
mod handle;
mod message;
mod pass;
mod propose;
mod run;
mod world;

#[cfg(test)]
mod tests;

pub use act::{Actor, Ask, Done, Refusal};
pub use handle::{DriverHandle, Stopped};
pub use message::{Attach, Attached, Message};
pub use propose::{Fleet, Membership, Proposed, propose};
pub use run::{DriverSettings, start};
pub use world::World;
