//! What can be asked for, and with which exit status it ends.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::{check, doctor, enroll, facts, run, status};
use crate::config::DEFAULT_PATH;
use crate::observe::{boot_facts, mark_shutdown};
use crate::root::Root;

const EXITS: &str = "Exit status: 0 done, and what was asked about is well; \
    1 it failed, or what was asked about is not well; 2 wrong usage or configuration.";

/// The agent of wavegate: reports this host, and changes its kernel when it holds a permit.
#[derive(Debug, Parser)]
#[command(name = "wavegate-agent", version, about, after_help = EXITS)]
pub struct Cli {
    /// The configuration
    #[arg(long, global = true, default_value = DEFAULT_PATH, value_name = "FILE")]
    config: PathBuf,
    /// How much to write to standard error: error, warn, info, debug, trace
    #[arg(long, global = true, default_value = "info", value_name = "LEVEL")]
    log: tracing::level_filters::LevelFilter,
    #[command(subcommand)]
    ask: Ask,
}

#[derive(Debug, Subcommand)]
enum Ask {
    /// Run until told to stop (what the service does)
    Run,
    /// Make this host's key and get its first certificate for a token
    Enroll(enroll::Args),
    /// What this host is: hardware, drivers, class, kernels
    Facts(facts::Args),
    /// Run the health checks once
    Check(check::Args),
    /// What is missing on this host to change kernels safely
    Doctor(doctor::Args),
    /// What the running agent does or waits on
    Status(status::Args),
    /// Leave the mark of an orderly shutdown (what its unit does when the machine goes down)
    #[command(hide = true)]
    MarkShutdown {
        /// Where the agent keeps its state
        #[arg(long, default_value = "/var/lib/wavegate-agent")]
        state_dir: PathBuf,
    },
}

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done and well.
    Well,
    /// Done, and not well.
    NotWell,
    /// The configuration is wrong.
    Misused,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Well => Self::SUCCESS,
            Exit::NotWell => Self::from(1),
            Exit::Misused => Self::from(2),
        }
    }
}

impl Cli {
    /// How much the log shall hold.
    #[must_use]
    pub fn log(&self) -> tracing::level_filters::LevelFilter {
        self.log
    }

    /// Does what was asked for.
    ///
    /// # Errors
    /// With every cause, for a person to read.
    pub async fn run(self) -> anyhow::Result<Exit> {
        let root = Root::host();
        match self.ask {
            Ask::Run => run::run(&self.config, root).await,
            Ask::Enroll(args) => enroll::run(args, &self.config).await,
            Ask::Facts(args) => facts::run(&args, &root),
            Ask::Check(args) => check::run(args, &self.config).await,
            Ask::Doctor(args) => doctor::run(args, &self.config, &root).await,
            Ask::Status(args) => status::run(&args, &self.config),
            Ask::MarkShutdown { state_dir } => {
                mark_shutdown(&state_dir, boot_facts(&root)?.boot_id)?;
                Ok(Exit::Well)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_tells_the_exit_status_and_no_token_is_taken_as_an_argument() {
        let help = Cli::command().render_help().to_string();
        assert!(help.contains("Exit status: 0 done"), "{help}");
        assert!(!help.contains("mark-shutdown"), "{help}");
        let refused = Cli::try_parse_from(["wavegate-agent", "enroll", "--token", "x"]);
        assert!(refused.is_err());
    }
}
