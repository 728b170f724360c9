//! `wavegate rollout apply`.

use std::path::PathBuf;

use clap::Args;
use wavegate_common::Digest;
use wavegate_proto::operator::ask::ApplyRollout;

use super::plan;
use crate::cli::client::reason;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::render::paint::Paint;
use crate::cli::render::{plan as plan_text, rollout as text};
use crate::cli::root::Reason;
use crate::cli::session::Session;
use crate::cli::spec_file;

/// Which specification, and which plan was agreed on.
#[derive(Debug, Args)]
#[command(after_help = "Without --plan it plans, shows the plan, and begins only with --yes.\n\
    A plan whose fleet has moved on is refused with exit code 8: look at the new one.")]
pub struct Apply {
    /// The specification, YAML; `-` is stdin
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Hash of the plan that was agreed on
    #[arg(long, value_name = "HASH")]
    plan: Option<Digest>,
    /// Begin with whatever plan fits now
    #[arg(short, long, conflicts_with = "plan")]
    yes: bool,
    /// Begin only when a second person has approved
    #[arg(long)]
    draft: bool,
    #[command(flatten)]
    reason: Reason,
}

pub(super) async fn run(args: &Apply, session: &Session) -> Result<Exit, Failure> {
    let spec = spec_file::read(&args.file)?;
    let reason = reason(&args.reason.reason)?;
    let mut client = session.client().await?;
    let agreed = match args.plan {
        Some(hash) => hash,
        None => {
            let plan = plan::ask(&mut client, spec.clone()).await?;
            // On stderr: what goes to stdout is the rollout.
            let paint = Paint(session.output.talk_colour);
            session.output.say(plan_text::plan(&plan, paint, false));
            if !args.yes {
                return Err(Failure::usage("nothing was begun: nobody has agreed to this plan")
                    .next(
                        "say yes to it with `--plan` and its hash, or to any plan with `--yes`",
                    ));
            }
            plan.hash
        }
    };
    let name = spec.name.clone();
    let ask = ApplyRollout { spec, plan: Some(agreed), reason, draft: args.draft };
    let rollout = client.calls.apply_rollout(&ask).await.map_err(|status| {
        let failure = client.failed(format!("rollout {name} was not begun"), &status);
        match failure.exit() {
            Exit::Conflict => failure.next(format!(
                "look at the plan as it is now: `wavegate rollout plan -f {}`",
                args.file.display()
            )),
            _ => failure,
        }
    })?;
    session.output.data(&rollout, || text::done(&rollout))?;
    Ok(Exit::Ok)
}
