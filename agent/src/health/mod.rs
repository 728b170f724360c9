//! Whether this host does its work: systemd's failed units, and executables of the operator.
//!
//! A unit that had failed before the agent first looked does not count, because hosts with an old
//! wound would otherwise never be updated; it is named in the detail all the same, and it counts
//! again once it has recovered. A check that could not be carried out did not pass.

mod baseline;
mod check;
mod scripts;
mod units;

pub use baseline::UnitBaseline;
pub use check::{HealthRules, check, load_baseline, refresh_baseline};
