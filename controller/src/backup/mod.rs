//! A copy of everything a controller must not lose, taken while it runs: see [`backup`].

mod copy;

pub use copy::*;
