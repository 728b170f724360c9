//! The command line of `fleet-sim`.

mod args;
mod batch;
mod bench;
mod judge;
mod repl;
mod replay;
mod run;
mod sabotage;

pub use args::main;
pub use batch::{Batch, FirstViolation, run_seeds};
