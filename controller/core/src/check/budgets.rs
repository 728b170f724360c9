//! I1: hosts down by our doing, per failure domain and selector, stay within the budget minus
//! those that are down anyway.

use std::collections::{BTreeMap, BTreeSet};

use wavegate_common::inventory::DomainIndex;
use wavegate_common::{Budget, HealthState, HostId, HostRecord};

use super::opinion::Case;
use crate::event::HostChange;
use crate::input::{PlanningInput, Violation};

pub(super) fn check(input: &PlanningInput<'_>, cases: &[Case<'_>], out: &mut Vec<Violation>) {
    let mut away: BTreeSet<HostId> = BTreeSet::new();
    for case in cases {
        let slots = case.rollout.hosts.iter().filter(|host| host.phase.holds_slot());
        away.extend(slots.map(|host| host.host));
        away.extend(starts(case));
    }
    for case in cases {
        let started: Vec<&HostRecord> =
            starts(case).filter_map(|id| input.inventory.get(id)).collect();
        if started.is_empty() {
            continue;
        }
        let own = cases.iter().flat_map(|other| &other.rollout.spec.budgets);
        let budgets = input.policy.budgets.iter().chain(own);
        for budget in budgets {
            match budget {
                Budget::PerDomain { key, max_down } => {
                    let touched: BTreeSet<DomainIndex> = started
                        .iter()
                        .flat_map(|record| record.domains.iter().copied())
                        .filter(|d| input.inventory.domain(*d).is_some_and(|d| d.key == *key))
                        .collect();
                    for (domain, (down, total)) in tally(input, &away, &touched) {
                        if down > max_down.hosts(total) {
                            let name = input.inventory.domain(domain).map(ToString::to_string);
                            let name = name.unwrap_or_default();
                            out.push(case.breaks(
                                1,
                                format!(
                                    "{down} hosts of {name} would be down, {} may be",
                                    max_down.hosts(total)
                                ),
                            ));
                        }
                    }
                }
                Budget::Selected { selector, max_down } => {
                    if !started.iter().any(|record| selector.matches(&record.labels)) {
                        continue;
                    }
                    let chosen =
                        || input.inventory.hosts().iter().filter(|r| selector.matches(&r.labels));
                    let down = chosen().filter(|r| is_down(input, &away, r)).count() as u64;
                    let max = max_down.hosts(chosen().count() as u64);
                    if down > max {
                        out.push(case.breaks(
                            1,
                            format!("{down} hosts of {selector} would be down, {max} may be"),
                        ));
                    }
                }
            }
        }
    }
}

/// Hosts that the plan takes from their work.
fn starts<'a>(case: &'a Case<'_>) -> impl Iterator<Item = HostId> + 'a {
    case.changes
        .iter()
        .filter(|(_, change)| matches!(change, HostChange::ActivateOrdered { .. }))
        .map(|(host, _)| *host)
}

/// Hosts down and hosts in all, for each of some domains.
fn tally(
    input: &PlanningInput<'_>,
    away: &BTreeSet<HostId>,
    touched: &BTreeSet<DomainIndex>,
) -> BTreeMap<DomainIndex, (u64, u64)> {
    let mut counts: BTreeMap<DomainIndex, (u64, u64)> = BTreeMap::new();
    for record in input.inventory.hosts() {
        for domain in record.domains.iter().filter(|domain| touched.contains(domain)) {
            let (down, total) = counts.entry(*domain).or_default();
            *total += 1;
            *down += u64::from(is_down(input, away, record));
        }
    }
    counts
}

fn is_down(input: &PlanningInput<'_>, away: &BTreeSet<HostId>, record: &HostRecord) -> bool {
    let silent = match record.last_seen {
        Some(seen) => {
            let past = seen.after(input.policy.stale_after) < input.now;
            past || seen > input.now.after(input.policy.stale_after)
        }
        None => true,
    };
    let ill = record
        .report
        .as_ref()
        .is_some_and(|report| report.health.state == HealthState::Unhealthy || report.is_away());
    away.contains(&record.id) || silent || ill
}
