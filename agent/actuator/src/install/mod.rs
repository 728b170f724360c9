//! `Stage`: getting a kernel onto the host without letting it become the default.

pub mod allow;
pub mod artifact;
pub mod packages;
pub mod pin;
pub mod stage;
