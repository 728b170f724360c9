//! Who is out of sight or ill, and how many more may go down.

use std::collections::BTreeMap;

use wavegate_common::inventory::DomainIndex;
use wavegate_common::{
    Budget, FailureDomain, HealthState, HostId, HostRecord, Millis, RolloutId, WaitingOn,
};

use crate::input::PlanningInput;
use crate::state::Rollout;

/// How far ahead of now a date may lie that was written before: controllers that share a store
/// have clocks of their own.
pub(super) const AHEAD: Millis = Millis::mins(1);

/// Whether a host was heard of lately. What was heard in the future was dated by a clock that has
/// been put back since, and may be of any age.
pub(super) fn is_fresh(input: &PlanningInput<'_>, record: &HostRecord) -> bool {
    let stale_after = input.policy.stale_after;
    record.last_seen.is_some_and(|seen| {
        seen <= input.now.after(stale_after) && input.now.since(seen) <= stale_after
    })
}

/// A budget over chosen hosts.
#[derive(Debug)]
struct Chosen<'a> {
    budget: &'a Budget,
    down: u64,
    max: u64,
}

/// What is known of the fleet as a whole in this pass.
#[derive(Debug)]
pub(super) struct Sight<'a> {
    input: &'a PlanningInput<'a>,
    /// Share of the fleet out of sight, in millionths, if that is too much to act.
    pub(super) lost: Option<u64>,
    /// Whether silence means anything yet.
    pub(super) settled: bool,
    total: Vec<u64>,
    down: Vec<u64>,
    dark: Vec<bool>,
    chosen: Vec<Chosen<'a>>,
    /// Which rollout has an open order to a host; empty if there is only one rollout.
    claims: BTreeMap<HostId, RolloutId>,
}

impl<'a> Sight<'a> {
    /// Looks at every host once. `in_flight` are the hosts that hold a slot, sorted.
    pub(super) fn of(input: &'a PlanningInput<'a>, in_flight: &[HostId]) -> Self {
        let domains = input.inventory.domain_count();
        let (mut total, mut down, mut unseen) =
            (vec![0u64; domains], vec![0u64; domains], vec![0u64; domains]);
        let mut chosen: Vec<Chosen<'a>> = budgets(input)
            .filter(|budget| matches!(budget, Budget::Selected { .. }))
            .map(|budget| Chosen { budget, down: 0, max: 0 })
            .collect();
        let (mut known, mut lost) = (0u64, 0u64);
        let mut flying = in_flight.iter().peekable();
        for record in input.inventory.hosts() {
            while flying.next_if(|id| **id < record.id).is_some() {}
            let ours = flying.next_if(|id| **id == record.id).is_some();
            let fresh = is_fresh(input, record);
            let ill = !ours && is_down(input, record);
            if !ours && record.report.is_some() {
                known += 1;
                lost += u64::from(!fresh);
            }
            for domain in &record.domains {
                bump(&mut total, *domain, 1);
                bump(&mut down, *domain, u64::from(ours || ill));
                bump(&mut unseen, *domain, u64::from(!ours && !fresh));
            }
            for budget in &mut chosen {
                if selects(budget.budget, record) {
                    budget.max += 1;
                    budget.down += u64::from(ours || ill);
                }
            }
        }
        for budget in &mut chosen {
            let (Budget::Selected { max_down, .. } | Budget::PerDomain { max_down, .. }) =
                budget.budget;
            budget.max = max_down.hosts(budget.max);
        }
        let limit = u64::from(input.policy.dark_domain.0);
        let dark = unseen
            .iter()
            .zip(&total)
            .map(|(unseen, total)| *unseen >= 3 && unseen * 1_000_000 >= total * limit)
            .collect();
        let unseen_ppm = (lost * 1_000_000).checked_div(known).unwrap_or(0);
        Self {
            input,
            lost: (unseen_ppm > u64::from(input.policy.lost_sight.0)).then_some(unseen_ppm),
            // A clock that was put back says nothing of how long this controller has been up.
            settled: input.now < input.up_since
                || input.now.since(input.up_since) >= input.policy.settle,
            total,
            down,
            dark,
            chosen,
            claims: claims(input),
        }
    }

    /// Another rollout that has an open order to the host.
    pub(super) fn claimed(&self, host: HostId, own: RolloutId) -> Option<RolloutId> {
        self.claims.get(&host).copied().filter(|other| *other != own)
    }

