//! Why a rollout stands where it stands, and what can be typed now.

use wavegate_common::view::{
    Choice, HarmedHost, HostStanding, RolloutWhyView, Standing, WaitGroup, WaitView,
};
use wavegate_common::{
    FailureDomain, HostClass, HostPhase, PauseReason, PlanReport, RolloutPhase, Timestamp,
};
use wavegate_core::Rollout;

use super::host::host_ref;
use super::rollout::Known;
use crate::driver::World;

/// Hosts named in one group of those that wait.
const NAMED: usize = 10;

/// The answer to "why does it stand there?".
#[must_use]
pub fn rollout_why(world: &World, known: Known<'_>) -> RolloutWhyView {
    let Known { rollout, report, last } = known;
    let harmed = harmed(world, rollout);
    let waiting = report.and_then(|report| report.waiting.clone());
    let since = waiting.as_ref().map(|(_, since)| *since).or(last.map(|(_, at)| at));
    RolloutWhyView {
        id: rollout.id,
        name: rollout.spec.name.clone(),
        standing: Standing::of(rollout.phase.clone()),
        text: text(rollout, waiting.as_ref().map(|(on, _)| on.to_string()), harmed.len()),
        since,
        waiting: waiting.map(|(on, since)| WaitView::new(on, since)),
        findings: match &rollout.phase {
            RolloutPhase::Paused { reason: PauseReason::Gate { findings, .. }, .. } => {
                findings.clone()
            }
            _ => Vec::new(),
        },
        shared: shared(&harmed),
        done: done(rollout, &harmed),
        choices: choices(rollout),
        waits: waits(world, report),
        harmed,
    }
}

fn text(rollout: &Rollout, waiting: Option<String>, harmed: usize) -> String {
    let id = rollout.id;
    match (&rollout.phase, waiting) {
        (RolloutPhase::Paused { reason, .. }, _) => format!("rollout {id} is paused: {reason}"),
        (RolloutPhase::Aborted { reason }, _) => format!("rollout {id} has ended: {reason}"),
        (RolloutPhase::Succeeded, _) if harmed == 0 => {
            format!("rollout {id} is through: every host that takes part is updated")
        }
        (RolloutPhase::Succeeded, _) => format!("rollout {id} is through, {harmed} hosts failed"),
        (phase, Some(waiting)) => {
            format!("rollout {id} is {} and waits: {waiting}", phase.name().replace('_', " "))
        }
        (phase, None) => {
            format!("rollout {id} is {}: hosts move", phase.name().replace('_', " "))
        }
    }
}

fn harmed(world: &World, rollout: &Rollout) -> Vec<HarmedHost> {
    let bad = rollout.hosts.iter().filter(|host| host.phase.is_harmed());
    bad.map(|host| {
        let record = world.inventory.get(host.host);
        let domains = record.into_iter().flat_map(|record| record.domains.iter());
        let class = rollout.class_of(host).cloned();
        HarmedHost {
            id: host.host,
            name: host_ref(world, host.host).name,
            class: class.unwrap_or_else(|| HostClass::from("unknown")),
            domains: domains.filter_map(|index| world.inventory.domain(*index)).cloned().collect(),
            standing: HostStanding::of(host.phase.clone()),
        }
    })
    .collect()
}

/// What all bad hosts have in common. One host has everything in common with itself; that says
/// nothing, except which class it is of.
fn shared(harmed: &[HarmedHost]) -> Vec<String> {
    let Some((first, others)) = harmed.split_first() else { return Vec::new() };
    let mut shared = Vec::new();
    if others.iter().all(|host| host.class == first.class) {
        shared.push(format!("class={}", first.class));
    }
    if !others.is_empty() {
        let common =
            |domain: &&FailureDomain| others.iter().all(|host| host.domains.contains(domain));
        shared.extend(first.domains.iter().filter(common).map(ToString::to_string));
    }
    shared
}

fn done(rollout: &Rollout, harmed: &[HarmedHost]) -> Vec<String> {
    let mut done = Vec::new();
    for (index, what) in &rollout.blocked {
        if let Some(class) = rollout.classes.get(*index as usize) {
            done.push(format!("nothing begins in class {class} any more: {what}"));
        }
    }
    let fell_back = harmed
        .iter()
        .filter(|host| {
            matches!(
                host.standing.phase_detail,
                HostPhase::Failed { reason: wavegate_common::FailReason::FellBack { .. }, .. }
            )
        })
        .count();
    if fell_back > 0 {
        done.push(format!("{fell_back} hosts fell back to the old kernel by themselves"));
    }
    if matches!(rollout.phase, RolloutPhase::Paused { .. }) {
        done.push("no permit is given: no host begins a reboot".to_owned());
    }
    done
}

fn choices(rollout: &Rollout) -> Vec<Choice> {
    let id = rollout.id;
    let choice = |verb: &str, effect: &str| Choice {
        command: format!("wavegate rollout {verb} {id} --reason '...'"),
        effect: effect.to_owned(),
    };
    let back = choice("rollback", "every host that moved goes back to the kernel it came from");
    let end = choice("abort", "it ends; hosts stay where they are");
    match &rollout.phase {
        RolloutPhase::Draft => vec![choice("approve", "it begins"), end],
        RolloutPhase::Paused { reason: PauseReason::Gate { .. }, .. } => {
            let mut all = vec![choice(
                "resume",
                "failures so far are accepted; blocked classes stay blocked",
            )];
            let blocked = rollout.blocked.keys().filter_map(|at| rollout.classes.get(*at as usize));
            all.extend(blocked.map(|class| {
                let verb = format!("resume --retry-class '{class}'");
                choice(&verb, "failed hosts of the class try again")
            }));
            all.extend([back, end]);
            all
        }
        RolloutPhase::Paused { .. } => vec![choice("resume", "it goes on"), back, end],
        RolloutPhase::Canary | RolloutPhase::Rolling { .. } | RolloutPhase::Baking { .. } => {
            vec![choice("pause", "nothing begins any more"), back, end]
        }
        RolloutPhase::RollingBack => vec![choice("pause", "nothing begins any more"), end],
        RolloutPhase::Succeeded | RolloutPhase::Aborted { .. } => Vec::new(),
    }
}

fn waits(world: &World, report: Option<&PlanReport>) -> Vec<WaitGroup> {
    let groups = report.into_iter().flat_map(|report| &report.hosts);
    groups
        .filter_map(|wait| {
            let since: Timestamp = wait.hosts.iter().map(|(_, since)| *since).min()?;
            Some(WaitGroup {
                waiting: WaitView::new(wait.on.clone(), since),
                count: wait.hosts.len() as u64,
                hosts: wait.hosts.iter().take(NAMED).map(|(id, _)| host_ref(world, *id)).collect(),
            })
        })
        .collect()
}
