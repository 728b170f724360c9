//! Takes in everything that happens and keeps the first invariant that was broken.

use std::collections::{BTreeMap, BTreeSet};

use wavegate_common::{
    Command, CommandId, ControllerMessage, Digest, Generation, HealthState, HostClass, HostId,
    HostPhase, HostReport, PermitRequest, RolloutId, RolloutPhase, RolloutSpec,
};
use wavegate_core::{Event, HostChange, Plan, Policy, Rollout, RolloutChange};
use wavegate_simfleet::{Moment, Truth};

use super::Violation;
use super::facts::{HostFacts, OrderFacts, RolloutFacts};
use crate::sim::options::Options;
use crate::sim::store::Store;
use crate::sim::world::Seat;

/// By which controller a plan was made, when, and when it is committed.
#[derive(Debug, Clone, Copy)]
pub(in crate::sim) struct Instants {
    pub(in crate::sim) by: usize,
    pub(in crate::sim) planned: Moment,
    pub(in crate::sim) now: Moment,
}

/// The judge of one run.
#[derive(Debug)]
pub(in crate::sim) struct Judge {
    first: Option<Violation>,
    /// From which it follows how releases do on classes.
    pub(super) seed: u64,
    pub(super) policy: Policy,
    pub(super) hosts: Vec<HostFacts>,
    pub(super) by_id: BTreeMap<HostId, usize>,
    pub(super) rollouts: BTreeMap<RolloutId, RolloutFacts>,
    pub(super) orders: BTreeMap<CommandId, OrderFacts>,
    /// Nonces that were granted.
    pub(super) granted: BTreeSet<u128>,
    /// When a controller's wall clock leapt last, into the wrong or back.
    clock_leapt: Option<Moment>,
    /// Two controllers on one store have different clocks.
    clocks_differ: bool,
    /// Releases that are barred in a class.
    pub(super) barred: BTreeSet<(Digest, HostClass)>,
    /// When the copy of the database was taken that may come back.
    copied_at: Moment,
    pub(super) min_reboot_gap: wavegate_common::Millis,
}

