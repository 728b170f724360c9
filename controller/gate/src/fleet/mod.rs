//! A whole rollout: every class and metric together, with one chance of error for all of them.
//!
//! [`Evidence`] is what was measured, small enough to be kept; [`assess`] turns it into an
//! assessment and into nothing else, so that whoever holds the evidence can do it again.

mod assess;
mod evidence;
mod levels;
mod reboots;
mod signals;
#[cfg(test)]
mod tests;

pub use assess::assess;
pub use evidence::{
    Arm, ClassMeasures, Evidence, HostMeasures, HostRisk, Pair, SignalHost, SignalMeasures,
};
pub use levels::{Readings, levels};
