//! I7: a slot is freed by evidence: never while the host is dark by our doing, and never with
//! an order alive that could still take it down.

use wavegate_common::{CommandId, ExcludeReason, HostId, RolloutId};
use wavegate_core::HostChange;
use wavegate_simfleet::Moment;

use super::judge::Judge;

impl Judge {
    /// The slot of a host may be freed by this change.
    pub(super) fn freed(
        &mut self,
        rollout: RolloutId,
        host: HostId,
        change: &HostChange,
        now: Moment,
    ) {
        let frees = match change {
            HostChange::StoodDown { .. } | HostChange::Confirmed | HostChange::Failed { .. } => {
                true
            }
            // A person takes it out and answers for it.
            HostChange::Excluded { reason } => !matches!(reason, ExcludeReason::Operator { .. }),
            _ => false,
        };
        let Some(order) = self.holds_for(rollout, host).filter(|_| frees) else { return };
        let Some(known) = self.host_mut(host) else { return };
        known.holds = None;
        let dark = known.dark.then(|| known.name.clone());
        if let Some(order) = self.orders.get_mut(&order) {
            order.closed = true;
        }
        if let Some(name) = dark {
            let text = format!("the slot of {name} was freed ({}) while it is dark", change.name());
            self.report(7, text, now);
        }
    }

    /// The order of this rollout that holds a slot for the host.
    fn holds_for(&mut self, rollout: RolloutId, host: HostId) -> Option<CommandId> {
        let order = self.host_mut(host)?.holds?;
        (self.orders.get(&order)?.rollout == rollout).then_some(order)
    }

    pub(super) fn switched_with_slot(&mut self, at: usize, command: CommandId, now: Moment) {
        if self.orders.get(&command).is_some_and(|order| order.closed) {
            let text = format!("{} rebooted for an order whose slot was freed", self.name(at));
            self.report(7, text, now);
        }
    }
}
