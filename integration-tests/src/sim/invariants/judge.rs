//! Takes in everything that happens and keeps the first invariant that was broken.

use std::collections::{BTreeMap, BTreeSet};

use wavegate_common::{
    Command, CommandId, ControllerMessage, Digest, Generation, HostClass, HostId, HostPhase,
    PermitRequest, RolloutId, RolloutPhase, RolloutSpec,
};
use wavegate_core::{Event, HostChange, Plan, Policy, Rollout, RolloutChange};
use wavegate_simfleet::{Moment, Truth};

use super::Violation;
use super::facts::{HostFacts, OrderFacts, RolloutFacts};
use crate::sim::options::Options;
use crate::sim::store::Store;
use crate::sim::world::Seat;

/// The judge of one run.
#[derive(Debug)]
pub(in crate::sim) struct Judge {
    first: Option<Violation>,
    pub(super) policy: Policy,
    pub(super) hosts: Vec<HostFacts>,
    pub(super) by_id: BTreeMap<HostId, usize>,
    pub(super) rollouts: BTreeMap<RolloutId, RolloutFacts>,
    pub(super) orders: BTreeMap<CommandId, OrderFacts>,
    /// Nonces that were granted.
    pub(super) granted: BTreeSet<u128>,
    /// A wall clock was wrong: what follows from wall time alone is not judged.
    pub(super) clocks_wrong: bool,
    /// Releases that are barred in a class.
    pub(super) barred: BTreeSet<(Digest, HostClass)>,
    /// An old database came back: what only it remembered is not judged.
    pub(super) restored: bool,
    pub(super) restored_at: Option<Moment>,
    pub(super) min_reboot_gap: wavegate_common::Millis,
}

impl Judge {
    pub(in crate::sim) fn new(options: &Options, seats: &[Seat]) -> Self {
        let hosts: Vec<HostFacts> = seats.iter().map(|seat| host_facts(seat, options)).collect();
        let ids = seats.iter().map(|seat| seat.host.profile().id);
        Self {
            first: None,
            policy: options.policy.clone(),
            by_id: ids.zip(0..).collect(),
            hosts,
            rollouts: BTreeMap::new(),
            orders: BTreeMap::new(),
            granted: BTreeSet::new(),
            clocks_wrong: false,
            barred: BTreeSet::new(),
            restored: false,
            restored_at: None,
            min_reboot_gap: options.min_reboot_gap,
        }
    }

    /// The first invariant that was broken.
    pub(in crate::sim) fn first(&self) -> Option<&Violation> {
        self.first.as_ref()
    }

    /// Keeps a violation, if it is the first.
    pub(in crate::sim) fn report(&mut self, invariant: u8, text: String, at: Moment) {
        if self.first.is_none() {
            self.first = Some(Violation { invariant, at, text });
        }
    }

    /// An event was committed that cannot happen.
    pub(in crate::sim) fn illegal(&mut self, text: &str, at: Moment) {
        self.report(5, format!("a committed event cannot be applied: {text}"), at);
    }

    pub(in crate::sim) fn clock_jumped(&mut self) {
        self.clocks_wrong = true;
    }

    /// Somebody asked for a rollout and got one, or not.
    pub(in crate::sim) fn proposed(
        &mut self,
        seats: &[Seat],
        spec: &RolloutSpec,
        accepted: bool,
        at: Moment,
    ) {
        let chosen = seats.iter().any(|s| spec.selector.matches(&s.host.profile().labels));
        if accepted && !chosen {
            self.report(8, format!("`{}` chooses nobody and was accepted", spec.selector), at);
        }
    }

    /// A rollout was stored.
    pub(in crate::sim) fn applied(&mut self, rollout: &Rollout, at: Moment) {
        let mut facts = RolloutFacts {
            spec: rollout.spec.clone(),
            release: rollout.release.key(),
            members: rollout.hosts.iter().map(|host| (host.host, host.wave)).collect(),
            opened: None,
            stopped: None,
        };
        super::pauses::set_phase(&mut facts, &rollout.phase, at);
        for host in &rollout.hosts {
            let labels = self.by_id.get(&host.host).and_then(|at| self.hosts.get(*at));
            let chosen = labels.is_some_and(|known| rollout.spec.selector.matches(&known.labels));
            let excluded = matches!(host.phase, HostPhase::Excluded { .. });
            if !chosen && !excluded {
                let text =
                    format!("{} takes in {}, which it does not choose", rollout.id, host.host);
                self.report(8, text, at);
            }
        }
        self.rollouts.insert(rollout.id, facts);
    }

