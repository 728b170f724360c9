//! `wavegate gate`: the gate on plain files, without a controller.

mod judge;
mod read;
mod share;
mod text;

use clap::Subcommand;

use super::exit::Exit;
use super::failure::Failure;
use super::session::Session;

/// The gate on plain files.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Judge a metric from a CSV file: is it worse on the new kernel?
    Judge(judge::Judge),
}

pub(super) fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    match command {
        Command::Judge(args) => judge::run(args, session),
    }
}
