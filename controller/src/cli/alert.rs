//! `wavegate alert`: incidents and their way to people.

use clap::{Args, Subcommand};
use wavegate_proto::operator::ask::{GetAlert, ListAlerts, TestReceiver};

use super::exit::Exit;
use super::failure::Failure;
use super::render::{alert as text, time};
use super::session::Session;

/// Incidents.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List incidents that are open, and how receivers fare
    List(List),
    /// Show one incident: evidence, hosts, what to type, who was told
    Show(Show),
    /// Send a receiver a message that says that it is a test
    Test(Test),
}

/// Which incidents.
#[derive(Debug, Args)]
pub struct List {
    /// Those that are over, too
    #[arg(long)]
    all: bool,
}

/// Which incident.
#[derive(Debug, Args)]
pub struct Show {
    /// Its number, as listed
    #[arg(value_name = "ID")]
    id: u64,
}

/// Which receiver.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 it took the message, 1 it did not.")]
pub struct Test {
    /// Its name in the controller's configuration
    #[arg(value_name = "RECEIVER")]
    receiver: String,
}

pub(super) fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    session.block_on(async {
        match command {
            Command::List(args) => list(args, session).await,
            Command::Show(args) => show(args, session).await,
            Command::Test(args) => test(args, session).await,
        }
    })
}

async fn list(args: &List, session: &Session) -> Result<Exit, Failure> {
    let mut client = session.client().await?;
    let list = client
        .calls
        .list_alerts(&ListAlerts { all: args.all })
        .await
        .map_err(|status| client.failed("cannot list incidents", &status))?;
    let wide = session.output.is_wide();
    session.output.data(&list, || text::list(&list, time::now(), wide))?;
    Ok(Exit::Ok)
}

async fn show(args: &Show, session: &Session) -> Result<Exit, Failure> {
    let mut client = session.client().await?;
    let incident = client
        .calls
        .get_alert(&GetAlert { id: args.id })
        .await
        .map_err(|status| client.failed("cannot show the incident", &status))?;
    session.output.data(&incident, || text::one(&incident, time::now()))?;
    Ok(Exit::Ok)
}

async fn test(args: &Test, session: &Session) -> Result<Exit, Failure> {
    let mut client = session.client().await?;
    let test = client
        .calls
        .test_receiver(&TestReceiver { receiver: args.receiver.clone() })
        .await
        .map_err(|status| client.failed("nothing was sent", &status))?;
    session.output.data(&test, || {
        let what = if test.taken { "has taken the test" } else { "was not reached" };
        format!("{} {what}: {}\n", test.receiver, test.detail)
    })?;
    Ok(if test.taken { Exit::Ok } else { Exit::Failed })
}
