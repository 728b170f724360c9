//! What a plan comes to: events applied to copies, and the rows that follow.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wavegate_common::{Command, HostId, PlanReport, RolloutId, Timestamp};
use wavegate_core::{Event, HostChange, IllegalTransition, Plan, Rollout, RolloutChange, apply_to};

use super::pass::{permit_entry, permit_key};
use super::world::World;
use crate::audit;
use crate::incident::reconcile;
use crate::store::{ChangedRollout, Commit, Header};

/// A commit, and what the world will be after it.
#[derive(Debug)]
pub(super) struct Draft {
    /// What is written.
    pub(super) commit: Commit,
    /// Rollouts after it; only those that change.
    pub(super) rollouts: BTreeMap<RolloutId, Rollout>,
    /// Open orders after it.
    pub(super) orders: BTreeMap<HostId, Arc<Command>>,
}

impl Draft {
    /// What follows from events alone, as when a person asks for something. Open orders follow
    /// from the state of the rollouts.
    pub(super) fn of_events(
        world: &World,
        events: Vec<Event>,
        now: Timestamp,
    ) -> Result<Self, IllegalTransition> {
        let mut draft = Self::begin(world, events, now)?;
        let after = |rollout: &Rollout| -> Vec<Arc<Command>> {
            let rollout = draft.rollouts.get(&rollout.id).unwrap_or(rollout);
            rollout.hosts.iter().filter_map(|host| rollout.command(host)).map(Arc::new).collect()
        };
        let orders = world.rollouts.iter().flat_map(after).map(|o| (o.host, o)).collect();
        draft.set_orders(world, orders);
        Ok(draft)
    }

    /// What follows from a plan. `told` are the keys of refusals that are written down already.
    pub(super) fn of_plan(
        world: &World,
        plan: Plan,
        told: &BTreeSet<String>,
        now: Timestamp,
    ) -> Result<Self, IllegalTransition> {
        let Plan { parent: _, events, commands, permits, alerts, reports } = plan;
        let mut draft = Self::begin(world, events, now)?;
        let orders = commands.into_iter().map(|order| (order.host, keep(world, order))).collect();
        draft.set_orders(world, orders);
        draft.commit.reports = reports.into_iter().filter(|r| says_something(world, r)).collect();
        draft.commit.incidents = reconcile(world, &draft.rollouts, alerts, now);
        for answer in permits {
            let known = permit_key(&answer).is_some_and(|key| told.contains(&key));
            draft.commit.audit.extend(permit_entry(&answer, now).filter(|_| !known));
        }
        Ok(draft)
    }

    fn begin(world: &World, events: Vec<Event>, now: Timestamp) -> Result<Self, IllegalTransition> {
        let mut rollouts: BTreeMap<RolloutId, Rollout> = BTreeMap::new();
        let mut known_bad = Cow::Borrowed(&world.known_bad);
        for event in &events {
            let rollout = match rollouts.entry(event.rollout) {
                Entry::Occupied(copied) => copied.into_mut(),
                Entry::Vacant(place) => {
                    let copy = world.rollout(event.rollout).cloned();
                    place.insert(copy.ok_or_else(|| unknown(event))?)
                }
            };
            apply_to(rollout, event)?;
            // Most events teach nothing: the memory is copied only if one may.
            if teaches(event) {
                known_bad.to_mut().learn(rollout, event);
            }
        }
        let changed = rollouts.values().map(|after| difference(world, after)).collect();
        let audit = rollouts.keys().map(|id| summary(*id, &events, now)).collect();
        let known_bad = match known_bad {
            Cow::Owned(after) if after != world.known_bad => Some(after),
            Cow::Owned(_) | Cow::Borrowed(_) => None,
        };
        let commit = Commit {
            parent: world.generation,
            at: now,
            events,
            changed,
            known_bad,
            audit,
            ..Commit::default()
        };
        Ok(Self { commit, rollouts, orders: BTreeMap::new() })
    }

