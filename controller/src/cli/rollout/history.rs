//! `wavegate rollout history`.

use clap::Args;
use wavegate_common::view::EventPage;
use wavegate_proto::operator::ask::RolloutHistory;

use crate::cli::client::Client;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::render::{rollout as text, time};
use crate::cli::session::Session;

/// Which events of which rollout.
#[derive(Debug, Args)]
pub struct History {
    /// Its id (`r1`) or its name
    rollout: String,
    /// Only events after this number
    #[arg(long, value_name = "NO")]
    after: Option<u64>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    limit: u32,
}

pub(super) async fn run(args: &History, session: &Session) -> Result<Exit, Failure> {
    let mut client = session.client().await?;
    let page = events(&mut client, args).await?;
    let wide = session.output.is_wide();
    session.output.data(&page, || text::history(&page, time::now(), wide))?;
    if let Some(next) = page.next {
        session.output.say(format!(
            "there are more: `wavegate rollout history {} --after {next}`",
            args.rollout
        ));
    }
    Ok(Exit::Ok)
}

async fn events(client: &mut Client, args: &History) -> Result<EventPage, Failure> {
    let mut all = EventPage { events: Vec::new(), next: args.after };
    loop {
        let have = u32::try_from(all.events.len()).unwrap_or(u32::MAX);
        let ask = RolloutHistory {
            rollout: args.rollout.clone(),
            after: all.next,
            limit: args.limit.saturating_sub(have),
        };
        let page = client.calls.rollout_history(&ask).await.map_err(|status| {
            client.failed(format!("cannot list the history of {}", args.rollout), &status)
        })?;
        let empty = page.events.is_empty();
        all.events.extend(page.events);
        all.next = page.next;
        if all.next.is_none() || empty || all.events.len() >= args.limit as usize {
            return Ok(all);
        }
    }
}
