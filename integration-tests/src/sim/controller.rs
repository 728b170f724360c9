//! A simulated controller: the driver around the shipping core, broken into the steps between
//! which a process can die. What it holds here is volatile; what lasts is in the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use wavegate_common::{CommandId, HostId, HostReport, Inventory, Millis, PermitRequest, Timestamp};
use wavegate_core::{Plan, PlanningInput, Policy};
use wavegate_simfleet::Moment;

use super::store::Store;

/// An order that is open is sent again after this.
pub(super) const RESEND: Millis = Millis::secs(30);

/// One controller process.
#[derive(Debug)]
pub(super) struct Controller {
    pub(super) state: Running,
    /// Counts its lives: steps of an earlier life do nothing.
    pub(super) life: u32,
    /// How wrong its wall clock is, in milliseconds.
    pub(super) clock_offset: i64,
    pub(super) up_since: Timestamp,
    pub(super) inventory: Inventory,
    pub(super) permits: Vec<PermitRequest>,
    pub(super) pass: Pass,
    pub(super) drive_at: Option<Moment>,
    /// When the plan in work was made, in true time.
    pub(super) planned_at: Moment,
    sent: BTreeMap<CommandId, Moment>,
    read_to: usize,
}

/// Whether the process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Running {
    Down,
    Up,
    /// Frozen until then: it hears nothing and then goes on where it was.
    Frozen(Moment),
}

/// How far a pass of the driver has come.
#[derive(Debug)]
pub(super) enum Pass {
    Idle,
    Planned(Box<Plan>),
    Committed(Box<Plan>),
}

impl Controller {
    pub(super) fn new() -> Self {
        Self {
            state: Running::Down,
            life: 0,
            clock_offset: 0,
            up_since: Timestamp(0),
            inventory: Inventory::new(),
            permits: Vec::new(),
            pass: Pass::Idle,
            drive_at: None,
            planned_at: Moment(0),
            sent: BTreeMap::new(),
            read_to: 0,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.state == Running::Up
    }

    /// What its wall clock shows.
    pub(super) fn wall(&self, now: Moment) -> Timestamp {
        now.wall(self.clock_offset)
    }

    /// Starts with nothing but the store.
    pub(super) fn start(&mut self, now: Moment, enrolled: &[(HostId, String)]) {
        *self = Self {
            state: Running::Up,
            life: self.life.wrapping_add(1),
            clock_offset: self.clock_offset,
            ..Self::new()
        };
        self.up_since = self.wall(now);
        for (host, name) in enrolled {
            self.inventory.enroll(*host, name);
        }
    }

    pub(super) fn stop(&mut self) {
        self.state = Running::Down;
        self.life = self.life.wrapping_add(1);
        self.pass = Pass::Idle;
        self.permits.clear();
        self.drive_at = None;
    }

    /// Reads what changed in the store since it read last.
    pub(super) fn catch_up(&mut self, store: &Store, policy: &Policy) {
        let (rows, read_to) = store.changed_since(self.read_to);
        for (_, row) in rows {
            let Some((report, at)) = &row.report else { continue };
            let known = self.inventory.get(report.host).and_then(|record| record.report.as_ref());
            if !known.is_some_and(|known| Arc::ptr_eq(known, report)) {
                put(&mut self.inventory, report, *at, policy);
            }
        }
        self.read_to = read_to;
        for (host, hold) in &store.holds {
            self.inventory.set_hold(*host, hold.clone());
        }
    }

    /// Whether this report is what it knows of the host.
    pub(super) fn holds(&self, report: &Arc<HostReport>) -> bool {
        let known = self.inventory.get(report.host).and_then(|record| record.report.as_ref());
        known.is_some_and(|known| Arc::ptr_eq(known, report))
    }

    /// A report came in over one of its own streams.
    pub(super) fn take_in(&mut self, report: &Arc<HostReport>, now: Moment, policy: &Policy) {
        let at = self.wall(now);
        put(&mut self.inventory, report, at, policy);
    }

    /// Everything the planner may know.
    pub(super) fn input<'a>(
        &'a self,
        now: Moment,
        store: &'a Store,
        policy: &'a Policy,
    ) -> PlanningInput<'a> {
        PlanningInput {
            now: self.wall(now),
            up_since: self.up_since,
            parent: store.generation,
            policy,
            inventory: &self.inventory,
            rollouts: &store.rollouts,
            reports: &store.reports,
            known_bad: &store.known_bad,
            assessments: &store.assessments,
            permit_requests: &self.permits,
        }
    }

    /// Whether an open order is due to be sent, again or for the first time.
    pub(super) fn is_due(&mut self, command: CommandId, now: Moment) -> bool {
        let due = self.sent.get(&command).is_none_or(|last| now.since(*last) >= RESEND);
        if due {
            self.sent.insert(command, now);
        }
        due
    }
}

fn put(inventory: &mut Inventory, report: &Arc<HostReport>, at: Timestamp, policy: &Policy) {
    inventory.put_report(Arc::clone(report), at, &policy.domain_keys, &policy.workload_key);
}
