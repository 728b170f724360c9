//! `fleet-sim run`.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::args::{Output, Size};
use super::batch::{Batch, cores, run_seeds};

/// Runs seeds and prints the summary. Returns whether no invariant was broken.
pub(super) fn run(
    seeds: &Range<u64>,
    size: Size,
    output: Output,
    threads: usize,
) -> anyhow::Result<bool> {
    let threads = if threads == 0 { cores() } else { threads };
    let begun = Instant::now();
    let done = AtomicU64::new(0);
    let all = seeds.end - seeds.start;
    let mut batch = run_seeds(
        seeds,
        |seed| size.options(seed),
        threads,
        |_| {
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if done.is_multiple_of(100) {
                eprintln!("{done} of {all} seeds");
            }
        },
    );
    if let Some(first) = &mut batch.first_violation {
        first.replay = format!("fleet-sim replay --seed {} {}", first.seed, size.typed());
    }
    let wall_s = begun.elapsed().as_secs_f64();
    print(&batch, wall_s, output)?;
    Ok(batch.violations == 0)
}

fn print(batch: &Batch, wall_s: f64, output: Output) -> anyhow::Result<()> {
    match output {
        Output::Json => {
            let mut object = serde_json::to_value(batch)?;
            object["wall_s"] = serde_json::json!((wall_s * 1_000.0).round() / 1_000.0);
            println!("{object}");
        }
        Output::Text => {
            println!(
                "{} seeds, {} host hours in {wall_s:.1} s ({:.1} seeds/s), {} steps",
                batch.seeds,
                batch.simulated_host_hours,
                batch.seeds as f64 / wall_s,
                batch.steps
            );
            println!("{} violations, hash {}", batch.violations, batch.hash);
            if let Some(first) = &batch.first_violation {
                println!("first at seed {}: {}\n  {}", first.seed, first.text, first.replay);
            }
        }
    }
    Ok(())
}
