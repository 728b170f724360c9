//! `wavegate audit`: who did what, when and why.

use clap::{Args, Subcommand};
use wavegate_common::view::AuditPage;
use wavegate_proto::operator::ask::{ListAudit, VerifyAudit};

use super::client::Client;
use super::exit::Exit;
use super::failure::Failure;
use super::render::{audit as text, time};
use super::session::Session;

/// The audit log.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List entries, the oldest first
    List(List),
    /// Check that no entry was changed or taken out
    Verify,
}

/// Which entries.
#[derive(Debug, Args)]
pub struct List {
    /// Only entries after this number
    #[arg(long, value_name = "NO")]
    after: Option<u64>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    limit: u32,
}

pub(super) fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    session.block_on(async {
        match command {
            Command::List(args) => list(args, session).await,
            Command::Verify => verify(session).await,
        }
    })
}

async fn list(args: &List, session: &Session) -> Result<Exit, Failure> {
    let mut client = session.client().await?;
    let page = entries(&mut client, args).await?;
    let wide = session.output.is_wide();
    session.output.data(&page, || text::list(&page, time::now(), wide))?;
    if let Some(next) = page.next {
        session.output.say(format!("there are more: `wavegate audit list --after {next}`"));
    }
    Ok(Exit::Ok)
}

async fn entries(client: &mut Client, args: &List) -> Result<AuditPage, Failure> {
    let mut all = AuditPage { entries: Vec::new(), next: args.after };
    loop {
        let have = u32::try_from(all.entries.len()).unwrap_or(u32::MAX);
        let ask = ListAudit { after: all.next, limit: args.limit.saturating_sub(have) };
        let page = client
            .calls
            .list_audit(&ask)
            .await
            .map_err(|status| client.failed("cannot list the audit log", &status))?;
        let empty = page.entries.is_empty();
        all.entries.extend(page.entries);
        all.next = page.next;
        if all.next.is_none() || empty || all.entries.len() >= args.limit as usize {
            return Ok(all);
        }
    }
}

async fn verify(session: &Session) -> Result<Exit, Failure> {
    let mut client = session.client().await?;
    let check = client
        .calls
        .verify_audit(&VerifyAudit {})
        .await
        .map_err(|status| client.failed("cannot verify the audit log", &status))?;
    session.output.data(&check, || text::check(&check))?;
    Ok(if check.broken.is_none() { Exit::Ok } else { Exit::Failed })
}
