//! Hosts.

use wavegate_common::view::{
    HostInRollout, HostRef, HostStanding, HostView, HostWhyView, WaitView,
};
use wavegate_common::{HostClass, HostId, HostPhase, HostRecord, RolloutHost, WaitingOn};
use wavegate_core::Rollout;

use crate::driver::World;

/// A host by id and name.
#[must_use]
pub fn host_ref(world: &World, id: HostId) -> HostRef {
    let name = world.inventory.get(id).map(|record| record.name.to_string()).unwrap_or_default();
    HostRef { id, name: if name.is_empty() { id.to_string() } else { name } }
}

/// One host, without its report.
#[must_use]
pub fn host(world: &World, record: &HostRecord) -> HostView {
    let report = record.report.as_deref();
    let class = world.inventory.class(record.class).cloned();
    let domains = record.domains.iter().filter_map(|index| world.inventory.domain(*index));
    let part = part(world, record.id);
    HostView {
        id: record.id,
        name: host_ref(world, record.id).name,
        class: class.unwrap_or_else(|| HostClass::from("unknown")),
        domains: domains.cloned().collect(),
        labels: (*record.labels).clone(),
        kernel: report.map(|report| report.boot.kernel.clone()),
        health: report.map(|report| report.health.state).unwrap_or_default(),
        last_seen: record.last_seen,
        connected: world.connected.contains(&record.id),
        hold: record.hold.as_deref().cloned(),
        rollout: part.map(|(rollout, host)| in_rollout(rollout, host)),
        waiting: waiting(world, record.id),
        report: None,
    }
}

/// The rollout that a host is in, or the last one it was in, with its part in it.
fn part(world: &World, id: HostId) -> Option<(&Rollout, &RolloutHost)> {
    let rollouts = world.rollouts.iter().chain(&world.ended);
    let parts = rollouts.filter_map(|rollout| Some((rollout, rollout.host(id)?)));
    // Where it takes part comes before where it was excluded, and what is under way before what
    // is over.
    parts.max_by_key(|(rollout, host)| {
        let takes_part = !matches!(host.phase, HostPhase::Excluded { .. });
        (!rollout.phase.is_over(), takes_part, rollout.id)
    })
}

fn in_rollout(rollout: &Rollout, host: &RolloutHost) -> HostInRollout {
    HostInRollout {
        rollout: rollout.id,
        rollout_name: rollout.spec.name.clone(),
        wave: host.wave,
        standing: HostStanding::of(host.phase.clone()),
        came_from: host.came_from.clone(),
    }
}

fn waiting(world: &World, id: HostId) -> Option<WaitView> {
    let (rollout, _) = part(world, id)?;
    let (on, since) = world.reports.get(&rollout.id)?.why(id)?;
    Some(WaitView::new(on.clone(), since))
}

/// Why a host does not move.
#[must_use]
pub fn host_why(world: &World, record: &HostRecord) -> HostWhyView {
    let part = part(world, record.id);
    let waiting = waiting(world, record.id);
    let name = host_ref(world, record.id).name;
    let next = waiting.as_ref().and_then(|wait| next_step(wait, &name, part));
    let text = match (&waiting, part) {
        (Some(wait), Some((rollout, _))) => {
            format!("{name} waits in rollout {}: {}", rollout.id, wait.text)
        }
        (None, Some((rollout, host))) => format!(
            "{name} is {} in rollout {}{}",
            host.phase.name().replace('_', " "),
            rollout.id,
            ending(&host.phase)
        ),
        (_, None) if record.hold.is_some() => {
            format!("{name} is held, and in no rollout that is under way")
        }
        (_, None) => format!("{name} is in no rollout that is under way"),
    };
    HostWhyView {
        host: record.id,
        name,
        rollout: part.map(|(rollout, host)| in_rollout(rollout, host)),
        waiting,
        text,
        next,
    }
}

fn ending(phase: &HostPhase) -> String {
    match phase {
        HostPhase::Failed { step, reason } => format!(" at step {step}: {reason}"),
        HostPhase::Excluded { reason } => format!(": {reason}"),
        _ => String::new(),
    }
}

fn next_step(
    wait: &WaitView,
    name: &str,
    part: Option<(&Rollout, &RolloutHost)>,
) -> Option<String> {
    let rollout = part.map(|(rollout, _)| rollout.id)?;
    match &wait.on {
        WaitingOn::Held { .. } => Some(format!("wavegate host release {name} --reason '...'")),
        WaitingOn::Paused { .. } => Some(format!("wavegate rollout why {rollout}")),
        WaitingOn::Approval { .. } => {
            Some(format!("wavegate rollout approve {rollout} --reason '...'"))
        }
        WaitingOn::HostLost | WaitingOn::Failed { .. } | WaitingOn::NoRecentReport { .. } => {
            Some(format!("wavegate host exclude {name} --rollout {rollout} --reason '...'"))
        }
        WaitingOn::KnownBad { .. } => {
            let (rollout, host) = part?;
            let class = rollout.class_of(host)?;
            let id = rollout.id;
            Some(format!("wavegate rollout resume {id} --retry-class '{class}' --reason '...'"))
        }
        _ => None,
    }
}
