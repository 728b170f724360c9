//! `wavegate gate reboots`: the test on unexpected reboots, on a file or a folder of them.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use wavegate_gate::reboots::{ClassReport, Outcome, Report, Settings, judge};

use super::reboot_file::{self, RebootFile};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::print;
use crate::cli::session::Session;

/// Judges unexpected reboots of canaries against controls, from a CSV file with the columns
/// `time_s,host,arm,event` (arm: canary or control; event: start, reboot or end) and, if wanted,
/// `class` and `domain`. Every host counts once, at its first reboot.
#[derive(Debug, Args)]
#[command(after_help = "\
Prints JSON. Exit codes: 0 pass, 3 fail, 4 extend, 5 inconclusive, 2 a file cannot be used.
With --batch 0 if every file could be judged, else 2.")]
pub struct Reboots {
    /// The file; `-` for stdin
    #[arg(value_name = "FILE", required_unless_present = "batch", conflicts_with = "batch")]
    file: Option<PathBuf>,
    /// Judge every .csv file of a folder, one line of JSON each
    #[arg(long, value_name = "DIR")]
    batch: Option<PathBuf>,
    /// Chance of ever stopping a harmless rollout, however often one looks
    #[arg(long, value_name = "SHARE", default_value_t = 0.01, value_parser = share)]
    alpha: f64,
    /// Pass when a reboot rate this many times that of the controls is ruled out
    #[arg(long, value_name = "TIMES", default_value_t = 10.0, value_parser = times)]
    margin: f64,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share <= 0.5 => Ok(share),
        _ => Err("give a share above 0 and up to 0.5, as in 0.01".to_owned()),
    }
}

fn times(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(times) if times > 1.0 && times <= 1_000.0 => Ok(times),
        _ => Err("give a number above 1 and up to 1000, as in 10".to_owned()),
    }
}

#[derive(Debug, Serialize)]
struct Shown {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    verdict: &'static str,
    evidence: f64,
    decided_at_s: Option<f64>,
    failed_canaries: u64,
    classes: Vec<ShownClass>,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct ShownClass {
    class: String,
    verdict: &'static str,
    why: String,
    /// Rate of canaries over rate of controls.
    effect: Option<f64>,
    interval: (f64, Option<f64>),
    evidence: f64,
    hosts_used: u64,
    controls_used: u64,
    decided_at_s: Option<f64>,
    failed_canaries: u64,
    failed_controls: u64,
    canary_days: f64,
    control_days: f64,
    detectable_effect: Option<f64>,
    ambient_bursts: u64,
    drivers: Vec<String>,
}

/// A file of a batch that cannot be used.
#[derive(Debug, Serialize)]
struct Unusable {
    file: String,
    error: String,
}

pub(super) fn run(args: &Reboots, session: &Session) -> Result<Exit, Failure> {
    let settings = Settings { alpha: args.alpha, ratio: args.margin, ..Settings::default() };
    if let Some(dir) = &args.batch {
        return batch(dir, &settings);
    }
    let file = args.file.as_deref().unwrap_or_else(|| Path::new("-"));
    let begun = Instant::now();
    let read = reboot_file::read(file)?;
    let (report, shown) = judged(&read, &settings, begun, None);
    session.output.data(&shown, || json(&shown, true))?;
    Ok(exit(&report.outcome))
}

fn exit(outcome: &Outcome) -> Exit {
    match outcome {
        Outcome::Pass => Exit::Ok,
        Outcome::Fail => Exit::Paused,
        Outcome::Extend => Exit::Ended,
        Outcome::Inconclusive => Exit::TimedOut,
    }
}

fn batch(dir: &Path, settings: &Settings) -> Result<Exit, Failure> {
    let mut files = Vec::new();
    let entries = std::fs::read_dir(dir).map_err(|error| {
        Failure::usage(format!("cannot read the folder {}", dir.display()))
            .caused_by(&error)
            .next("give a folder of .csv files with --batch DIR")
    })?;
    for entry in entries {
        let entry = entry.map_err(|error| {
            Failure::usage(format!("cannot read the folder {}", dir.display())).caused_by(&error)
        })?;
        files.push(entry.path());
    }
    files.retain(|path| path.extension().is_some_and(|ext| ext == "csv"));
    files.sort();
    if files.is_empty() {
        return Err(Failure::usage(format!("{} has no .csv file", dir.display()))
            .next("give a folder of .csv files with --batch DIR"));
    }
    let mut exit = Exit::Ok;
    for file in files {
        let begun = Instant::now();
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let line = match reboot_file::read(&file) {
            Ok(read) => json(&judged(&read, settings, begun, Some(name)).1, false),
            Err(failure) => {
                exit = Exit::Usage;
                let why = std::error::Error::source(&failure).map(ToString::to_string);
                let error = why.map_or(failure.to_string(), |why| format!("{failure}: {why}"));
                json(&Unusable { file: name, error }, false)
            }
        };
        print(&line)?;
    }
    Ok(exit)
}

fn judged(
    read: &RebootFile,
    settings: &Settings,
    begun: Instant,
    file: Option<String>,
) -> (Report, Shown) {
    let report = judge(&read.hosts, read.settled, settings);
    let seconds = |at: i64| at.min(read.last) as f64 / 1_000.0;
    let shown = Shown {
        file,
        verdict: name(&report.outcome),
        evidence: report.evidence.min(f64::MAX),
        decided_at_s: report.decided_at.map(seconds),
        failed_canaries: report.failed_canaries,
        classes: report.classes.iter().map(|class| shown_class(class, read)).collect(),
        seconds: begun.elapsed().as_secs_f64(),
    };
    (report, shown)
}

fn shown_class(class: &ClassReport, read: &RebootFile) -> ShownClass {
    let name_of = |host: &usize| read.names.get(*host).cloned();
    ShownClass {
        class: class.class.to_string(),
        verdict: name(&class.outcome),
        why: class.why.clone(),
        effect: class.ratio.estimate,
        interval: (class.ratio.low, Some(class.ratio.high).filter(|high| high.is_finite())),
        evidence: class.evidence.min(f64::MAX),
        hosts_used: class.canaries,
        controls_used: class.controls,
        decided_at_s: class.decided_at.map(|at| at.min(read.last) as f64 / 1_000.0),
        failed_canaries: class.failed_canaries,
        failed_controls: class.failed_controls,
        canary_days: class.exposure.canary_days,
        control_days: class.exposure.control_days,
        detectable_effect: class.detectable,
        ambient_bursts: class.bursts,
        drivers: class.drivers.iter().filter_map(name_of).collect(),
    }
}

fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::Extend => "extend",
        Outcome::Inconclusive => "inconclusive",
    }
}

/// The value as JSON with an end of line.
fn json<T: Serialize>(value: &T, pretty: bool) -> String {
    let text =
        if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    // Numbers, strings and lists: nothing in it can fail to be written.
    text.map_or_else(|error| format!("{error}\n"), |text| text + "\n")
}

#[cfg(test)]
#[path = "reboots_tests.rs"]
mod tests;