    fn set_orders(&mut self, world: &World, orders: BTreeMap<HostId, Arc<Command>>) {
        let before = &world.orders;
        self.commit.orders = orders
            .iter()
            .filter(|(host, order)| before.get(host) != Some(order))
            .map(|(_, order)| Command::clone(order))
            .collect();
        self.commit.closed =
            before.keys().filter(|host| !orders.contains_key(host)).copied().collect();
        self.orders = orders;
    }

    /// Whether there is nothing to write but facts.
    pub(super) fn is_empty(&self) -> bool {
        let c = &self.commit;
        c.made.is_empty()
            && c.events.is_empty()
            && c.reports.is_empty()
            && c.orders.is_empty()
            && c.closed.is_empty()
            && c.holds.is_empty()
            && c.releases.is_empty()
            && c.artifacts.is_empty()
            && c.incidents.is_empty()
            && c.audit.is_empty()
    }
}

fn teaches(event: &Event) -> bool {
    match &event.change {
        RolloutChange::ClassBlocked { .. } | RolloutChange::ClassCleared { .. } => true,
        RolloutChange::Host { change, .. } => {
            matches!(change, HostChange::Failed { .. } | HostChange::Retried { .. })
        }
        RolloutChange::Moved { .. }
        | RolloutChange::FailuresAcknowledged { .. }
        | RolloutChange::ClassPassed { .. }
        | RolloutChange::ClassAccepted { .. }
        | RolloutChange::Approved { .. } => false,
    }
}

/// The order as it is held already if it is the same, so that lanes see that nothing changed
/// without comparing it.
fn keep(world: &World, order: Command) -> Arc<Command> {
    match world.orders.get(&order.host) {
        Some(held) if **held == order => Arc::clone(held),
        _ => Arc::new(order),
    }
}

fn says_something(world: &World, report: &PlanReport) -> bool {
    world.reports.get(&report.rollout).is_none_or(|known| !known.same_as(report))
}

fn unknown(event: &Event) -> IllegalTransition {
    IllegalTransition {
        rollout: event.rollout,
        what: "an event".to_owned(),
        why: "there is no such rollout, or it is over".to_owned(),
    }
}

/// Rows that differ from what is stored. Found by comparing, not by reading the events, so that
/// no event can change a host behind the store's back.
fn difference(world: &World, after: &Rollout) -> ChangedRollout {
    let hosts = match world.rollout(after.id) {
        Some(before) if before.hosts.len() == after.hosts.len() => before
            .hosts
            .iter()
            .zip(&after.hosts)
            .filter(|(old, new)| old != new)
            .map(|(_, new)| new.clone())
            .collect(),
        _ => after.hosts.clone(),
    };
    ChangedRollout { header: Header::from(after), hosts }
}

fn summary(id: RolloutId, events: &[Event], now: Timestamp) -> audit::Entry {
    let mut words = Vec::new();
    let mut hosts = 0;
    for event in events.iter().filter(|event| event.rollout == id) {
        match &event.change {
            RolloutChange::Moved { to } => words.push(format!("moved to {}", to.name())),
            RolloutChange::Host { .. } => hosts += 1,
            RolloutChange::ClassBlocked { name, .. } => words.push(format!("blocked {name}")),
            RolloutChange::ClassCleared { name, .. } => words.push(format!("cleared {name}")),
            RolloutChange::ClassPassed { name, .. } => words.push(format!("passed {name}")),
            RolloutChange::ClassAccepted { name, .. } => words.push(format!("accepted {name}")),
            RolloutChange::FailuresAcknowledged { .. } => {
                words.push("failures acknowledged".to_owned());
            }
            RolloutChange::Approved { by, .. } => words.push(format!("approved by {by}")),
        }
    }
    if hosts > 0 {
        words.push(format!("{hosts} events of hosts"));
    }
    audit::Entry::by_controller(now, "plan.commit", id.to_string(), words.join(", "))
}
