//! `fleet-sim bench-planner`: how long one pass of the planner takes over a fleet in the middle
//! of a rollout, and its second opinion.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wavegate_common::{
    BootCause, BootId, BootRecord, CheckResult, Direction, Generation, Health, HostPhase,
    HostReport, Inventory, KernelRelease, Millis, OpenOrder, OrderKind, RolloutHost, RolloutId,
    RolloutPhase, Timestamp,
};
use wavegate_core::{KnownBad, PlanningInput, Policy, Proposal, Rollout, check, decide, prepare};
use wavegate_simfleet::{EPOCH, Fleet, HostProfile};

use super::args::Output;
use crate::sim::{release, spec};

/// Never fewer passes than this.
const FEWEST: usize = 20;
/// And never longer than about this.
const LONGEST: Duration = Duration::from_secs(8);

/// Measures and prints.
pub(super) fn bench(hosts: usize, output: Output) -> anyhow::Result<bool> {
    let mut fleet = Fleet::demo(hosts, 1);
    // The inventory is sorted by identity: in order each host is put behind the others.
    fleet.profiles.sort_by_key(|profile| profile.id);
    let policy = Policy::default();
    let now = EPOCH.after(Millis::hours(4));
    let mut inventory = Inventory::new();
    let old = KernelRelease::from("6.1.0-54-amd64");
    put_all(&mut inventory, &fleet, &policy, now, |_| old.clone());
    let mut rollout = in_the_middle(&inventory, &policy, now)?;
    let new = rollout.release.kernel.clone();
    let updated: BTreeMap<_, _> = rollout
        .hosts
        .iter()
        .filter(|host| {
            matches!(host.phase, HostPhase::Updated { .. } | HostPhase::Verifying { .. })
        })
        .map(|host| (host.host, ()))
        .collect();
    put_all(&mut inventory, &fleet, &policy, now, |profile| {
        if updated.contains_key(&profile.id) { new.clone() } else { old.clone() }
    });
    drop(fleet);
    rollout = rollout.arranged();
    let known_bad = KnownBad::default();
    let rollouts = [rollout];
    let mut reports = BTreeMap::new();
    let (mut decides, mut checks) = (Vec::new(), Vec::new());
    let begun = Instant::now();
    while decides.len() < FEWEST || (begun.elapsed() < LONGEST && decides.len() < 500) {
        let input = PlanningInput {
            now,
            up_since: EPOCH,
            parent: Generation(100),
            policy: &policy,
            inventory: &inventory,
            rollouts: &rollouts,
            reports: &reports,
            known_bad: &known_bad,
            assessments: &BTreeMap::new(),
            permit_requests: &[],
        };
        let at = Instant::now();
        let plan = decide(&input);
        decides.push(at.elapsed());
        let at = Instant::now();
        let violations = check(&input, &plan);
        checks.push(at.elapsed());
        anyhow::ensure!(violations.is_empty(), "the plan breaks {}", violations[0]);
        reports = plan.reports.into_iter().map(|report| (report.rollout, report)).collect();
    }
    print(hosts, &mut decides, &mut checks, output);
    Ok(true)
}

/// A report of every host.
pub(super) fn put_all(
    inventory: &mut Inventory,
    fleet: &Fleet,
    policy: &Policy,
    now: Timestamp,
    kernel: impl Fn(&HostProfile) -> KernelRelease,
) {
    for profile in &fleet.profiles {
        let kernel = kernel(profile);
        let report = HostReport {
            host: profile.id,
            seq: 1 + u64::from(kernel != profile.kernel),
            name: profile.name.clone(),
            labels: profile.labels.clone(),
            facts: profile.facts.clone(),
            boot: BootRecord {
                boot_id: boot_of(profile.id.0),
                kernel: kernel.clone(),
                booted_at: EPOCH,
                cause: BootCause::First,
            },
            installed: vec![profile.kernel.clone(), kernel.clone()],
            default_kernel: Some(kernel),
            health: Health::of(vec![CheckResult {
                name: "units".to_owned(),
                ok: true,
                detail: String::new(),
            }]),
            transaction: None,
            generation: Generation(50),
            guard: Vec::new(),
            no_kexec: profile.no_kexec.clone(),
            drift: Vec::new(),
        };
        inventory.put_report(Arc::new(report), now, &policy.domain_keys, &policy.workload_key);
    }
}

fn boot_of(host: u128) -> BootId {
    BootId(host ^ 0xb007)
}

/// A rollout in its wave of 25 %: the waves before are done, in this one six of ten hosts are,
/// and one in fifty is under way.
fn in_the_middle(
    inventory: &Inventory,
    policy: &Policy,
    now: Timestamp,
) -> anyhow::Result<Rollout> {
    let release = release("6.1.0-56-amd64");
    let mut spec = spec("bench", &release, "*").ok_or_else(|| anyhow::anyhow!("no selector"))?;
    spec.waves = [10_000, 50_000, 250_000, 1_000_000]
        .map(|ppm| wavegate_common::Wave(wavegate_common::Share(ppm)))
        .to_vec();
    let proposal = Proposal {
        id: RolloutId(1),
        spec: &spec,
        release: &release,
        seed: 1,
        now,
        by: "bench",
        inventory,
        policy,
        known_bad: &KnownBad::default(),
        others: &[],
    };
    let mut rollout = prepare(&proposal)?.rollout;
    rollout.phase = RolloutPhase::Rolling { wave: 3 };
    let from = KernelRelease::from("6.1.0-54-amd64");
    for (host, rank) in rollout.hosts.iter_mut().zip(0u32..) {
        let done = host.wave < 3 || (host.wave == 3 && rank % 10 < 6);
        let under_way = host.wave == 3 && rank % 50 == 7;
        if done {
            host.came_from = Some(from.clone());
            host.boots = 1;
            host.phase = HostPhase::Updated { at: now, boot: boot_of(host.host.0) };
        } else if under_way {
            under_way_now(host, &from, now);
        }
    }
    Ok(rollout)
}

fn under_way_now(host: &mut RolloutHost, from: &KernelRelease, now: Timestamp) {
    let boot_id = boot_of(host.host.0);
    host.came_from = Some(from.clone());
    host.direction = Direction::Forward;
    let id = wavegate_common::order::command_id(RolloutId(1), host.host, 0, 1);
    host.order = Some(OpenOrder {
        id,
        kind: OrderKind::Activate,
        generation: Generation(90),
        boot_id,
        running: from.clone(),
    });
    host.phase = HostPhase::Draining { since: now };
}

fn print(hosts: usize, decides: &mut [Duration], checks: &mut [Duration], output: Output) {
    let (decides, checks) = (percentiles(decides), percentiles(checks));
    match output {
        Output::Json => {
            let pair = |(p50, p99): (f64, f64)| serde_json::json!({ "p50": p50, "p99": p99 });
            let object = serde_json::json!({
                "hosts": hosts,
                "decide_ms": pair(decides),
                "check_ms": pair(checks),
            });
            println!("{object}");
        }
        Output::Text => println!(
            "{hosts} hosts: decide p50 {} ms, p99 {} ms; check p50 {} ms, p99 {} ms",
            decides.0, decides.1, checks.0, checks.1
        ),
    }
}

/// The median and the 99th percentile, in milliseconds.
fn percentiles(spans: &mut [Duration]) -> (f64, f64) {
    spans.sort_unstable();
    let at = |share: usize| {
        let place = (spans.len() * share / 100).min(spans.len().saturating_sub(1));
        let span = spans.get(place).copied().unwrap_or_default();
        (span.as_secs_f64() * 1e6).round() / 1e3
    };
    (at(50), at(99))
}
