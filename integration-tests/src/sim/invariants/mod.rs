//! The invariants, judged from what really happened and from what was really committed. Nothing
//! here calls the core's `check`, and nothing of the core calls this.
//!
//! | file | invariants |
//! |---|---|
//! | `disruption` | I1 budgets of what is really away |
//! | `orders` | I2 one order, one reboot; I6 generations; I8 no order, no act; permits |
//! | `waves` | I3 waves and gates; I9 data; I14 the controller's host goes last |
//! | `pauses` | I4 nothing begins once a stop is durable |
//! | `slots` | I7 a slot is freed by evidence |
//! | `boots` | I11 the default entry is a proven kernel; I13 no second try after a fall back |
//! | `rest` | I10 the fleet comes to rest |
//!
//! I5 is held here only as far as that a committed event must apply; kill -9 of the real store is a
//! test of the controller. I12 is a test over whole runs: equal seeds give equal hashes.

mod boots;
mod disruption;
mod facts;
mod judge;
mod orders;
mod pauses;
mod rest;
mod slots;
mod violation;
mod waves;

pub(super) use judge::{Instants, Judge};
pub use violation::Violation;
