//! `wavegate rollout pause|resume|abort|rollback|approve|accept`.

use clap::Args;
use wavegate_common::HostClass;
use wavegate_common::view::RolloutView;
use wavegate_proto::operator::ask::{
    AbortRollout, AcceptClasses, ApproveRollout, PauseRollout, ResumeRollout, RollbackRollout,
};

use crate::cli::client::reason;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::render::rollout as text;
use crate::cli::root::Reason;
use crate::cli::session::Session;

/// Which rollout, and why.
#[derive(Debug, Args)]
pub struct Change {
    /// Its id (`r1`) or its name
    rollout: String,
    #[command(flatten)]
    reason: Reason,
}

/// Which rollout goes on, and which classes may try again.
#[derive(Debug, Args)]
pub struct Resume {
    #[command(flatten)]
    change: Change,
    /// A class that may try again although the release went wrong there; may be repeated.
    /// Without it such classes stay out
    #[arg(long, value_name = "CLASS")]
    retry_class: Vec<String>,
}

/// For which classes of a rollout you answer.
#[derive(Debug, Args)]
pub struct Accept {
    #[command(flatten)]
    change: Change,
    /// A class that goes on whatever the gate's statistics say of it; may be repeated
    #[arg(long, value_name = "CLASS", required = true)]
    class: Vec<String>,
}

/// What to do with a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Pause,
    Abort,
    Rollback,
    Approve,
}

impl Verb {
    fn failed(self, rollout: &str) -> String {
        let done = match self {
            Self::Pause => "paused",
            Self::Abort => "aborted",
            Self::Rollback => "rolled back",
            Self::Approve => "approved",
        };
        format!("rollout {rollout} was not {done}")
    }
}

pub(super) async fn run(verb: Verb, args: &Change, session: &Session) -> Result<Exit, Failure> {
    let (rollout, reason) = (args.rollout.clone(), reason(&args.reason.reason)?);
    let mut client = session.client().await?;
    let calls = &mut client.calls;
    let answer = match verb {
        Verb::Pause => calls.pause_rollout(&PauseRollout { rollout, reason }).await,
        Verb::Abort => calls.abort_rollout(&AbortRollout { rollout, reason }).await,
        Verb::Rollback => calls.rollback_rollout(&RollbackRollout { rollout, reason }).await,
        Verb::Approve => calls.approve_rollout(&ApproveRollout { rollout, reason }).await,
    };
    let view = answer.map_err(|status| client.failed(verb.failed(&args.rollout), &status))?;
    show(&view, session)
}

pub(super) async fn resume(args: &Resume, session: &Session) -> Result<Exit, Failure> {
    let ask = ResumeRollout {
        rollout: args.change.rollout.clone(),
        reason: reason(&args.change.reason.reason)?,
        retry: args.retry_class.iter().map(|class| HostClass::from(class.as_str())).collect(),
    };
    let mut client = session.client().await?;
    let view = client.calls.resume_rollout(&ask).await.map_err(|status| {
        client.failed(format!("rollout {} does not go on", args.change.rollout), &status)
    })?;
    show(&view, session)
}

pub(super) async fn accept(args: &Accept, session: &Session) -> Result<Exit, Failure> {
    let ask = AcceptClasses {
        rollout: args.change.rollout.clone(),
        reason: reason(&args.change.reason.reason)?,
        classes: args.class.iter().map(|class| HostClass::from(class.as_str())).collect(),
    };
    let mut client = session.client().await?;
    let view = client.calls.accept_classes(&ask).await.map_err(|status| {
        client.failed(format!("nothing was accepted in rollout {}", args.change.rollout), &status)
    })?;
    show(&view, session)
}

fn show(view: &RolloutView, session: &Session) -> Result<Exit, Failure> {
    session.output.data(view, || text::done(view))?;
    Ok(Exit::Ok)
}
