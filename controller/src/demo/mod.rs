//! The demo: the real controller as a process of its own, and simulated hosts in this one, each
//! with the real agent machine on its own real mTLS connection. Needs no root and no network but
//! loopback.
//!
//! What it reports at the end comes from the simulated hosts themselves, not from what the
//! controller believes. It deliberately has no way into the controller but the operators' API.

mod controller;
mod directory;
mod driver;
mod ending;
mod fleet;
mod follow;
mod ground;
mod measures;
mod outcome;
mod recipe;
mod scenario;
mod setup;
mod show;
mod stage;
mod story;

pub use outcome::{DemoHosts, DemoOutcome, DemoRollout, DemoWave};
pub use scenario::Scenario;
pub use story::{Settings, run};
