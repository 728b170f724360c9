//! The gate: from evidence to a [`Verdict`]. Pure; floats live here and leave as integers.
//!
//! [`boot::judge`] is the first gate: every host came back on the right kernel in time, none
//! rebooted unasked, and the checks of each pass. It looks at counts of hosts against the
//! thresholds of the specification.

pub mod boot;
pub mod fleet;
pub mod interval;
pub mod perf;

pub use boot::{BadHost, ClassEvidence, WaveEvidence, judge};
