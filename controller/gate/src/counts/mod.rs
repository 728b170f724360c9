//! Errors of applications, by host and time slot.
//!
//! Errors come in heaps: one host with a bad disk or a bad client makes most of them. So the
//! unit is the host again. Where errors are rare, a host counts once, in the slot of its first
//! errors; where they are common, it counts once, in the slot in which it leaves the range of its
//! class far behind. Either way a single host, however many its errors, is one event.
//!
//! - [`hosts`]: when a host has gone bad, and who could have.
//! - [`judge`]: the e-process over slots and the verdict.
//!
//! A small change of a common rate is not seen here: [`score`] gives the number per host that
//! the rank tests compare.

pub mod hosts;
pub mod judge;

pub use hosts::{HostCounts, Slot, score};
pub use judge::{Counts, Minimum, Rules, judge};