    /// A rollout orders something of a host.
    pub(super) fn claim(&mut self, host: HostId, own: RolloutId) {
        if self.input.rollouts.len() > 1 {
            self.claims.insert(host, own);
        }
    }

    /// A failure domain of this host that is mostly out of sight.
    pub(super) fn dark_domain(&self, record: &HostRecord) -> Option<FailureDomain> {
        let dark = record.domains.iter().find(|d| self.dark.get(d.0 as usize) == Some(&true))?;
        self.input.inventory.domain(*dark).cloned()
    }

    /// Whether silence of this host says something about the host.
    pub(super) fn silence_counts(&self, record: Option<&HostRecord>) -> bool {
        self.settled
            && self.lost.is_none()
            && record.is_none_or(|record| self.dark_domain(record).is_none())
    }

    /// Why one more of `record`'s domains or budgets may not go down; nothing if it may. With
    /// `counted`, the host is among those down already. The budgets of every open rollout hold
    /// for all of them: whoever wrote one meant the hosts, not who takes them down.
    pub(super) fn full(&self, record: &HostRecord, counted: bool) -> Option<WaitingOn> {
        // A host that is down already takes nothing more away.
        let own = u64::from(!counted && !is_down(self.input, record));
        for domain in &record.domains {
            let Some(max) = self.limit(*domain) else { continue };
            let down = self.down.get(domain.0 as usize).copied().unwrap_or(0);
            if down + own > max {
                let domain = self.input.inventory.domain(*domain).cloned()?;
                return Some(WaitingOn::FailureDomainBusy { domain, down, max });
            }
        }
        let full = self
            .chosen
            .iter()
            .find(|budget| budget.down + own > budget.max && selects(budget.budget, record))?;
        let Budget::Selected { selector, .. } = full.budget else { return None };
        Some(WaitingOn::DisruptionBudget {
            budget: selector.to_string(),
            down: full.down,
            max: full.max,
        })
    }

    /// Counts one more host as down.
    pub(super) fn take(&mut self, record: &HostRecord) {
        for domain in &record.domains {
            bump(&mut self.down, *domain, 1);
        }
        for budget in &mut self.chosen {
            if selects(budget.budget, record) {
                budget.down += 1;
            }
        }
    }

    /// The tightest bound on one domain.
    fn limit(&self, index: DomainIndex) -> Option<u64> {
        let domain = self.input.inventory.domain(index)?;
        let total = self.total.get(index.0 as usize).copied().unwrap_or(0);
        budgets(self.input)
            .filter_map(|budget| match budget {
                Budget::PerDomain { key, max_down } if *key == domain.key => {
                    Some(max_down.hosts(total))
                }
                Budget::PerDomain { .. } | Budget::Selected { .. } => None,
            })
            .min()
    }
}

fn claims(input: &PlanningInput<'_>) -> BTreeMap<HostId, RolloutId> {
    if input.rollouts.len() < 2 {
        return BTreeMap::new();
    }
    let open = |rollout: &'_ Rollout| {
        let busy = rollout.hosts.iter().filter(|h| h.order.is_some() || h.phase.holds_slot());
        busy.map(|host| (host.host, rollout.id)).collect::<Vec<_>>()
    };
    input.rollouts.iter().flat_map(open).collect()
}

/// Every budget that holds now: the policy's, and those of every open rollout.
fn budgets<'a>(input: &PlanningInput<'a>) -> impl Iterator<Item = &'a Budget> {
    let own = input.rollouts.iter().flat_map(|rollout| &rollout.spec.budgets);
    input.policy.budgets.iter().chain(own)
}

fn bump(counts: &mut [u64], index: DomainIndex, by: u64) {
    if let Some(count) = counts.get_mut(index.0 as usize) {
        *count += by;
    }
}

/// Whether a host that holds no slot is down all the same: out of sight, ill, or away by the doing
/// of a controller that remembers more than this one.
fn is_down(input: &PlanningInput<'_>, record: &HostRecord) -> bool {
    let away = record.report.as_ref().is_some_and(|report| report.is_away());
    !is_fresh(input, record) || is_unhealthy(record) || away
}

/// Whether a host says itself that it does not do its work.
pub(super) fn is_unhealthy(record: &HostRecord) -> bool {
    record.report.as_ref().is_some_and(|report| report.health.state == HealthState::Unhealthy)
}

fn selects(budget: &Budget, record: &HostRecord) -> bool {
    match budget {
        Budget::Selected { selector, .. } => selector.matches(&record.labels),
        Budget::PerDomain { .. } => false,
    }
}
