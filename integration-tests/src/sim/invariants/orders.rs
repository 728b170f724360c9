//! I2: one order, at most one reboot, and none without a permit in force. I6: generations never
//! go back on a host. I8: nothing is done that was not ordered.

use wavegate_common::{CommandId, Direction, Generation, HostId, PermitDecision, RolloutId};
use wavegate_core::{HostChange, Plan, Rollout};
use wavegate_simfleet::Moment;

use super::facts::GRACE;
use super::judge::Judge;
use crate::sim::world::Seat;

impl Judge {
    /// The agent wrote down that it begins an order.
    pub(super) fn accepted(
        &mut self,
        at: usize,
        seat: &Seat,
        (command, rollout): (CommandId, RolloutId),
        now: Moment,
    ) {
        let Some(host) = self.hosts.get_mut(at) else { return };
        // What the host last said of itself is from before this order.
        let before = seat.host.report().and_then(|report| report.transaction.as_ref());
        if before.is_some_and(|t| t.command != command && super::facts::is_open(&t.step)) {
            let text = format!("{} began a second order while one was in work", host.name);
            return self.report(2, text, now);
        }
        if self.orders.get(&command).is_some_and(|order| order.switches > 0) {
            let text = format!("{} began an order anew that it had carried out", host.name);
            return self.report(2, text, now);
        }
        host.away_for = Some(rollout);
        if self.orders.contains_key(&command) {
            host.works_on = Some(command);
        }
        if host.legal.get(&command).is_none_or(|until| *until < now) {
            let text = format!("{} began an order that was not legal there", host.name);
            self.report(2, text, now);
        }
    }

    pub(super) fn generation(&mut self, at: usize, generation: Generation, now: Moment) {
        let Some(host) = self.hosts.get_mut(at) else { return };
        if generation < host.generation {
            let text = format!("{} went from {} back to {generation}", host.name, host.generation);
            return self.report(6, text, now);
        }
        host.generation = generation;
    }

    /// The intent to leave the boot is in the ledger.
    pub(super) fn intended(&mut self, at: usize, command: CommandId, now: Moment) {
        let Some(order) = self.orders.get_mut(&command) else { return };
        order.intents += 1;
        if order.intents > 1 {
            let text = format!("{} wrote down twice that it leaves for one order", self.name(at));
            self.report(2, text, now);
        }
    }

    /// The machine leaves its boot by order.
    pub(super) fn switched(
        &mut self,
        at: usize,
        seat: &Seat,
        (command, written): (CommandId, bool),
        now: Moment,
    ) {
        let id = seat.host.profile().id;
        let problem = self.switch_problem(at, seat, id, (command, written), now);
        let forward = self.orders.get(&command).is_some_and(|o| o.direction == Direction::Forward);
        if let Some(order) = self.orders.get_mut(&command) {
            order.switches += 1;
        }
        if let Some(host) = self.hosts.get_mut(at) {
            host.dark = true;
            host.legal.clear();
            if forward {
                host.last_switch = Some(now);
            }
        }
        if let Some((invariant, text)) = problem {
            let text = format!("{} {text}", self.name(at));
            self.report(invariant, text, now);
        }
    }

    fn switch_problem(
        &self,
        at: usize,
        seat: &Seat,
        id: HostId,
        (command, written): (CommandId, bool),
        now: Moment,
    ) -> Option<(u8, String)> {
        let host = self.hosts.get(at)?;
        let Some(order) = self.orders.get(&command) else {
            return Some((8, "rebooted for an order that nobody gave".to_owned()));
        };
        if order.host != id {
            return Some((8, "rebooted for another host's order".to_owned()));
        }
        if order.switches > 0 {
            return Some((2, "rebooted twice for one order".to_owned()));
        }
        if !written {
            return Some((2, "left its boot before the ledger knew".to_owned()));
        }
        if !order.permitted {
            return Some((2, "rebooted without a durable permit".to_owned()));
        }
        let Some((asked_for, nonce, boot, asked_at)) = host.asked else {
            return Some((2, "rebooted without having asked".to_owned()));
        };
        if asked_for != command || !self.granted.contains(&nonce.0) {
            return Some((2, "rebooted though its last question was not granted".to_owned()));
        }
        if Some(boot) != seat.host.boot_id() || now.since(asked_at) > GRACE {
            return Some((4, "rebooted on a permit that had run out".to_owned()));
        }
        if order.direction == Direction::Forward {
            if !seat.host.local_reasons().is_empty() {
                return Some((4, "rebooted though its own guard had reasons not to".to_owned()));
            }
            let soon = host.last_switch.filter(|last| now.since(*last) < self.min_reboot_gap);
            if soon.is_some() {
                return Some((2, "rebooted again too soon".to_owned()));
            }
        }
        None
    }

    /// The intent to go back is in the ledger.
    pub(super) fn revert_intended(&mut self, at: usize, command: CommandId, now: Moment) {
        let Some(order) = self.orders.get_mut(&command) else { return };
        order.reverts += 1;
        if order.reverts > 1 {
            let text = format!("{} went back twice for one order", self.name(at));
            self.report(2, text, now);
        }
    }

    /// The agent goes back by itself.
    pub(super) fn reverted(&mut self, at: usize, command: CommandId) {
        if let Some(host) = self.hosts.get_mut(at) {
            host.dark = true;
        }
        let Some(order) = self.orders.get(&command) else { return };
        let (rollout, forward) = (order.rollout, order.direction == Direction::Forward);
        if forward {
            self.learn_bad(at, rollout);
        }
    }

    /// A permit becomes durable.
    pub(super) fn permitted(
        &mut self,
        host: HostId,
        rollout: &Rollout,
        change: &HostChange,
        now: Moment,
    ) {
        let HostChange::Permitted { from, .. } = change else { return };
        let known = rollout.host(host).and_then(|host| host.order.clone());
        let Some(known) = known else { return };
        if known.boot_id != *from {
            let text = format!("{host} may leave another boot than its order is for");
            return self.report(2, text, now);
        }
        if let Some(order) = self.orders.get_mut(&known.id) {
            order.permitted = true;
        }
    }

    /// Which questions were granted.
    pub(super) fn grants(&mut self, plan: &Plan) {
        for answer in &plan.permits {
            if matches!(answer.decision, PermitDecision::Granted { .. }) {
                self.granted.insert(answer.nonce.0);
            }
        }
    }
}
