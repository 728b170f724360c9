//! What a gate can find before it starts: the smallest effect, the hosts and the time it takes.
//!
//! - [`scores`]: for measurements compared by ranks, the smallest shift of a class.
//! - [`reboots`]: which reboot-rate ratio an exposure can find, and the exposure for a ratio.
//! - [`plan`]: class by class and wave by wave, and which classes are too small.

pub mod plan;
pub mod reboots;
pub mod scores;
