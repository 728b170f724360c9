//! A rollout before it is made.

use std::collections::BTreeMap;

use wavegate_common::spec::Waiver;
use wavegate_common::view::{
    ClassHosts, Coverage, DomainLoad, ExcludedHost, HostRef, PlanView, PlanWave,
};
use wavegate_common::{
    FailureDomain, HostClass, HostId, HostPhase, Inventory, Release, RolloutHost, RolloutPhase,
};

use super::rollout::{bound, domain_sizes};
use crate::driver::{Fleet, Proposed};
use crate::forecast::Forecast;

/// What the rollout would be.
#[must_use]
pub fn plan(
    fleet: &Fleet,
    release: &Release,
    proposed: &Proposed,
    forecast: &Forecast,
) -> PlanView {
    let rollout = &proposed.prepared.rollout;
    let name = |id: HostId| name_of(&fleet.inventory, id);
    let taking: Vec<&RolloutHost> = rollout
        .hosts
        .iter()
        .filter(|host| !matches!(host.phase, HostPhase::Excluded { .. }))
        .collect();
    let waves: Vec<PlanWave> = rollout
        .waves
        .iter()
        .zip(0u16..)
        .map(|(shape, index)| wave(index, shape.share, &taking, &rollout.classes))
        .collect();
    let held_back = |host: &&&RolloutHost| {
        rollout.waves.get(usize::from(host.wave)).is_some_and(|shape| shape.holdback)
    };
    let coverage = proposed.prepared.coverage.iter().map(|class| Coverage {
        class: class.class.clone(),
        hosts: class.hosts,
        canaries: class.canaries.iter().map(|id| HostRef { id: *id, name: name(*id) }).collect(),
        waived: class.waived.clone().map(|(by, reason)| Waiver {
            class: class.class.clone(),
            by,
            reason,
        }),
    });
    let excluded = proposed.prepared.excluded.iter();
    let needs_approval = rollout.phase == RolloutPhase::Draft;
    PlanView {
        hash: proposed.hash,
        name: rollout.spec.name.clone(),
        release: release.clone(),
        hosts: taking.len() as u64,
        seed: rollout.seed,
        holdback: taking.iter().filter(held_back).count() as u64,
        waves,
        coverage: coverage.collect(),
        peak_down: peaks(fleet, proposed, forecast),
        p50: (forecast.unreached < taking.len() as u64).then_some(forecast.p50),
        p90: (forecast.unreached < taking.len() as u64).then_some(forecast.p90),
        unreached: forecast.unreached,
        excluded: excluded
            .map(|(id, reason)| ExcludedHost { id: *id, name: name(*id), reason: reason.clone() })
            .collect(),
        warnings: warnings(proposed, forecast, needs_approval),
        needs_approval,
    }
}

fn name_of(inventory: &Inventory, id: HostId) -> String {
    match inventory.get(id) {
        Some(record) if !record.name.is_empty() => record.name.to_string(),
        _ => id.to_string(),
    }
}

fn wave(
    index: u16,
    share: wavegate_common::Share,
    taking: &[&RolloutHost],
    classes: &[HostClass],
) -> PlanWave {
    let mut by_class: BTreeMap<u32, u64> = BTreeMap::new();
    for host in taking.iter().filter(|host| host.wave == index) {
        *by_class.entry(host.class).or_default() += 1;
    }
    PlanWave {
        index,
        share,
        hosts: by_class.values().sum(),
        classes: by_class
            .into_iter()
            .filter_map(|(class, hosts)| {
                Some(ClassHosts { class: classes.get(class as usize)?.clone(), hosts })
            })
            .collect(),
    }
}

fn peaks(fleet: &Fleet, proposed: &Proposed, forecast: &Forecast) -> Vec<DomainLoad> {
    let sizes = domain_sizes(&fleet.inventory);
    let spec = &proposed.prepared.rollout.spec;
    let load = |(domain, down): &(FailureDomain, u64)| {
        let budgets = spec.budgets.iter().chain(&fleet.policy.budgets);
        let max = bound(budgets, domain, sizes.get(domain).copied().unwrap_or(0));
        DomainLoad { domain: domain.clone(), down: *down, max }
    };
    forecast.peak_down_by_domain.iter().map(load).collect()
}

fn warnings(proposed: &Proposed, forecast: &Forecast, needs_approval: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    for class in &proposed.prepared.coverage {
        if let Some((by, reason)) = &class.waived {
            warnings.push(format!(
                "class {} goes without enough canaries: {by} answers for it ({reason})",
                class.class
            ));
        }
    }
    if forecast.unreached > 0 {
        warnings.push(format!(
            "{} hosts are silent, held, unhealthy or outside every window now: the rollout would wait for them",
            forecast.unreached
        ));
    }
    if needs_approval {
        warnings.push("a second person must approve it before it begins".to_owned());
    }
    warnings
}
