//! The deterministic simulator: the shipping core and the shipping agent machine on simulated
//! hosts, links, clocks and a simulated store. One seed decides everything.
//!
//! A run has a safety phase, in which anything may break, and after `heal` a liveness phase on a
//! fair network, at whose end the fleet must have come to rest. Invariants are judged from what
//! really happened, by code that shares nothing with the core's own second opinion.
//!
//! It deliberately has no sockets, no SQLite and no real time: the demo and the tests of the
//! controller cover those.

mod compare;
mod controller;
mod drive;
mod faults;
mod hostile;
mod hosts;
pub mod invariants;
mod network;
mod operator;
mod options;
mod queue;
mod step;
mod store;
mod trace;
mod view;
mod words;
mod world;

pub use invariants::Violation;
pub use network::Weather;
pub use options::{Breadth, FaultCounts, Options, Wanted, release, spec};
pub use trace::{Line, clock, short_clock};
pub use view::moment;
pub use world::World;