    /// An older state of the store is the truth again.
    pub(in crate::sim) fn restored(&mut self, rollouts: &[Rollout], at: Moment) {
        self.restored = true;
        self.restored_at = Some(at);
        self.barred.clear();
        self.hosts.iter_mut().for_each(|host| host.holds = None);
        for rollout in rollouts {
            if let Some(facts) = self.rollouts.get_mut(&rollout.id) {
                facts.stopped = None;
                super::pauses::set_phase(facts, &rollout.phase, at);
            }
            for host in rollout.hosts.iter().filter(|host| host.phase.holds_slot()) {
                let order = host.order.as_ref().map(|order| order.id);
                let Some(order) = order.filter(|id| self.orders.contains_key(id)) else { continue };
                if let Some(facts) = self.orders.get_mut(&order) {
                    facts.closed = false;
                }
                if let Some(known) = self.host_mut(host.host) {
                    known.holds = Some(order);
                }
            }
        }
    }

    /// Events are about to be applied to the store.
    pub(in crate::sim) fn before_commit(
        &mut self,
        seats: &[Seat],
        store: &Store,
        events: &[Event],
        at: Moment,
    ) {
        for event in events {
            let Some(rollout) = store.rollout(event.rollout) else { continue };
            match &event.change {
                RolloutChange::Moved { to } => self.moved(rollout, to, at),
                RolloutChange::Host { host, change } => {
                    self.begins(seats, rollout, (*host, change), event, at);
                    self.freed(rollout.id, *host, change, at);
                    self.ordered_or_permitted(seats, rollout, (*host, change), at);
                }
                RolloutChange::ClassCleared { name, .. } => self.cleared(seats, rollout, name),
                _ => {}
            }
        }
    }

    fn moved(&mut self, rollout: &Rollout, to: &RolloutPhase, at: Moment) {
        if let Some(facts) = self.rollouts.get_mut(&rollout.id) {
            super::pauses::set_phase(facts, to, at);
        }
    }

    /// A plan is in the store.
    pub(in crate::sim) fn committed(
        &mut self,
        seats: &[Seat],
        store: &Store,
        plan: &Plan,
        at: Moment,
    ) {
        self.gates(seats, store, plan, at);
        self.controller_host_last(store, plan, at);
        self.grants(plan);
        for event in &plan.events {
            if let RolloutChange::ClassBlocked { name, .. } = &event.change
                && let Some(rollout) = store.rollout(event.rollout)
            {
                self.barred.insert((rollout.release.key(), name.clone()));
            }
        }
    }

    /// Something really happened.
    pub(in crate::sim) fn truth(
        &mut self,
        seats: &[Seat],
        store: &Store,
        host: u32,
        truth: &Truth,
        now: Moment,
    ) {
        let at = host as usize;
        let Some(seat) = seats.get(at) else { return };
        self.remember(at, seat, truth, now);
        match truth {
            Truth::Away => self.went_away(at, now),
            Truth::Accepted { command, rollout } => {
                self.accepted(at, seat, (*command, *rollout), now);
            }
            Truth::Generation(generation) => self.generation(at, *generation, now),
            Truth::Switched { command, written, .. } => {
                self.switched(at, seat, (*command, *written), now);
                self.switched_in_turn(at, *command, now);
                self.switched_while_stopped(at, *command, now);
                self.switched_with_slot(at, *command, now);
                self.switched_again_to_bad(at, *command, now);
            }
            Truth::Intended { command } => self.intended(at, *command, now),
            Truth::RevertIntended { command } => self.revert_intended(at, *command, now),
            Truth::Reverted { command } => self.reverted(at, *command),
            Truth::Booted { by: Some(by), wanted: Some(wanted), kernel, .. } => {
                self.booted_other(at, *by, wanted != kernel);
            }
            _ => {}
        }
        self.proven(at, seat, truth, now);
        let _ = store;
    }

    /// The stream of a host was cut, or its state was changed from outside.
    pub(in crate::sim) fn disturbed(&mut self, host: u32, now: Moment) {
        if let Some(facts) = self.hosts.get_mut(host as usize) {
            facts.disturbed = Some(now);
        }
    }

