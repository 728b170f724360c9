//! From some runs to what people are told.

use wavegate_common::spec::Limits;
use wavegate_common::{FailureDomain, Inventory, Millis, Timestamp};
use wavegate_core::{Policy, Prepared};

use super::run::{Outcome, Setting, run};

/// Hosts times plans over all runs: bounds the work, so that a plan of a large fleet is not kept
/// waiting. Fewer runs of a large fleet tell as much: its hosts average out.
const WORK: u64 = 5_000_000;
const RUNS_MOST: u64 = 20;
const RUNS_LEAST: u64 = 3;

/// What is to be expected of a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// Half of the runs took no longer.
    pub p50: Millis,
    /// Nine of ten runs took no longer.
    pub p90: Millis,
    /// Most hosts of each failure domain that were down at once by our doing, in any run; domains
    /// that none of the hosts is in are left out. Sorted.
    pub peak_down_by_domain: Vec<(FailureDomain, u64)>,
    /// Hosts that no run reached, because they are silent, held, unhealthy or outside every
    /// window: the rollout would wait for them, and the times do not count that.
    pub unreached: u64,
}

/// Runs the rollout on simulated hosts. Takes up to a second or two of CPU for a large fleet:
/// not for a thread that must answer. The same input gives the same answer.
#[must_use]
pub fn forecast(
    prepared: &Prepared,
    policy: &Policy,
    inventory: &Inventory,
    now: Timestamp,
) -> Forecast {
    let (inventory, policy) = (answering(inventory, policy, now), never_stale(policy));
    let hosts = prepared.rollout.hosts.len() as u64;
    let setting = Setting {
        rollout: &prepared.rollout,
        policy: &policy,
        inventory: &inventory,
        start: now,
        tick: tick(&prepared.rollout.spec.limits, hosts),
    };
    let seed = prepared.rollout.seed;
    let first = run(&setting, seed);
    let cost = first.plans.max(1) * hosts.max(1);
    let runs = (WORK / cost).clamp(RUNS_LEAST, RUNS_MOST);
    let mut outcomes = vec![first];
    outcomes.extend((1..runs).map(|n| run(&setting, seed.wrapping_add(n))));
    summary(&outcomes, &inventory)
}

/// The time between plans: a fraction of what a host takes from one end to the other, a larger
/// one for fleets whose plans cost more.
fn tick(limits: &Limits, hosts: u64) -> Millis {
    let once = wavegate_simfleet::usual_span(limits);
    let parts = match hosts {
        0..=1_000 => 10,
        1_001..=2_500 => 5,
        _ => 3,
    };
    Millis((once.0 / parts).max(50))
}

fn summary(outcomes: &[Outcome], inventory: &Inventory) -> Forecast {
    let mut took: Vec<Millis> = outcomes.iter().map(|outcome| outcome.took).collect();
    took.sort_unstable();
    let quantile = |of_ten: usize| {
        let rank = (took.len() * of_ten).div_ceil(10).saturating_sub(1);
        took.get(rank).copied().unwrap_or_default()
    };
    let mut peaks: Vec<(FailureDomain, u64)> = (0..inventory.domain_count() as u32)
        .filter_map(|at| {
            let domain = inventory.domain(wavegate_common::inventory::DomainIndex(at))?;
            let peak = outcomes.iter().filter_map(|o| o.peaks.get(at as usize)).max().copied()?;
            (peak > 0).then(|| (domain.clone(), peak))
        })
        .collect();
    peaks.sort();
    let unreached = outcomes.iter().map(|outcome| outcome.unreached).min().unwrap_or(0);
    Forecast { p50: quantile(5), p90: quantile(9), peak_down_by_domain: peaks, unreached }
}

/// The fleet as the forecast sees it: a host that is silent now stays silent for good.
fn answering(inventory: &Inventory, policy: &Policy, now: Timestamp) -> Inventory {
    let mut out = Inventory::new();
    for record in inventory.hosts() {
        let heard = record.last_seen.is_some_and(|last| now.since(last) <= policy.stale_after);
        match record.report.as_ref().filter(|_| heard) {
            Some(report) => {
                let report = std::sync::Arc::clone(report);
                out.put_report(report, now, &policy.domain_keys, &policy.workload_key);
            }
            None => out.enroll(record.id, &record.name),
        }
        out.set_hold(record.id, record.hold.as_deref().cloned());
    }
    out
}

/// Heartbeats are left out of the forecast, so silence must mean nothing in it.
fn never_stale(policy: &Policy) -> Policy {
    Policy { stale_after: Millis(u64::MAX / 4), settle: Millis(0), ..policy.clone() }
}
