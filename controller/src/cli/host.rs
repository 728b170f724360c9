//! `wavegate host`: what hosts run, and why they do not move.

use clap::{Args, Subcommand};
use wavegate_common::view::{HostPage, HostsChanged};
use wavegate_common::{MetricId, Selector};
use wavegate_proto::operator::ask::{
    ExcludeHosts, GetBaseline, GetHost, HoldHosts, ListHosts, ReleaseHosts, WhyHost,
};

use super::client::{Client, reason};
use super::exit::Exit;
use super::failure::Failure;
use super::render::paint::Paint;
use super::render::{baseline as numbers, host as text, time};
use super::root::Reason;
use super::session::Session;

/// Hosts.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List hosts
    List(List),
    /// Show all about one host, with what its last crash left behind
    Show(One),
    /// Say why a host does not move: the one reason, since when, and what releases it
    Why(One),
    /// Show what a host was like in its last boots: each metric with its median and its tail
    Baseline(Baseline),
    /// Hold hosts: nothing begins on them until they are released
    Hold(Change),
    /// Let hosts go that were held
    Release(Change),
    /// Take hosts out of a rollout for good
    Exclude(Exclude),
}

/// Which hosts to list.
#[derive(Debug, Args)]
pub struct List {
    /// Labels as in Kubernetes: `role=web,site in (ams,fra),!spare`; `*` chooses every host
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<Selector>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    limit: u64,
}

/// One host.
#[derive(Debug, Args)]
pub struct One {
    /// Its name, its id, or the first digits of its id
    host: String,
}

/// One host, and what of it.
#[derive(Debug, Args)]
pub struct Baseline {
    /// Its name, its id, or the first digits of its id
    host: String,
    /// Only this metric, for example `io.read_latency`; may be given several times
    #[arg(long, value_name = "METRIC")]
    metric: Vec<MetricId>,
}

/// Some hosts.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct Targets {
    /// Their names or ids
    #[arg(value_name = "HOST")]
    hosts: Vec<String>,
    /// And those with these labels; `*` chooses every host
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<Selector>,
}

/// A change to some hosts.
#[derive(Debug, Args)]
pub struct Change {
    #[command(flatten)]
    targets: Targets,
    #[command(flatten)]
    reason: Reason,
}

/// Which hosts, of which rollout.
#[derive(Debug, Args)]
#[command(
    override_usage = "wavegate host exclude HOST... --rollout ROLLOUT --reason TEXT\n       \
    wavegate host exclude --selector LABELS --rollout ROLLOUT --reason TEXT"
)]
pub struct Exclude {
    #[command(flatten)]
    targets: Targets,
    /// The rollout, by id or name
    #[arg(long, value_name = "ROLLOUT")]
    rollout: String,
    #[command(flatten)]
    reason: Reason,
}

pub(super) fn run(command: &Command, session: &Session) -> Result<Exit, Failure> {
    session.block_on(async {
        match command {
            Command::List(args) => list(args, session).await,
            Command::Show(args) => show(args, session).await,
            Command::Why(args) => why(args, session).await,
            Command::Baseline(args) => baseline(args, session).await,
            Command::Hold(args) => hold(args, session).await,
            Command::Release(args) => release(args, session).await,
            Command::Exclude(args) => exclude(args, session).await,
        }
    })?;
    Ok(Exit::Ok)
}

async fn list(args: &List, session: &Session) -> Result<(), Failure> {
    let mut client = session.client().await?;
    let page = all_hosts(&mut client, args).await?;
    let wide = session.output.is_wide();
    session.output.data(&page, || text::list(&page, time::now(), wide))?;
    if page.next.is_some() {
        session.output.say(text::remaining(&page));
    } else if page.hosts.is_empty() {
        session.output.say("no host fits; `wavegate token create --host NAME` lets one join");
    }
    Ok(())
}

