//! `wavegate demo`: the arguments, and how a demo's end becomes an exit status.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::failure::Failure;
use super::session::Session;
use crate::config::Config;
use crate::demo::{Scenario, Settings};

/// A whole fleet on this machine: the real controller, and simulated hosts with the real agent
/// over real mTLS. Needs no root, and no network but loopback.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 the rollout succeeded, 3 a gate paused it, 1 something in \
    wavegate is broken.\nThe same seed ends the same way.")]
pub struct Demo {
    /// What goes wrong; without it boot-hang, and a gate that stops it is success
    #[arg(long, value_enum, value_name = "NAME")]
    scenario: Option<Scenario>,
    /// Number from which everything random follows
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Hosts, 36 to 2000
    #[arg(long, default_value_t = 240, value_name = "N", value_parser = clap::value_parser!(u32).range(36..=2000))]
    hosts: u32,
    /// How many times faster than real hosts the simulated ones are
    #[arg(long, default_value_t = 80, value_name = "N", value_parser = clap::value_parser!(u32).range(10..=600))]
    speed: u32,
    /// End when the outcome is known, also on a terminal; elsewhere it always does
    #[arg(long)]
    exit: bool,
    /// Leave the directory of the controller behind when the demo ends
    #[arg(long)]
    keep: bool,
    /// A controller's configuration of which `alerts` and `signals` hold in the demo
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Directory for the controller, instead of a temporary one
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &Demo, session: &Session) -> Result<Exit, Failure> {
    let outside = match &args.config {
        Some(file) => super::controller::load(file)?,
        None => Config::default(),
    };
    let settings = Settings {
        scenario: args.scenario,
        seed: args.seed,
        hosts: args.hosts as usize,
        speed: u64::from(args.speed),
        stay: session.output.terminal && !args.exit,
        keep: args.keep,
        dir: args.dir.clone(),
        alerts: outside.alerts,
        signals: outside.signals,
    };
    session.block_on_unlimited(crate::demo::run(&settings, &session.output))
}
