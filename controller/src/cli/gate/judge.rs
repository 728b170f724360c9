//! `wavegate gate judge`: the performance gate on CSV files.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use serde::Serialize;
use wavegate_gate::perf::ranksum::Nulls;
use wavegate_gate::perf::{Better, Call, Judged, Plan, Task, judge_family, overall};

use super::{read, share, text};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::{Format, print};
use crate::cli::session::Session;

/// How to judge, and what.
#[derive(Debug, Args)]
pub struct Judge {
    /// Name of the metric, for the answer
    #[arg(long, value_name = "NAME")]
    metric: String,
    /// Which way it is better
    #[arg(long, value_enum)]
    better: Direction,
    /// `fail` says that it is worse by more than this, as 0.5%; a median change below 0.1% is
    /// never a fail
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share::parse)]
    min_effect: f64,
    /// `pass` says that it is not worse by this
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = share::parse)]
    margin: f64,
    /// Chance of `fail` over all looks and classes though nothing is worse
    #[arg(long, value_name = "SHARE", default_value = "0.01", value_parser = share::parse)]
    alpha: f64,
    /// At how many canaries to look
    #[arg(long, value_name = "N,N…", default_value = "3,5,10,20", value_delimiter = ',')]
    looks: Vec<usize>,
    /// Fixes what is drawn between equal values in the sequential test
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Judge every *.csv of this directory, one JSON line each
    #[arg(long, value_name = "DIR", conflicts_with = "file", required_unless_present = "file")]
    batch: Option<PathBuf>,
    /// CSV with the columns class,host,arm,order,before,after and perhaps slot; - is stdin
    #[arg(value_name = "FILE.csv")]
    file: Option<PathBuf>,
}

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Direction {
    /// As latencies
    Lower,
    /// As throughputs
    Higher,
}

/// The answer for one file.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    pub(super) verdict: Call,
    pub(super) metric: String,
    pub(super) classes: Vec<Judged>,
    seconds: f64,
}

/// A file of a batch that could not be read.
#[derive(Debug, Serialize)]
struct Refusal {
    file: String,
    error: String,
}

pub(super) fn run(args: &Judge, session: &Session) -> Result<Exit, Failure> {
    let plan = args.plan()?;
    let mut nulls = Nulls::new();
    if let Some(dir) = &args.batch {
        return batch(dir, &plan, &args.metric, &mut nulls);
    }
    let Some(path) = &args.file else {
        return Err(Failure::usage("no file is given").next("name a CSV file, or --batch DIR"));
    };
    let answer = judge(path, &plan, &args.metric, &mut nulls)?;
    session.output.or(Format::Json).data(&answer, || text::answer(&answer))?;
    Ok(exit(answer.verdict))
}

impl Judge {
    fn plan(&self) -> Result<Plan, Failure> {
        let better = match self.better {
            Direction::Lower => Better::Lower,
            Direction::Higher => Better::Higher,
        };
        let plan = Plan {
            min_effect: self.min_effect,
            margin: self.margin,
            alpha: self.alpha,
            looks: self.looks.clone(),
            seed: self.seed,
            ..Plan::new(better)
        };
        plan.check().map_err(|(field, why)| {
            Failure::usage(format!("--{field} {why}"))
                .next("`wavegate gate judge --help` shows the defaults, which fit together")
        })?;
        Ok(plan)
    }
}

fn judge(path: &Path, plan: &Plan, metric: &str, nulls: &mut Nulls) -> Result<Answer, Failure> {
    let start = Instant::now();
    let classes = read::file(path)?;
    let tasks: Vec<Task<'_>> = classes.iter().map(|rows| Task { plan, rows }).collect();
    let judged = judge_family(nulls, plan.alpha, &tasks);
    Ok(Answer {
        file: None,
        verdict: overall(&judged),
        metric: metric.to_owned(),
        classes: judged,
        seconds: start.elapsed().as_secs_f64(),
    })
}

fn exit(verdict: Call) -> Exit {
    match verdict {
        Call::Pass => Exit::Ok,
        Call::Fail => Exit::Paused,
        Call::Extend => Exit::Ended,
        Call::Inconclusive => Exit::TimedOut,
    }
}

/// Every file in order of name. A bad one gets a line of its own, and the run goes on.
fn batch(dir: &Path, plan: &Plan, metric: &str, nulls: &mut Nulls) -> Result<Exit, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("cannot read the directory {}", dir.display())).caused_by(&error)
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "csv") {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(Failure::usage(format!("there is no *.csv in {}", dir.display())));
    }
    files.sort();
    let mut end = Exit::Ok;
    for path in &files {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let line = match judge(path, plan, metric, nulls) {
            Ok(answer) => json(&Answer { file: Some(name), ..answer })?,
            Err(failure) => {
                end = Exit::Usage;
                json(&Refusal { file: name, error: failure.line() })?
            }
        };
        print(&line)?;
    }
    Ok(end)
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value)
        .map(|line| line + "\n")
        .map_err(|e| Failure::new(Exit::Failed, "cannot write JSON").because(e))
}