    /// A person replaced a ledger that had gone bad: what the host remembered is gone.
    pub(in crate::sim) fn forget_ledger(&mut self, host: u32) {
        if let Some(facts) = self.hosts.get_mut(host as usize) {
            facts.generation = Generation(0);
            facts.last_switch = None;
            let id = self.by_id.iter().find(|(_, at)| **at == host as usize).map(|(id, _)| *id);
            for order in self.orders.values_mut().filter(|order| Some(order.host) == id) {
                order.switches = 0;
                order.intents = 0;
                order.reverts = 0;
            }
        }
    }

    /// A question went out.
    pub(in crate::sim) fn asked(&mut self, host: u32, request: &PermitRequest, now: Moment) {
        if let Some(facts) = self.hosts.get_mut(host as usize) {
            facts.asked = Some((request.command, request.nonce, request.boot_id, now));
        }
    }

    /// A message reached a host.
    pub(in crate::sim) fn delivered(
        &mut self,
        seat: &Seat,
        host: u32,
        message: &ControllerMessage,
        now: Moment,
    ) {
        if let ControllerMessage::Command(command) = message {
            self.command_arrived(seat, host, command, now);
        }
    }

    fn command_arrived(&mut self, seat: &Seat, host: u32, command: &Command, now: Moment) {
        let Some(facts) = self.hosts.get_mut(host as usize) else { return };
        let legal = command.host == seat.host.profile().id
            && Some(command.precondition.boot_id) == seat.host.boot_id()
            && Some(&command.precondition.running) == seat.host.running()
            && command.generation >= facts.generation;
        if legal {
            let until = now.after(command.precondition.ttl);
            let known = facts.legal.entry(command.id).or_insert(until);
            *known = (*known).max(until);
        }
    }

    fn remember(&mut self, at: usize, seat: &Seat, truth: &Truth, now: Moment) {
        let Some(facts) = self.hosts.get_mut(at) else { return };
        match truth {
            Truth::Away => facts.away_since = Some(now),
            Truth::Back => {
                facts.away_since = None;
                facts.away_for = None;
            }
            Truth::AgentStarted { damaged } => facts.damaged = *damaged,
            Truth::Booted { .. } => {
                facts.dark = false;
                facts.soaked = false;
                facts.booted_at = now;
                facts.legal.clear();
            }
            Truth::Defaulted(_) => facts.defaulted_at = Some(now),
            _ => {}
        }
        let _ = seat;
    }

    pub(super) fn host_mut(&mut self, id: HostId) -> Option<&mut HostFacts> {
        let at = self.by_id.get(&id)?;
        self.hosts.get_mut(*at)
    }

    pub(super) fn name(&self, at: usize) -> String {
        self.hosts.get(at).map(|host| host.name.clone()).unwrap_or_default()
    }

    /// Orders to change kernels, and permits, as they become durable.
    fn ordered_or_permitted(
        &mut self,
        seats: &[Seat],
        rollout: &Rollout,
        (host, change): (HostId, &HostChange),
        at: Moment,
    ) {
        match change {
            HostChange::ActivateOrdered { order, direction, .. } => {
                let facts = self.orders.entry(order.id).or_insert_with(|| OrderFacts {
                    rollout: rollout.id,
                    host,
                    direction: *direction,
                    permitted: false,
                    closed: false,
                    switches: 0,
                    intents: 0,
                    reverts: 0,
                });
                facts.closed = false;
                if let Some(known) = self.host_mut(host) {
                    known.holds = Some(order.id);
                }
            }
            HostChange::Permitted { .. } => self.permitted(host, rollout, change, at),
            HostChange::Retried { .. } => {
                if let Some(known) = self.host_mut(host) {
                    known.bad.remove(&rollout.release.key());
                }
            }
            _ => {}
        }
        let _ = seats;
    }
}

fn host_facts(seat: &Seat, options: &Options) -> HostFacts {
    let profile = seat.host.profile();
    let domains = options.policy.domain_keys.iter().filter_map(|key| {
        let value = profile.labels.get(key)?.clone();
        Some(wavegate_common::FailureDomain { key: key.clone(), value })
    });
    HostFacts {
        name: profile.name.clone(),
        labels: profile.labels.clone(),
        domains: domains.collect(),
        away_since: None,
        away_for: None,
        generation: Generation(0),
        dark: false,
        booted_at: Moment(0),
        disturbed: None,
        healthy_since: None,
        unhealthy_since: None,
        soaked: false,
        last_switch: None,
        proven: BTreeSet::from([profile.kernel.clone()]),
        defaulted_at: None,
        holds: None,
        bad: BTreeSet::new(),
        damaged: false,
        asked: None,
        legal: BTreeMap::new(),
    }
}
