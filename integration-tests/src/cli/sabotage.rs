//! `fleet-sim sabotage`: takes one guard after another away and shows that the simulator
//! notices. Only what really happens is judged: the core's own second opinion is off, for it
//! would hide what decide does without a guard.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use wavegate_agent::machine::sabotage as of_agent;
use wavegate_core::sabotage as of_core;

use super::args::Output;
use super::batch::cores;
use crate::sim::{Options, World};

/// A guard of either program.
#[derive(Debug, Clone, Copy)]
enum Guard {
    Agent(of_agent::Guard),
    Core(of_core::Guard),
}

/// What came of taking one guard away.
#[derive(Debug, Clone, Serialize)]
struct Finding {
    guard: String,
    of: &'static str,
    caught: bool,
    seed: Option<u64>,
    seeds_run: u64,
    invariant: Option<String>,
    text: Option<String>,
}

/// Every guard there is.
fn guards() -> Vec<Guard> {
    let agent = of_agent::Guard::ALL.iter().copied().map(Guard::Agent);
    agent.chain(of_core::Guard::ALL.iter().copied().map(Guard::Core)).collect()
}

impl Guard {
    fn name(self) -> &'static str {
        match self {
            Self::Agent(guard) => guard.name(),
            Self::Core(guard) => guard.name(),
        }
    }

    fn take_away(self) {
        put_all_back();
        match self {
            Self::Agent(guard) => of_agent::set_disabled(Some(guard)),
            Self::Core(guard) => of_core::set_disabled(Some(guard)),
        }
    }
}

fn put_all_back() {
    of_agent::set_disabled(None);
    of_core::set_disabled(None);
}

/// Takes every guard away in turn. Returns whether each was missed.
pub(super) fn sabotage(seeds: u64, only: Option<&str>, output: Output) -> anyhow::Result<bool> {
    let mut findings = Vec::new();
    for guard in guards() {
        if only.is_some_and(|name| name != guard.name()) {
            continue;
        }
        let finding = try_without(guard, seeds);
        eprintln!(
            "{:<28} {}",
            finding.guard,
            finding.text.as_deref().unwrap_or("nobody noticed that it was gone")
        );
        findings.push(finding);
    }
    anyhow::ensure!(!findings.is_empty(), "there is no such guard");
    let all = findings.iter().all(|finding| finding.caught);
    match output {
        Output::Json => println!("{}", serde_json::json!({ "caught": all, "guards": findings })),
        Output::Text => {
            for finding in &findings {
                let seed = finding.seed.map_or("-".to_owned(), |seed| seed.to_string());
                let word = if finding.caught { "caught" } else { "MISSED" };
                println!("{:<28} {word:<7} seed {seed}", finding.guard);
            }
        }
    }
    Ok(all)
}

/// Runs seeds without a guard until something is noticed.
fn try_without(guard: Guard, seeds: u64) -> Finding {
    let next = AtomicU64::new(0);
    let first: Mutex<Option<(u64, String, String)>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..cores() {
            scope.spawn(|| {
                guard.take_away();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let found = first.lock().is_ok_and(|first| first.is_some());
                    if seed >= seeds || found {
                        break;
                    }
                    let Some((invariant, text)) = notice(seed) else { continue };
                    // What goes wrong with every guard in place shows nothing about this one.
                    put_all_back();
                    let anyway = notice(seed).is_some();
                    guard.take_away();
                    if anyway {
                        continue;
                    }
                    if let Ok(mut first) = first.lock()
                        && first.as_ref().is_none_or(|(known, ..)| seed < *known)
                    {
                        *first = Some((seed, invariant, text));
                    }
                }
            });
        }
    });
    let first = first.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    Finding {
        guard: guard.name().to_owned(),
        of: match guard {
            Guard::Agent(_) => "agent",
            Guard::Core(_) => "core",
        },
        caught: first.is_some(),
        seed: first.as_ref().map(|(seed, ..)| *seed),
        seeds_run: next.load(Ordering::Relaxed).min(seeds),
        invariant: first.as_ref().map(|(_, invariant, _)| invariant.clone()),
        text: first.map(|(.., text)| text),
    }
}

/// What the judge says of one seed.
fn notice(seed: u64) -> Option<(String, String)> {
    let mut world = World::new(Options::provoking(seed, 60, 3), false);
    world.without_second_opinion();
    world.run_to_end();
    let violation = world.violation()?;
    Some((format!("I{}", violation.invariant), violation.to_string()))
}
