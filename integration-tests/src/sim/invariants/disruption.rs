//! I1: hosts that are really away by our doing, per failure domain, stay within the budget.

use wavegate_common::Budget;
use wavegate_simfleet::Moment;

use super::facts::HostFacts;
use super::judge::Judge;

/// Whether a host is one of those that a budget is about.
type Choice<'a> = Box<dyn Fn(&HostFacts) -> bool + 'a>;

impl Judge {
    /// A workload goes away: every budget that the host falls under must have had room.
    pub(super) fn went_away(&mut self, at: usize, now: Moment) {
        let Some(host) = self.hosts.get(at) else { return };
        if host.damaged {
            let text = format!("{} acts on a ledger that has a hole", host.name);
            return self.report(5, text, now);
        }
        // An order that was on its way when the database was lost: nothing that is left gave it,
        // and nothing can call it back before it comes.
        if self.is_forgotten(host) {
            return;
        }
        let rollout = host.away_for;
        let mut broken = self.policy.budgets.iter().find_map(|budget| self.over(at, budget, None));
        if let Some(facts) = rollout.and_then(|id| self.rollouts.get(&id)) {
            let budgets = facts.spec.budgets.iter();
            broken = broken
                .or_else(|| budgets.into_iter().find_map(|budget| self.over(at, budget, rollout)));
        }
        if let Some(text) = broken {
            self.report(1, text, now);
        }
    }

    /// How a budget is broken, counting hosts of all rollouts or of one.
    fn over(
        &self,
        at: usize,
        budget: &Budget,
        only: Option<wavegate_common::RolloutId>,
    ) -> Option<String> {
        let this = self.hosts.get(at)?;
        let (max_down, falls_under): (_, Choice<'_>) = match budget {
            Budget::PerDomain { key, max_down } => {
                let domain = this.domains.iter().find(|domain| domain.key == *key)?.clone();
                (max_down, Box::new(move |host| host.domains.contains(&domain)))
            }
            Budget::Selected { selector, max_down } => {
                (max_down, Box::new(|host| selector.matches(&host.labels)))
            }
        };
        if !falls_under(this) {
            return None;
        }
        let ordered = this.works_on.and_then(|id| self.orders.get(&id)).map(|o| o.ordered_at);
        // One that went away under a forgotten order counts from when it has said so.
        let known = |host: &HostFacts| {
            !self.is_forgotten(host) || host.told_away.is_some_and(|told| Some(told) <= ordered)
        };
        let (mut total, mut down) = (0u64, 0u64);
        for host in self.hosts.iter().filter(|host| falls_under(host)) {
            total += 1;
            let counts = (only.is_none() || host.away_for == only) && known(host);
            down += u64::from(host.away_since.is_some() && counts);
        }
        let max = max_down.hosts(total);
        (down > max).then(|| {
            format!("{} makes {down} hosts away under {budget:?}, which allows {max}", this.name)
        })
    }
}
