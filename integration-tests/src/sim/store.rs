//! The store that controllers share: rows of reports, rollouts, and one generation that every
//! commit must know.

use std::collections::BTreeMap;
use std::sync::Arc;

use wavegate_common::inventory::Hold;
use wavegate_common::{
    Alert, Assessment, BootId, Generation, HostId, HostReport, PlanReport, RolloutId, Timestamp,
};
use wavegate_core::{Event, IllegalTransition, KnownBad, Plan, Rollout, apply_to};

use super::drive::tells_the_same;

/// Everything durable.
#[derive(Debug, Clone, Default)]
pub(super) struct Store {
    pub(super) generation: Generation,
    /// Not over, sorted by id.
    pub(super) rollouts: Vec<Rollout>,
    pub(super) over: Vec<Rollout>,
    pub(super) reports: BTreeMap<RolloutId, PlanReport>,
    pub(super) known_bad: KnownBad,
    pub(super) assessments: BTreeMap<RolloutId, Assessment>,
    /// Who holds a host; none once it was let go.
    pub(super) holds: BTreeMap<HostId, Option<Hold>>,
    /// In the order in which they were told.
    pub(super) alerts: BTreeMap<String, Alert>,
    pub(super) last_rollout: RolloutId,
    /// What the clock of the controller showed that made the last plan.
    pub(super) last_planned: Timestamp,
    rows: Vec<Row>,
    /// Hosts in the order in which their rows changed; lets a controller read only what is new.
    changes: Vec<u32>,
}

/// The last report of a host, and when it came.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    pub(super) report: Option<(Arc<HostReport>, Timestamp)>,
    /// Boots that the host has left: what is said of them is old news.
    past_boots: Vec<BootId>,
}

/// Why nothing was committed.
#[derive(Debug)]
pub(super) enum NotCommitted {
    /// Another plan was committed in between.
    Outrun,
    /// An event cannot happen.
    Illegal(IllegalTransition),
}

impl Store {
    pub(super) fn new(hosts: usize) -> Self {
        Self { rows: vec![Row::default(); hosts], ..Self::default() }
    }

    /// Keeps a report unless a later one is known. Returns whether it did.
    pub(super) fn put_report(
        &mut self,
        host: u32,
        report: &Arc<HostReport>,
        at: Timestamp,
    ) -> bool {
        let Some(row) = self.rows.get_mut(host as usize) else { return false };
        let newer = row.report.as_ref().is_none_or(|(known, _)| {
            known.boot.boot_id != report.boot.boot_id || known.seq < report.seq
        });
        let boot = report.boot.boot_id;
        let newer = newer && !row.past_boots.contains(&boot);
        if newer {
            let last = row.report.as_ref().map(|(known, _)| known.boot.boot_id);
            row.past_boots.extend(last.filter(|last| *last != boot));
            row.report = Some((Arc::clone(report), at));
            self.changes.push(host);
        }
        newer
    }

    /// The last report of a host, and when it came.
    pub(super) fn row(&self, host: usize) -> Option<&(Arc<HostReport>, Timestamp)> {
        self.rows.get(host)?.report.as_ref()
    }

    /// Rows that changed since `from`, and where to go on.
    pub(super) fn changed_since(&self, from: usize) -> (impl Iterator<Item = (u32, &Row)>, usize) {
        let rows = self.changes.get(from..).unwrap_or_default().iter();
        let rows = rows.filter_map(|host| Some((*host, self.rows.get(*host as usize)?)));
        (rows, self.changes.len())
    }

    /// A host has seen a higher generation than this store: it is a restored one, and what it
    /// gives out from now on must be higher.
    pub(super) fn lift(&mut self, seen: Generation) -> bool {
        let behind = seen > self.generation;
        if behind {
            self.generation = seen;
        }
        behind
    }

    /// Commits a plan if nothing was committed since it was made.
    pub(super) fn commit(&mut self, plan: &Plan) -> Result<(), NotCommitted> {
        if plan.parent != self.generation {
            return Err(NotCommitted::Outrun);
        }
        self.apply_all(&plan.events)?;
        if let Some(event) = plan.events.last() {
            self.last_planned = event.at;
        }
        for report in &plan.reports {
            self.reports.insert(report.rollout, report.clone());
        }
        for alert in &plan.alerts {
            self.alerts.insert(alert.key.clone(), alert.clone());
        }
        self.generation = self.generation.next();
        self.file_finished();
        Ok(())
    }

    /// Commits what a person asked for.
    pub(super) fn commit_events(&mut self, events: &[Event]) -> Result<(), NotCommitted> {
        self.apply_all(events)?;
        self.generation = self.generation.next();
        self.file_finished();
        Ok(())
    }

    pub(super) fn add_rollout(&mut self, rollout: Rollout) {
        self.last_rollout = self.last_rollout.max(rollout.id);
        self.rollouts.push(rollout);
        self.generation = self.generation.next();
    }

    /// The rollout of this number, over or not.
    pub(super) fn rollout(&self, id: RolloutId) -> Option<&Rollout> {
        self.rollouts.iter().chain(&self.over).find(|rollout| rollout.id == id)
    }

    fn apply_all(&mut self, events: &[Event]) -> Result<(), NotCommitted> {
        for event in events {
            let rollout = self.rollouts.iter_mut().find(|known| known.id == event.rollout);
            let Some(rollout) = rollout else {
                return Err(NotCommitted::Illegal(IllegalTransition {
                    rollout: event.rollout,
                    what: "an event".to_owned(),
                    why: "there is no such rollout, or it is over".to_owned(),
                }));
            };
            self.known_bad.learn(rollout, event);
            apply_to(rollout, event).map_err(NotCommitted::Illegal)?;
        }
        Ok(())
    }

    fn file_finished(&mut self) {
        let (over, open): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.rollouts).into_iter().partition(|r| r.phase.is_over());
        self.rollouts = open;
        self.over.extend(over);
    }

    /// Drops alerts that people have been told already.
    pub(super) fn forget_told(&self, alerts: &mut Vec<Alert>) {
        alerts.retain(|alert| {
            self.alerts.get(&alert.key).is_none_or(|told| !tells_the_same(told, alert))
        });
    }
}
