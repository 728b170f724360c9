//! Rollouts in numbers.

use std::collections::BTreeMap;

use wavegate_common::view::{
    ClassCount, DomainLoad, HostCounts, RolloutView, Standing, WaitView, WaveView,
};
use wavegate_common::{
    Budget, FailureDomain, Generation, HostPhase, Inventory, PlanReport, RolloutHost, Timestamp,
};
use wavegate_core::Rollout;

use crate::driver::World;

/// A rollout with what is known of it beside its state.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The rollout.
    pub rollout: &'a Rollout,
    /// What the planner said last.
    pub report: Option<&'a PlanReport>,
    /// The plan that changed it last, and when.
    pub last: Option<(Generation, Timestamp)>,
}

/// One rollout, without the planner's whole report.
#[must_use]
pub fn rollout(world: &World, known: Known<'_>) -> RolloutView {
    let Known { rollout, report, last } = known;
    let waiting = report.and_then(|report| report.waiting.clone());
    let waves = report.map(|report| report.waves.iter().cloned().map(WaveView::from).collect());
    let (generation, changed_at) = last.unwrap_or((Generation(0), rollout.created_at));
    RolloutView {
        id: rollout.id,
        name: rollout.spec.name.clone(),
        release: rollout.release.clone(),
        standing: Standing::of(rollout.phase.clone()),
        generation,
        seed: rollout.seed,
        created_by: rollout.created_by.clone(),
        created_at: rollout.created_at,
        changed_at,
        hosts: counts(&rollout.hosts),
        waves: waves.unwrap_or_else(|| bare_waves(rollout)),
        classes: classes(rollout),
        down_by_domain: down_by_domain(world, rollout),
        waiting: waiting.map(|(on, since)| WaitView::new(on, since)),
        spec: rollout.spec.clone(),
        report: None,
    }
}

fn counts(hosts: &[RolloutHost]) -> HostCounts {
    let mut counts = HostCounts { total: hosts.len() as u64, ..HostCounts::default() };
    for host in hosts {
        let place = match host.phase {
            HostPhase::Pending => &mut counts.pending,
            HostPhase::Updated { .. } => &mut counts.updated,
            HostPhase::Failed { .. } => &mut counts.failed,
            HostPhase::Lost => &mut counts.lost,
            HostPhase::RolledBack => &mut counts.rolled_back,
            HostPhase::Excluded { .. } => &mut counts.excluded,
            HostPhase::Staging { .. }
            | HostPhase::Staged
            | HostPhase::Draining { .. }
            | HostPhase::Rebooting { .. }
            | HostPhase::Verifying { .. } => &mut counts.under_way,
        };
        *place += 1;
    }
    counts
}

fn takes_part(host: &&RolloutHost) -> bool {
    !matches!(host.phase, HostPhase::Excluded { .. })
}

/// Waves before the planner has said anything about them.
fn bare_waves(rollout: &Rollout) -> Vec<WaveView> {
    let of = |(shape, index): (&wavegate_core::WaveShape, u16)| WaveView {
        index,
        share: shape.share,
        hosts: rollout.hosts.iter().filter(takes_part).filter(|h| h.wave == index).count() as u64,
        updated: 0,
        under_way: 0,
        harmed: 0,
        verdict: None,
        verdict_detail: None,
    };
    rollout.waves.iter().zip(0..).map(of).collect()
}

fn classes(rollout: &Rollout) -> Vec<ClassCount> {
    let mut counted: Vec<ClassCount> = rollout
        .classes
        .iter()
        .zip(0u32..)
        .map(|(class, index)| ClassCount {
            class: class.clone(),
            total: 0,
            updated: 0,
            harmed: 0,
            blocked: rollout.blocked.get(&index).cloned(),
        })
        .collect();
    for host in rollout.hosts.iter().filter(takes_part) {
        let Some(class) = counted.get_mut(host.class as usize) else { continue };
        class.total += 1;
        class.updated += u64::from(matches!(host.phase, HostPhase::Updated { .. }));
        class.harmed += u64::from(host.phase.is_harmed());
    }
    counted
}

fn down_by_domain(world: &World, rollout: &Rollout) -> Vec<DomainLoad> {
    let mut down: BTreeMap<FailureDomain, u64> = BTreeMap::new();
    for host in rollout.hosts.iter().filter(|host| host.phase.holds_slot()) {
        let Some(record) = world.inventory.get(host.host) else { continue };
        for domain in record.domains.iter().filter_map(|index| world.inventory.domain(*index)) {
            *down.entry(domain.clone()).or_default() += 1;
        }
    }
    if down.is_empty() {
        return Vec::new();
    }
    let sizes = domain_sizes(&world.inventory);
    let load = |(domain, down): (FailureDomain, u64)| {
        let budgets = rollout.spec.budgets.iter().chain(&world.policy.budgets);
        let max = bound(budgets, &domain, sizes.get(&domain).copied().unwrap_or(0));
        DomainLoad { domain, down, max }
    };
    down.into_iter().map(load).collect()
}

/// Hosts of each failure domain.
pub(super) fn domain_sizes(inventory: &Inventory) -> BTreeMap<FailureDomain, u64> {
    let mut sizes = BTreeMap::new();
    for record in inventory.hosts() {
        for domain in record.domains.iter().filter_map(|index| inventory.domain(*index)) {
            *sizes.entry(domain.clone()).or_default() += 1;
        }
    }
    sizes
}

/// How many hosts of a domain may be down under the tightest of some budgets.
pub(super) fn bound<'a>(
    budgets: impl Iterator<Item = &'a Budget>,
    domain: &FailureDomain,
    size: u64,
) -> Option<u64> {
    budgets
        .filter_map(|budget| match budget {
            Budget::PerDomain { key, max_down } if *key == domain.key => Some(max_down.hosts(size)),
            Budget::PerDomain { .. } | Budget::Selected { .. } => None,
        })
        .min()
}
