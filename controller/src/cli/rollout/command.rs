//! The commands below `wavegate rollout`.

use clap::{Args, Subcommand};
use wavegate_proto::operator::ask::ListRollouts;

use super::{apply, change, history, plan, status, why};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::render::{rollout as text, time};
use crate::cli::session::Session;

/// Rollouts.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what a rollout would do: hosts per wave, canaries, forecast, hash. Changes nothing
    Plan(plan::Plan),
    /// Begin a rollout, if the plan still fits
    Apply(apply::Apply),
    /// List rollouts, the newest first
    List,
    /// Show where a rollout stands, once or until it is over
    Status(status::Status),
    /// Say why a rollout stands where it stands, on what evidence, and what to do
    Why(One),
    /// Let nothing begin any more; what is not irreversible is given up
    Pause(change::Change),
    /// Go on; failures so far are acknowledged
    Resume(change::Resume),
    /// End it; hosts stay on the kernel they run
    Abort(change::Change),
    /// Send every host that moved back to the kernel it came from
    Rollback(change::Change),
    /// Say yes to a rollout that needs a second person
    Approve(change::Change),
    /// Answer for a class that cannot be told, or that was stopped by a false alarm
    Accept(change::Accept),
    /// List what happened to a rollout
    History(history::History),
}

/// One rollout.
#[derive(Debug, Args)]
pub struct One {
    /// Its id (`r1`) or its name
    pub(super) rollout: String,
}

pub(in crate::cli) fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    use change::Verb;
    match command {
        Command::Plan(args) => session.block_on(plan::run(args, session)),
        Command::Apply(args) => session.block_on(apply::run(args, session)),
        Command::List => session.block_on(list(session)),
        Command::Status(args) => status::run(args, session),
        Command::Why(args) => session.block_on(why::run(args, session)),
        Command::Pause(args) => session.block_on(change::run(Verb::Pause, args, session)),
        Command::Resume(args) => session.block_on(change::resume(args, session)),
        Command::Abort(args) => session.block_on(change::run(Verb::Abort, args, session)),
        Command::Rollback(args) => session.block_on(change::run(Verb::Rollback, args, session)),
        Command::Approve(args) => session.block_on(change::run(Verb::Approve, args, session)),
        Command::Accept(args) => session.block_on(change::accept(args, session)),
        Command::History(args) => session.block_on(history::run(args, session)),
    }
}

async fn list(session: &Session) -> Result<Exit, Failure> {
    let mut client = session.client().await?;
    let rollouts = client
        .calls
        .list_rollouts(&ListRollouts {})
        .await
        .map_err(|status| client.failed("cannot list rollouts", &status))?;
    let wide = session.output.is_wide();
    session.output.data(&rollouts, || text::list(&rollouts, time::now(), wide))?;
    Ok(Exit::Ok)
}
