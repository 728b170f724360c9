//! The planner's working copy: the stored state with this pass's events on top.

use wavegate_common::order::command_id;
use wavegate_common::{
    CommandId, Digest, Direction, Generation, HostRecord, HostReport, OpenOrder, OrderKind,
    RolloutHost, RolloutPhase, Timestamp,
};

use crate::apply::{apply_phase, change_host};
use crate::event::{Event, HostChange, RolloutChange};
use crate::input::PlanningInput;
use crate::state::Rollout;

/// A host of a rollout beside what is known of it.
#[derive(Debug)]
pub(super) struct Seat<'a> {
    stored: &'a RolloutHost,
    changed: Option<Box<RolloutHost>>,
    /// What the inventory holds of it.
    pub(super) record: Option<&'a HostRecord>,
    /// Whether it was heard of lately.
    pub(super) fresh: bool,
}

impl<'a> Seat<'a> {
    /// The host as it stands after the events of this pass.
    pub(super) fn host(&self) -> &RolloutHost {
        self.changed.as_deref().unwrap_or(self.stored)
    }

    /// The host as it was stored.
    pub(super) fn stored(&self) -> &'a RolloutHost {
        self.stored
    }

    /// Its last report.
    pub(super) fn report(&self) -> Option<&'a HostReport> {
        self.record.and_then(|record| record.report.as_deref())
    }

    /// Its last report, if it was heard of lately.
    pub(super) fn fresh_report(&self) -> Option<&'a HostReport> {
        self.report().filter(|_| self.fresh)
    }
}

/// A rollout in work.
#[derive(Debug)]
pub(super) struct Work<'a> {
    /// As stored.
    pub(super) stored: &'a Rollout,
    /// Beside each other in the order of host ids.
    pub(super) seats: Vec<Seat<'a>>,
    /// The phase after the events of this pass.
    pub(super) phase: RolloutPhase,
    /// Classes blocked by events of this pass, besides the stored ones.
    newly_blocked: Vec<u32>,
    /// What happens.
    pub(super) events: Vec<Event>,
    now: Timestamp,
    generation: Generation,
}

impl<'a> Work<'a> {
    /// Puts each host of a rollout beside its record; both are sorted by id.
    pub(super) fn open(input: &PlanningInput<'a>, stored: &'a Rollout) -> Self {
        let mut records = input.inventory.hosts().iter().peekable();
        let mut seats = Vec::with_capacity(stored.hosts.len());
        for host in &stored.hosts {
            while records.next_if(|record| record.id < host.host).is_some() {}
            let record = records.next_if(|record| record.id == host.host);
            let fresh = record.is_some_and(|record| super::sight::is_fresh(input, record));
            seats.push(Seat { stored: host, changed: None, record, fresh });
        }
        Self {
            stored,
            seats,
            phase: stored.phase.clone(),
            newly_blocked: Vec::new(),
            events: Vec::new(),
            now: input.now,
            generation: input.parent.next(),
        }
    }

    /// Lets something happen to a host. An illegal change is dropped: `check` and the tests of
    /// `apply` would see what follows from it.
    pub(super) fn change(&mut self, at: usize, change: HostChange) {
        let Some(seat) = self.seats.get_mut(at) else { return };
        let mut host = seat.changed.take().unwrap_or_else(|| Box::new(seat.stored.clone()));
        let legal = change_host(&mut host, &change, self.now);
        debug_assert!(legal.is_ok(), "{legal:?}: {change:?}");
        let id = host.host;
        seat.changed = Some(host);
        if legal.is_ok() {
            self.push(RolloutChange::Host { host: id, change });
        }
    }

    /// Lets the rollout go into another phase.
    pub(super) fn go(&mut self, to: RolloutPhase) {
        let legal = apply_phase(&self.phase, &to);
        debug_assert!(legal.is_ok(), "{legal:?}: {to:?}");
        if legal.is_ok() {
            self.phase = to.clone();
            self.push(RolloutChange::Moved { to });
        }
    }

    /// Bars a class.
    pub(super) fn block(&mut self, class: u32, what: String) {
        if self.is_blocked(class) {
            return;
        }
        let Some(name) = self.stored.classes.get(class as usize).cloned() else { return };
        self.newly_blocked.push(class);
        self.push(RolloutChange::ClassBlocked { class, name, what });
    }

    /// Comparison has found a class as good as before.
    pub(super) fn pass_class(&mut self, class: u32, evidence: Digest) {
        if self.stored.passed.contains(&class) {
            return;
        }
        let Some(name) = self.stored.classes.get(class as usize).cloned() else { return };
        self.push(RolloutChange::ClassPassed { class, name, evidence });
    }

    /// Whether nothing may begin in a class.
    pub(super) fn is_blocked(&self, class: u32) -> bool {
        self.stored.blocked.contains_key(&class) || self.newly_blocked.contains(&class)
    }

    fn push(&mut self, change: RolloutChange) {
        self.events.push(Event { rollout: self.stored.id, at: self.now, change });
    }

    /// The order to give up the one that is open.
    pub(super) fn cancel_order(&self, host: &RolloutHost, open: &OpenOrder) -> OpenOrder {
        OpenOrder {
            id: self.order_id(host, OrderKind::Cancel, host.direction),
            kind: OrderKind::Cancel,
            generation: self.generation,
            ..open.clone()
        }
    }

    /// The id of an order of one kind to a host, in its present attempt.
    pub(super) fn order_id(
        &self,
        host: &RolloutHost,
        kind: OrderKind,
        direction: Direction,
    ) -> CommandId {
        self.order_id_of(host, host.attempt, kind, direction)
    }

    /// The same in any attempt.
    pub(super) fn order_id_of(
        &self,
        host: &RolloutHost,
        attempt: u32,
        kind: OrderKind,
        direction: Direction,
    ) -> CommandId {
        let kind = match kind {
            OrderKind::Stage => 0,
            OrderKind::Activate => 1,
            OrderKind::Confirm => 2,
            OrderKind::Cancel => 3,
        };
        let way = match direction {
            Direction::Forward => 0,
            Direction::Back => 16,
        };
        command_id(self.stored.id, host.host, attempt, kind + way)
    }

    /// A new order to a host, made from what it said last.
    pub(super) fn new_order(
        &self,
        host: &RolloutHost,
        kind: OrderKind,
        direction: Direction,
        report: &HostReport,
    ) -> OpenOrder {
        OpenOrder {
            id: self.order_id(host, kind, direction),
            kind,
            generation: self.generation,
            boot_id: report.boot.boot_id,
            running: report.boot.kernel.clone(),
        }
    }
}
