//! The gate: from evidence to a [`Verdict`]. Pure; floats live here and leave as integers.
//!
//! [`boot::judge`] is the first gate: every host came back on the right kernel in time, none
//! rebooted unasked, and the checks of each pass. It looks at counts of hosts against the
//! thresholds of the specification.
//!
//! [`reboots`] asks whether canaries reboot unasked sooner than controls; [`power`] what can be
//! found before anything starts.
//!
//! [`Verdict`]: wavegate_common::Verdict

pub mod ambient;
pub mod boot;
pub mod boots;
pub mod counts;
pub mod enrich;
pub mod family;
pub mod fleet;
pub mod hypergeometric;
pub mod interval;
pub mod perf;
pub mod power;
pub mod reboots;
pub mod signature;

pub use boot::{BadHost, ClassEvidence, WaveEvidence, judge};
