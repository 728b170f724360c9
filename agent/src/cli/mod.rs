//! The command line. Every subcommand is one file that holds what it takes, what it does and
//! what it prints.

mod args;
mod check;
mod doctor;
mod enroll;
mod facts;
mod output;
mod run;
mod status;

pub use args::{Cli, Exit};
