//! `wavegate rollout plan`.

use std::path::PathBuf;

use clap::Args;
use wavegate_common::RolloutSpec;
use wavegate_common::view::PlanView;
use wavegate_proto::operator::ask::PlanRollout;

use crate::cli::client::Client;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::render::paint::Paint;
use crate::cli::render::plan as text;
use crate::cli::session::Session;
use crate::cli::spec_file;

/// Which specification.
#[derive(Debug, Args)]
#[command(after_help = "The least that a specification holds:\n  \
    name: june\n  release: 6.1.0-56\n  selector: role=web,site in (ams,fra)\n\
    Then: `wavegate rollout apply -f FILE --plan HASH --reason ...`")]
pub struct Plan {
    /// The specification, YAML; `-` is stdin
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
}

pub(super) async fn run(args: &Plan, session: &Session) -> Result<Exit, Failure> {
    let spec = spec_file::read(&args.file)?;
    let mut client = session.client().await?;
    let plan = ask(&mut client, spec).await?;
    session.output.data(&plan, || {
        text::plan(&plan, Paint(session.output.colour), session.output.is_wide())
    })?;
    session.output.say(next(&args.file.display().to_string(), &plan));
    Ok(Exit::Ok)
}

/// What the controller would do with a specification.
pub(super) async fn ask(client: &mut Client, spec: RolloutSpec) -> Result<PlanView, Failure> {
    let name = spec.name.clone();
    client
        .calls
        .plan_rollout(&PlanRollout { spec })
        .await
        .map_err(|status| client.failed(format!("rollout {name} cannot be planned"), &status))
}

/// What to type to begin it.
pub(super) fn next(file: &str, plan: &PlanView) -> String {
    format!(
        "Apply it with:\n  wavegate rollout apply -f {file} --plan {} --reason '...'",
        plan.hash
    )
}