/// Page after page, up to the limit.
async fn all_hosts(client: &mut Client, args: &List) -> Result<HostPage, Failure> {
    let mut all = HostPage::default();
    loop {
        let left = args.limit.saturating_sub(all.hosts.len() as u64);
        let ask = ListHosts {
            selector: args.selector.clone(),
            after: all.next,
            limit: u32::try_from(left.min(5_000)).unwrap_or(5_000),
        };
        let page = client
            .calls
            .list_hosts(&ask)
            .await
            .map_err(|status| client.failed("cannot list hosts", &status))?;
        let empty = page.hosts.is_empty();
        all.hosts.extend(page.hosts);
        (all.next, all.total) = (page.next, page.total);
        if all.next.is_none() || empty || all.hosts.len() as u64 >= args.limit {
            return Ok(all);
        }
    }
}

async fn show(args: &One, session: &Session) -> Result<(), Failure> {
    let mut client = session.client().await?;
    let host = client
        .calls
        .get_host(&GetHost { host: args.host.clone() })
        .await
        .map_err(|status| client.failed(format!("cannot show host {}", args.host), &status))?;
    let paint = Paint(session.output.colour);
    session.output.data(&host, || text::show(&host, time::now(), paint))
}

async fn why(args: &One, session: &Session) -> Result<(), Failure> {
    let mut client = session.client().await?;
    let why =
        client.calls.why_host(&WhyHost { host: args.host.clone() }).await.map_err(|status| {
            client.failed(format!("cannot tell of host {}", args.host), &status)
        })?;
    let paint = Paint(session.output.colour);
    session.output.data(&why, || text::why(&why, time::now(), paint))
}

async fn baseline(args: &Baseline, session: &Session) -> Result<(), Failure> {
    let mut client = session.client().await?;
    let ask = GetBaseline { host: args.host.clone(), metrics: args.metric.clone() };
    let view = client.calls.get_baseline(&ask).await.map_err(|status| {
        client.failed(format!("cannot tell what host {} was like", args.host), &status)
    })?;
    let wide = session.output.is_wide();
    session.output.data(&view, || numbers::boots(&view, time::now(), wide))?;
    if view.boots.is_empty() {
        session.output.say(
            "nothing was measured yet: the first slot comes about ten minutes after an agent with \
             `baseline` enabled has connected",
        );
    }
    Ok(())
}

async fn hold(args: &Change, session: &Session) -> Result<(), Failure> {
    let ask = HoldHosts {
        hosts: args.targets.hosts.clone(),
        selector: args.targets.selector.clone(),
        reason: reason(&args.reason.reason)?,
    };
    let mut client = session.client().await?;
    let changed = client.calls.hold_hosts(&ask).await;
    let changed = changed.map_err(|status| client.failed("no host was held", &status))?;
    tell(&changed, "held", session)
}

async fn release(args: &Change, session: &Session) -> Result<(), Failure> {
    let ask = ReleaseHosts {
        hosts: args.targets.hosts.clone(),
        selector: args.targets.selector.clone(),
        reason: reason(&args.reason.reason)?,
    };
    let mut client = session.client().await?;
    let changed = client.calls.release_hosts(&ask).await;
    let changed = changed.map_err(|status| client.failed("no host was released", &status))?;
    tell(&changed, "released", session)
}

async fn exclude(args: &Exclude, session: &Session) -> Result<(), Failure> {
    let ask = ExcludeHosts {
        rollout: args.rollout.clone(),
        hosts: args.targets.hosts.clone(),
        selector: args.targets.selector.clone(),
        reason: reason(&args.reason.reason)?,
    };
    let mut client = session.client().await?;
    let changed = client.calls.exclude_hosts(&ask).await;
    let changed = changed.map_err(|status| client.failed("no host was excluded", &status))?;
    tell(&changed, "excluded", session)
}

fn tell(changed: &HostsChanged, done: &str, session: &Session) -> Result<(), Failure> {
    session.output.data(changed, || text::changed(changed, done))
}
