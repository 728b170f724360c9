//! `wavegate rollout status`.

use clap::Args;
use wavegate_common::view::RolloutView;
use wavegate_proto::operator::ask::GetRollout;

use super::watch;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::render::paint::Paint;
use crate::cli::render::{rollout as text, time};
use crate::cli::session::Session;

/// Which rollout, and whether to stay.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 it moves or has succeeded, 3 it is paused, 4 it was aborted \
    or rolled back.\nA watch ends when the rollout is over or paused. It reads what the controller \
    has stored: closing it changes nothing, and it goes on after the controller was away."
)]
pub struct Status {
    /// Its id (`r1`) or its name
    pub(super) rollout: String,
    /// Stay until it is over or paused
    #[arg(short, long)]
    watch: bool,
}

pub(super) fn run(args: &Status, session: &Session) -> Result<Exit, Failure> {
    if args.watch {
        return session.block_on_unlimited(watch::run(&args.rollout, session));
    }
    session.block_on(once(args, session))
}

async fn once(args: &Status, session: &Session) -> Result<Exit, Failure> {
    let mut client = session.client().await?;
    let ask = GetRollout { rollout: args.rollout.clone(), report: false };
    let view = client.calls.get_rollout(&ask).await.map_err(|status| {
        client.failed(format!("cannot show rollout {}", args.rollout), &status)
    })?;
    show(&view, session)?;
    Ok(watch::exit_of(&view).unwrap_or(Exit::Ok))
}

/// The whole page, and what to type next.
pub(super) fn show(view: &RolloutView, session: &Session) -> Result<(), Failure> {
    let output = &session.output;
    output
        .data(view, || text::status(view, time::now(), Paint(output.colour), output.is_wide()))?;
    if view.standing.phase == "paused" {
        output.say(format!("see `wavegate rollout why {}`", view.name));
    }
    Ok(())
}
