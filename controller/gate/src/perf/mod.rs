//! The performance gate: is a metric worse on the new kernel, class by class?
//!
//! The unit is the host-boot, not the sample. [`judge_class`] judges one metric of one class,
//! [`judge_family`] many with one chance of error. What is computed, and from which papers:
//! docs/reference/gate.md.

mod bad;
pub mod eprocess;
mod evidence;
mod family;
mod input;
mod judge;
pub mod looks;
mod outcome;
mod quality;
pub mod ranksum;
mod reference;
mod robust;
mod scale;
mod score;
mod shape;
pub mod shift;
#[cfg(test)]
mod simulate;
pub mod small;
#[cfg(test)]
mod tests;

pub use family::{Task, judge_class, judge_family, overall};
pub use input::{Arm, Better, ClassRows, HostRows, Plan, Sample};
pub use judge::{FEWEST_CANARIES, FEWEST_CONTROLS, FEWEST_CONTROLS_FOR_PASS, FEWEST_FOR_PASS};
pub use outcome::{Call, Judged, Look, Test};
pub use quality::find_gaps;
pub use shape::Shape;
