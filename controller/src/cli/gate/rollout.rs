//! `wavegate gate show|replay`: what is behind the verdicts of a rollout.

use std::path::PathBuf;

use clap::Args;
use wavegate_common::{JudgeRule, RolloutSpec};
use wavegate_proto::operator::ask::{ReplayGate, ShowGate};

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::render::gate as text;
use crate::cli::session::Session;
use crate::cli::spec_file;

/// One rollout.
#[derive(Debug, Args)]
pub struct Show {
    /// Its id (`r1`) or its name
    rollout: String,
}

/// One rollout, and perhaps another rule.
#[derive(Debug, Args)]
pub struct Replay {
    /// Its id (`r1`) or its name
    rollout: String,
    /// A specification whose `judge` is used instead of the frozen one: what would it have said?
    #[arg(long, value_name = "SPEC.yaml")]
    with: Option<PathBuf>,
}

pub(super) async fn show(args: &Show, session: &Session) -> Result<Exit, Failure> {
    let mut client = session.client().await?;
    let ask = ShowGate { rollout: args.rollout.clone() };
    let view = client.calls.show_gate(&ask).await.map_err(|status| {
        client.failed(format!("cannot show the gate of {}", args.rollout), &status)
    })?;
    session.output.data(&view, || text::show(&view, session.output.is_wide()))?;
    Ok(Exit::Ok)
}

pub(super) async fn replay(args: &Replay, session: &Session) -> Result<Exit, Failure> {
    let rule = args.with.as_ref().map(|path| rule_of(&spec_file::read(path)?)).transpose()?;
    let other = rule.is_some();
    let mut client = session.client().await?;
    let ask = ReplayGate { rollout: args.rollout.clone(), rule };
    let view = client.calls.replay_gate(&ask).await.map_err(|status| {
        client.failed(format!("the gate of {} cannot be replayed", args.rollout), &status)
    })?;
    session.output.data(&view, || text::replay(&view, other))?;
    let identical = view.verdicts.iter().all(|verdict| verdict.identical);
    if identical || other {
        return Ok(Exit::Ok);
    }
    Err(Failure::new(Exit::Failed, "a verdict is not what its evidence says")
        .because("another program wrote it, or the database was changed")
        .next("`wavegate audit verify` tells whether the audit log is whole"))
}

fn rule_of(spec: &RolloutSpec) -> Result<JudgeRule, Failure> {
    spec.judge.clone().ok_or_else(|| {
        Failure::new(Exit::Usage, "the specification has no `judge`")
            .next("`wavegate help rollout-spec` shows how to write one")
    })
}
