//! Simulator, scenarios and tests over several crates.

pub mod cli;
pub mod judge;
pub mod repl;
pub mod sim;
