//! `wavegate gate`: the gate's statistics on plain files, without a controller.

mod judge;
mod read;
pub mod reboot_file;
pub mod reboots;
mod share;
mod text;

use clap::Subcommand;

use super::exit::Exit;
use super::failure::Failure;
use super::session::Session;

/// The gate's statistics.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Judge a metric from a CSV file: is it worse on the new kernel?
    Judge(judge::Judge),
    /// Judge reboots from a CSV file: do canaries reboot unasked sooner than controls?
    Reboots(reboots::Reboots),
}

pub(super) fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    match command {
        Command::Judge(args) => judge::run(args, session),
        Command::Reboots(args) => reboots::run(args, session),
    }
}
