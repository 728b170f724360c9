//! `wavegate gate`: the gate's statistics, on plain files and behind the verdicts of rollouts.

mod judge;
mod read;
pub mod reboot_file;
pub mod reboots;
mod rollout;
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
    /// Show what is said of a rollout: effect, interval and evidence by class and metric
    Show(rollout::Show),
    /// Compute every verdict of a rollout again from what it was made from
    Replay(rollout::Replay),
}

pub(super) fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    match command {
        Command::Judge(args) => judge::run(args, session),
        Command::Reboots(args) => reboots::run(args, session),
        Command::Show(args) => session.block_on(rollout::show(args, session)),
        Command::Replay(args) => session.block_on(rollout::replay(args, session)),
    }
}