impl Judge {
    pub(in crate::sim) fn new(options: &Options, seats: &[Seat]) -> Self {
        let hosts: Vec<HostFacts> = seats.iter().map(|seat| host_facts(seat, options)).collect();
        let ids = seats.iter().map(|seat| seat.host.profile().id);
        Self {
            first: None,
            policy: options.policy.clone(),
            seed: options.seed,
            by_id: ids.zip(0..).collect(),
            hosts,
            rollouts: BTreeMap::new(),
            orders: BTreeMap::new(),
            granted: BTreeSet::new(),
            clock_leapt: None,
            clocks_differ: false,
            barred: BTreeSet::new(),
            copied_at: Moment(0),
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

    /// A controller's wall clock leapt.
    pub(in crate::sim) fn clock_leapt(&mut self, differ: bool, now: Moment) {
        self.clock_leapt = Some(now);
        self.clocks_differ = differ;
    }

    /// Whether spans that began then cannot be known: the clock leapt since, and whoever has but
    /// one clock cannot tell a leap from time that went by; or two controllers date what they
    /// share by different clocks.
    pub(super) fn clock_misleads(&self, since: Moment) -> bool {
        self.clocks_differ || self.clock_leapt.is_some_and(|leapt| leapt >= since)
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

    /// A copy of the store is taken.
    pub(in crate::sim) fn copied(&mut self, at: Moment) {
        self.copied_at = at;
    }

    /// An older state of the store is the truth again: the copy that was taken last.
    pub(in crate::sim) fn restored(&mut self, seats: &[Seat], store: &Store, at: Moment) {
        let known = store.known_bad.entries.iter();
        self.barred = known.filter_map(|bad| Some((bad.release, bad.class.clone()?))).collect();
        for order in self.orders.values_mut() {
            order.forgotten |= order.ordered_at > self.copied_at;
        }
        for (seat, host) in seats.iter().zip(&mut self.hosts) {
            host.holds = None;
            let (class, id) = (seat.host.class(), seat.host.profile().id);
            let (kept, forgotten) = std::mem::take(&mut host.bad)
                .into_iter()
                .partition(|release| store.known_bad.against(release, class, id).is_some());
            host.bad = kept;
            host.forgotten_bad.extend::<BTreeSet<Digest>>(forgotten);
        }
        for rollout in &store.rollouts {
            if let Some(facts) = self.rollouts.get_mut(&rollout.id) {
                facts.stopped = None;
                super::pauses::set_phase(facts, &rollout.phase, at);
            }
            for host in &rollout.hosts {
                let order = host.order.as_ref().map(|order| order.id);
                let Some(facts) = order.and_then(|id| self.orders.get_mut(&id)) else { continue };
                facts.forgotten = false;
                if host.phase.holds_slot() {
                    facts.closed = false;
                    if let Some(known) = self.host_mut(host.host) {
                        known.holds = order;
                    }
                }
            }
        }
    }

    /// Whether the order that a host began last is one that a restored database does not know.
    pub(super) fn is_forgotten(&self, host: &HostFacts) -> bool {
        let order = host.works_on.and_then(|id| self.orders.get(&id));
        order.is_some_and(|order| order.forgotten)
    }

    /// A controller takes in a report.
    pub(in crate::sim) fn told(&mut self, host: u32, report: &HostReport, now: Moment) {
        let Some(facts) = self.hosts.get_mut(host as usize) else { return };
        if report.is_away() || report.health.state == HealthState::Unhealthy {
            facts.told_away.get_or_insert(now);
        }
    }

    /// Events are about to be applied to the store.
    pub(in crate::sim) fn before_commit(
        &mut self,
        seats: &[Seat],
        store: &Store,
        events: &[Event],
        instants: Instants,
    ) {
        let at = instants.now;
        for event in events {
            let Some(rollout) = store.rollout(event.rollout) else { continue };
            match &event.change {
                RolloutChange::Moved { to } => self.moved(rollout, to, at),
                RolloutChange::Host { host, change } => {
                    self.begins(seats, rollout, (*host, change), event, instants);
                    self.freed(rollout.id, *host, change, at);
                    self.ordered_or_permitted(rollout, (*host, change), instants);
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
        at: Instants,
    ) {
        self.gates(seats, store, plan, at);
        self.controller_host_last(store, plan, at.now);
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
                self.switched_again_to_bad(at, seat, *command, now);
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
            Truth::Away => {
                facts.away_since = Some(now);
                facts.told_away = None;
            }
            Truth::Back => {
                facts.away_since = None;
                facts.away_for = None;
            }
            Truth::AgentStarted { damaged } => facts.damaged = *damaged,
            Truth::Down { .. } => facts.down_since = Some(now),
            Truth::Booted { .. } => {
                facts.down_since = None;
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
        rollout: &Rollout,
        (host, change): (HostId, &HostChange),
        at: Instants,
    ) {
        match change {
            HostChange::ActivateOrdered { order, direction, .. } => {
                let facts = self.orders.entry(order.id).or_insert_with(|| OrderFacts {
                    rollout: rollout.id,
                    host,
                    direction: *direction,
                    ordered_at: at.planned,
                    forgotten: false,
                    permitted: false,
                    closed: false,
                    switches: 0,
                    intents: 0,
                    reverts: 0,
                });
                facts.closed = false;
                facts.forgotten = false;
                facts.ordered_at = at.planned;
                if let Some(known) = self.host_mut(host) {
                    known.holds = Some(order.id);
                }
            }
            HostChange::Permitted { .. } => self.permitted(host, rollout, change, at.now),
            HostChange::Retried { .. } => {
                if let Some(known) = self.host_mut(host) {
                    known.bad.remove(&rollout.release.key());
                    known.forgotten_bad.remove(&rollout.release.key());
                }
            }
            _ => {}
        }
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
        works_on: None,
        told_away: None,
        generation: Generation(0),
        dark: false,
        booted_at: Moment(0),
        down_since: None,
        disturbed: None,
        healthy_since: None,
        unhealthy_since: None,
        soaked: false,
        last_switch: None,
        proven: BTreeSet::from([profile.kernel.clone()]),
        defaulted_at: None,
        holds: None,
        bad: BTreeSet::new(),
        forgotten_bad: BTreeSet::new(),
        damaged: false,
        asked: None,
        legal: BTreeMap::new(),
    }
}
