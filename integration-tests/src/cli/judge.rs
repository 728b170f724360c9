//! `fleet-sim judge`: whole rollouts by the hundred, and how often the gate was right.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Context;
use wavegate_common::spec::Share;
use wavegate_common::{Inventory, JudgeRule, KernelRelease, Millis, RolloutId, RolloutSpec, Wave};
use wavegate_core::{KnownBad, Policy, Proposal, prepare};
use wavegate_gate::perf::ranksum::Nulls;
use wavegate_simfleet::{EPOCH, Fleet};

use super::args::Output;
use super::batch::cores;
use super::bench::put_all;
use crate::judge::{Ended, Pools, Score, Setting, score, trial};
use crate::sim::{release, spec};

/// Metrics that are judged.
const METRICS: usize = 20;

/// Runs and prints. False if an invariant was broken.
pub(super) fn judge(
    rollouts: u64,
    hosts: usize,
    seed: u64,
    data: &Path,
    output: Output,
    threads: usize,
) -> anyhow::Result<bool> {
    let pools = Pools::read(data).context(
        "this needs public measurements that are not part of wavegate: \
         integration-tests/src/judge/noise.rs says where they come from, `--data` where they are",
    )?;
    let threads = if threads == 0 { cores() } else { threads };
    let mut fleet = Fleet::demo(hosts, 1);
    fleet.profiles.sort_by_key(|profile| profile.id);
    let policy = Policy::default();
    let start = EPOCH.after(Millis::hours(4));
    let mut inventory = Inventory::new();
    let old = KernelRelease::from("6.1.0-54-amd64");
    put_all(&mut inventory, &fleet, &policy, start, |_| old.clone());
    drop(fleet);
    let spec = judged_spec()?;
    let begun = Instant::now();
    let (next, done) = (AtomicU64::new(0), Mutex::new(Vec::<(u64, Ended)>::new()));
    let run = || -> anyhow::Result<()> {
        let mut nulls = Nulls::new();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= rollouts {
                return Ok(());
            }
            let rollout = prepare(&Proposal {
                id: RolloutId(1),
                spec: &spec,
                release: &release("6.1.0-56-amd64"),
                seed: seed + n,
                now: start,
                by: "judge",
                inventory: &inventory,
                policy: &policy,
                known_bad: &KnownBad::default(),
                others: &[],
            })?
            .rollout;
            let setting = Setting {
                policy: &policy,
                inventory: &inventory,
                rollout: &rollout,
                start,
                pools: &pools,
            };
            let ended = trial(&setting, seed + n, &mut nulls);
            if let Ok(mut done) = done.lock() {
                done.push((n, ended));
                if done.len().is_multiple_of(50) {
                    eprintln!("{} of {rollouts} rollouts", done.len());
                }
            }
        }
    };
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(run)).collect();
        for worker in workers {
            worker.join().map_err(|_| anyhow::anyhow!("a rollout did not end"))??;
        }
        Ok(())
    })?;
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(n, _)| *n);
    let all: Vec<Ended> = done.into_iter().map(|(_, ended)| ended).collect();
    let score = score(&all);
    print(&score, &all, begun.elapsed().as_secs_f64(), output)?;
    Ok(score.violations == 0)
}

/// What a careful operator would ask for: every wave is watched for a day.
fn judged_spec() -> anyhow::Result<RolloutSpec> {
    let release = release("6.1.0-56-amd64");
    let mut spec = spec("judged", &release, "*").context("no selector")?;
    spec.canary.per_class = 5;
    spec.canary.at_least = 3;
    spec.waves = [10_000, 50_000, 250_000, 1_000_000].map(|ppm| Wave(Share(ppm))).to_vec();
    spec.holdback = Share(50_000);
    spec.bake = Millis::hours(24);
    let metrics: Vec<String> = (0..METRICS)
        .map(|n| {
            let of = if n % 2 == 0 { "io.read_latency" } else { "cpu.work" };
            format!(r#"{{"name":"{of}.{n}/p50"}}"#)
        })
        .collect();
    let rule = format!(r#"{{"metrics":[{}]}}"#, metrics.join(","));
    spec.judge = Some(serde_json::from_str::<JudgeRule>(&rule)?);
    Ok(spec)
}

fn print(score: &Score, all: &[Ended], wall_s: f64, output: Output) -> anyhow::Result<()> {
    match output {
        Output::Json => {
            let mut object = serde_json::to_value(score)?;
            object["wall_s"] = serde_json::json!((wall_s * 1_000.0).round() / 1_000.0);
            println!("{object}");
        }
        Output::Text => {
            println!(
                "{} rollouts, {} with a bad class: precision {:.3}, recall {:.3}; clean ones \
                 stopped {:.4}, stuck {}",
                score.rollouts,
                score.planted,
                score.precision,
                score.recall,
                score.false_pause_share,
                score.stuck
            );
            println!(
                "exposed hosts p50 {}, p99 {}; decision p99 {:.3} s; a clean rollout takes {} h; \
                 {wall_s:.1} s",
                score.exposed_hosts_p50,
                score.exposed_hosts_p99,
                score.decision_s_p99,
                score.clean_hours_p50
            );
            for kind in &score.by_kind {
                println!(
                    "  {}: {} of {} found, at most {} hosts exposed",
                    kind.what, kind.found, kind.planted, kind.exposed_max
                );
            }
            let odd = all.iter().filter(|ended| match &ended.planted {
                None => ended.phase != "succeeded",
                Some(class) => !ended.stopped.contains(class),
            });
            for ended in odd.take(10) {
                println!(
                    "  odd: planted {:?}, stopped {:?}, {} after {} h, waits for {:?}",
                    ended.what, ended.stopped, ended.phase, ended.hours, ended.waits
                );
            }
        }
    }
    Ok(())
}
