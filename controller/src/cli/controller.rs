//! `wavegate controller`: the daemon itself, and what is done beside it on its machine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::exit::Exit;
use super::failure::Failure;
use super::session::{Session, asked_to_stop};
use crate::config::Config;

/// The controller.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a controller in the foreground
    Run(Run),
    /// Copy the state of a controller while it runs
    Backup(Backup),
    /// Check a configuration file without starting anything
    CheckConfig(CheckConfig),
}

/// How to run. In a fresh directory no configuration is needed: it makes its own CA and an
/// admin's context, and says what to do next.
#[derive(Debug, Args)]
pub struct Run {
    /// Configuration, YAML
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where state is kept, instead of what the configuration says (./wavegate-data)
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Address to listen on, instead of what the configuration says (127.0.0.1:7443)
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

/// What to copy, and where to.
#[derive(Debug, Args)]
#[command(after_help = "To restore: `wavegate controller run --data-dir DIR`.")]
pub struct Backup {
    /// Where to copy to; must not exist
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// The data directory of the controller
    #[arg(long, value_name = "DIR", default_value = "wavegate-data")]
    data_dir: PathBuf,
}

/// Which file.
#[derive(Debug, Args)]
pub struct CheckConfig {
    /// The configuration file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn run(command: Command, session: &Session) -> Result<Exit, Failure> {
    match command {
        Command::Run(args) => serve(args, session),
        Command::Backup(args) => backup(&args, session),
        Command::CheckConfig(args) => check_config(&args, session),
    }
}

pub(super) fn load(file: &Path) -> Result<Config, Failure> {
    Config::load(file).map_err(|error| bad_config(&error))
}

/// The configuration's own error points into the file already; here it gets its exit status.
fn bad_config(error: &crate::config::ConfigError) -> Failure {
    Failure::usage("the configuration cannot be used").caused_by(error)
}

fn serve(args: Run, session: &Session) -> Result<Exit, Failure> {
    let mut config = match &args.config {
        Some(file) => load(file)?,
        None => Config::default(),
    };
    if let Some(dir) = args.data_dir {
        config.data_dir = dir;
    }
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    session.block_on_unlimited(async {
        let shutdown = asked_to_stop()?;
        crate::server::run(config, shutdown).await.map_err(|error| {
            Failure::new(Exit::Failed, "the controller cannot go on").caused_by(&error)
        })
    })?;
    Ok(Exit::Ok)
}

#[derive(Debug, Serialize)]
struct BackupView {
    to: PathBuf,
}

fn backup(args: &Backup, session: &Session) -> Result<Exit, Failure> {
    crate::backup::backup(&args.data_dir, &args.to).map_err(|error| {
        Failure::new(Exit::Failed, format!("nothing usable was written to {}", args.to.display()))
            .caused_by(&error)
    })?;
    let view = BackupView { to: args.to.clone() };
    session.output.data(&view, || format!("the backup is in {}\n", view.to.display()))?;
    Ok(Exit::Ok)
}

#[derive(Debug, Serialize)]
struct ConfigView {
    file: PathBuf,
    ok: bool,
}

fn check_config(args: &CheckConfig, session: &Session) -> Result<Exit, Failure> {
    load(&args.file)?;
    let view = ConfigView { file: args.file.clone(), ok: true };
    session.output.data(&view, || format!("{} can be used\n", view.file.display()))?;
    Ok(Exit::Ok)
}
