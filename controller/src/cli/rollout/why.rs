//! `wavegate rollout why`.

use wavegate_proto::operator::ask::WhyRollout;

use super::command::One;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::render::paint::Paint;
use crate::cli::render::{time, why as text};
use crate::cli::session::Session;

pub(super) async fn run(args: &One, session: &Session) -> Result<Exit, Failure> {
    let mut client = session.client().await?;
    let ask = WhyRollout { rollout: args.rollout.clone() };
    let why = client.calls.why_rollout(&ask).await.map_err(|status| {
        client.failed(format!("cannot tell of rollout {}", args.rollout), &status)
    })?;
    let paint = Paint(session.output.colour);
    session.output.data(&why, || text::why(&why, time::now(), paint))?;
    Ok(Exit::Ok)
}
