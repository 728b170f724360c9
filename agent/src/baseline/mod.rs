//! What this host is like when nothing is wrong, for the controller to compare with afterwards.
//!
//! ```text
//!   /proc ──files──▶ counters ──sampler, every 10 s──▶ builder ──slot, every 5 min──▶ spool
//!   systemctl, journalctl ──services, every 5 min──▶ builder       controller ◀──courier──┘
//! ```
//!
//! `builder`, `counters`, `sampler::count` and `courier` are pure: they are handed texts and
//! clocks, so that simulated hosts use them as they are. Nothing here can hold the agent up or
//! fail it: what cannot be read is not measured, and a metric without values is left out.

mod builder;
mod counters;
mod courier;
mod device;
mod files;
mod frame;
mod recorder;
mod sampler;
mod services;
mod spool;

#[cfg(test)]
mod tests;

pub use builder::{Moment, SlotBuilder};
pub use counters::Counters;
pub use courier::Courier;
pub use recorder::{BaselineRules, Recorder, Told};
pub use sampler::{Plain, Sampler, count};
pub use services::ServiceTools;
pub use spool::{Opened, Spool};
