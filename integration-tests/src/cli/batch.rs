//! Many seeds on several threads. The outcome of a seed does not depend on the thread, and the
//! hash of a batch not on their order.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use wavegate_common::order::stable_hash;

use crate::sim::{Options, World};

/// What came of a batch.
#[derive(Debug, Clone, Serialize)]
pub struct Batch {
    /// How many seeds were run.
    pub seeds: u64,
    /// In how many of them an invariant was broken.
    pub violations: u64,
    /// The hash of everything that happened in all of them.
    pub hash: String,
    /// Hosts times simulated hours, over all seeds.
    pub simulated_host_hours: u64,
    /// Steps taken.
    pub steps: u64,
    /// Of the lowest seed with one.
    pub first_violation: Option<FirstViolation>,
    /// Every seed with one.
    pub violating_seeds: Vec<u64>,
}

/// A broken invariant and how to see it again.
#[derive(Debug, Clone, Serialize)]
pub struct FirstViolation {
    /// The seed.
    pub seed: u64,
    /// The invariant, for example `I1`.
    pub invariant: String,
    /// How it was broken.
    pub text: String,
    /// The command that shows it.
    pub replay: String,
}

/// A seed that was run: its number, hash, steps, and the first thing that went wrong.
type Ended = (u64, u64, u64, Option<FirstViolation>);

/// Runs seeds, each with the options that follow from it. `seen` is called after each, from any
/// thread.
pub fn run_seeds(
    seeds: &Range<u64>,
    options: impl Fn(u64) -> Options + Sync,
    threads: usize,
    seen: impl Fn(u64) + Sync,
) -> Batch {
    let next = AtomicU64::new(seeds.start);
    let done: Mutex<Vec<Ended>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    let (hash, steps, violation) = run_one(options(seed));
                    if let Ok(mut done) = done.lock() {
                        done.push((seed, hash, steps, violation));
                    }
                    seen(seed);
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(seed, ..)| *seed);
    let (mut hash, first) = (0, options(seeds.start));
    let hours = first.end.0 / 3_600_000;
    for (seed, one, ..) in &done {
        hash = stable_hash(hash, &[u128::from(*seed), u128::from(*one)]);
    }
    Batch {
        seeds: done.len() as u64,
        violations: done.iter().filter(|(.., violation)| violation.is_some()).count() as u64,
        hash: format!("{hash:016x}"),
        simulated_host_hours: done.len() as u64 * first.hosts as u64 * hours,
        steps: done.iter().map(|(_, _, steps, _)| *steps).sum(),
        violating_seeds: done
            .iter()
            .filter(|(.., violation)| violation.is_some())
            .map(|(seed, ..)| *seed)
            .collect(),
        first_violation: done.into_iter().find_map(|(.., violation)| violation),
    }
}

fn run_one(options: Options) -> (u64, u64, Option<FirstViolation>) {
    let seed = options.seed;
    let mut world = World::new(options, false);
    world.run_to_end();
    let violation = world.violation().map(|violation| FirstViolation {
        seed,
        invariant: format!("I{}", violation.invariant),
        text: violation.to_string(),
        replay: String::new(),
    });
    (world.hash(), world.step_count(), violation)
}

/// How many threads to use if nobody says.
#[must_use]
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}
