//! `wavegate signal`: outside sources.

use clap::{Args, Subcommand};
use wavegate_proto::operator::ask::{CheckSignal, ListSignals};

use super::exit::Exit;
use super::failure::Failure;
use super::render::{signal as text, time};
use super::session::Session;

/// Signals.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List sources and what each of them said last
    List,
    /// Ask a source now and show what it says, host by host
    Check(Check),
}

/// Which source.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 it says something fresh about at least one host, 1 it does \
    not: the last line says why.")]
pub struct Check {
    /// Its name in the controller's configuration
    #[arg(value_name = "NAME")]
    source: String,
}

pub(super) fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    session.block_on(async {
        match command {
            Command::List => list(session).await,
            Command::Check(args) => check(args, session).await,
        }
    })
}

async fn list(session: &Session) -> Result<Exit, Failure> {
    let mut client = session.client().await?;
    let list = client
        .calls
        .list_signals(&ListSignals {})
        .await
        .map_err(|status| client.failed("cannot list sources", &status))?;
    let wide = session.output.is_wide();
    session.output.data(&list, || text::list(&list, time::now(), wide))?;
    Ok(Exit::Ok)
}

async fn check(args: &Check, session: &Session) -> Result<Exit, Failure> {
    let mut client = session.client().await?;
    let reading = client
        .calls
        .check_signal(&CheckSignal { source: args.source.clone() })
        .await
        .map_err(|status| client.failed("the source was not asked", &status))?;
    let now = time::now();
    session.output.data(&reading, || text::one(&reading, now, session.output.is_wide()))?;
    Ok(if reading.usable(now).is_ok() { Exit::Ok } else { Exit::Failed })
}
