//! What can be typed, and which command it leads to.

use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use wavegate_common::Millis;

use crate::sim::Options;

/// Simulated fleets under the shipping planner and the shipping agent.
#[derive(Debug, Parser)]
#[command(name = "fleet-sim", version, about)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run seeds, judge every invariant after every step, print one summary.
    Run {
        /// The seeds, as in `0..2000` (the last one is not run).
        #[arg(long, value_parser = seeds)]
        seeds: Range<u64>,
        #[command(flatten)]
        size: Size,
        /// How to print.
        #[arg(short, long, value_enum, default_value = "text")]
        output: Output,
        /// Threads; as many as there are cores if 0.
        #[arg(long, default_value_t = 0)]
        threads: usize,
    },
    /// Run one seed and print what happened.
    Replay {
        /// The seed.
        #[arg(long)]
        seed: u64,
        #[command(flatten)]
        size: Size,
        /// Stop at this time of the simulation, as in `1h30m`.
        #[arg(long)]
        until: Option<Millis>,
        /// Only this host, and at the end why it does not move.
        #[arg(long, value_name = "HOST")]
        why: Option<String>,
    },
    /// Read commands from standard input: a fleet at one's fingertips.
    Repl,
    /// Take every guard away in turn and show that the simulator notices.
    Sabotage {
        /// How to print.
        #[arg(short, long, value_enum, default_value = "text")]
        output: Output,
        /// Seeds to try per guard, at most.
        #[arg(long, default_value_t = 1_000)]
        seeds: u64,
        /// Only this guard.
        #[arg(long)]
        guard: Option<String>,
    },
    /// Run whole rollouts with measured noise, half of them with one bad class, and count how
    /// often the gate is right. Needs the public measurements named in `src/judge/noise.rs`.
    Judge {
        /// Rollouts.
        #[arg(long, default_value_t = 500)]
        rollouts: u64,
        /// Machines.
        #[arg(long, default_value_t = 5_000)]
        hosts: usize,
        /// The first seed; even seeds are clean.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// The folder with `disks-2009.csv.xz`, `cpus-capped.csv.xz` and `failures-lanl.csv.xz`.
        #[arg(long, env = "WAVEGATE_GATE_DATA", default_value = "../shared/data/gate")]
        data: PathBuf,
        /// How to print.
        #[arg(short, long, value_enum, default_value = "text")]
        output: Output,
        /// Threads; as many as there are cores if 0.
        #[arg(long, default_value_t = 0)]
        threads: usize,
    },
    /// Measure one pass of the planner over a fleet in the middle of a rollout.
    BenchPlanner {
        /// Machines.
        #[arg(long, default_value_t = 5_000)]
        hosts: usize,
        /// How to print.
        #[arg(short, long, value_enum, default_value = "text")]
        output: Output,
    },
}

/// How large a run is.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Size {
    /// Machines.
    #[arg(long, default_value_t = 200)]
    pub(super) hosts: usize,
    /// Simulated hours.
    #[arg(long, default_value_t = 6)]
    pub(super) hours: u64,
    /// With forged messages, torn ledgers and more of what only guards keep from doing harm.
    #[arg(long)]
    pub(super) provoking: bool,
}

impl Size {
    /// What a seed chooses for a run of this size.
    pub(super) fn options(self, seed: u64) -> Options {
        if self.provoking {
            Options::provoking(seed, self.hosts, self.hours)
        } else {
            Options::swarm(seed, self.hosts, self.hours)
        }
    }

    /// The size as it is typed.
    pub(super) fn typed(self) -> String {
        let provoking = if self.provoking { " --provoking" } else { "" };
        format!("--hosts {} --hours {}{provoking}", self.hosts, self.hours)
    }
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people.
    Text,
    /// One object.
    Json,
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let bad = || format!("`{text}` is not a range of seeds: write `0..2000`");
    let (first, last) = text.split_once("..").ok_or_else(bad)?;
    let range = first.parse().map_err(|_| bad())?..last.parse().map_err(|_| bad())?;
    if range.is_empty() { Err(bad()) } else { Ok(range) }
}

/// Reads the command line and does what it says. Exit status 1 if an invariant was broken.
pub fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Run { seeds, size, output, threads } => {
            super::run::run(&seeds, size, output, threads)
        }
        Command::Repl => super::repl::repl(),
        Command::Sabotage { output, seeds, guard } => {
            super::sabotage::sabotage(seeds, guard.as_deref(), output)
        }
        Command::Judge { rollouts, hosts, seed, data, output, threads } => {
            super::judge::judge(rollouts, hosts, seed, &data, output, threads)
        }
        Command::BenchPlanner { hosts, output } => super::bench::bench(hosts, output),
        Command::Replay { seed, size, until, why } => {
            super::replay::replay(seed, size, until, why.as_deref())
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
