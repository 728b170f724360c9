//! The fleet as it is known.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use wavegate_common::{
    Assessment, Command, Digest, Generation, HostId, Inventory, PermitRequest, PlanReport,
    ReleaseName, RolloutId, Timestamp,
};
use wavegate_core::{KnownBad, PlanningInput, Policy, Rollout};

use crate::incident::Incident;
use crate::store::{HostFacts, Snapshot, StoredHost, StoredRelease};

/// Everything the driver knows; read by views through [`super::DriverHandle::look`].
#[derive(Debug)]
pub struct World {
    /// What holds for every rollout.
    pub policy: Arc<Policy>,
    /// Since when this controller has been up.
    pub up_since: Timestamp,
    /// Generation of the last committed plan.
    pub generation: Generation,
    /// The last report of every host.
    pub inventory: Inventory,
    /// The digest of each of those reports.
    pub digests: HashMap<HostId, Digest>,
    /// Rollouts that are not over, by number.
    pub rollouts: Vec<Rollout>,
    /// The rollout that ended last, to show what became of its hosts.
    pub ended: Option<Rollout>,
    /// The last report of each rollout that is not over.
    pub reports: BTreeMap<RolloutId, PlanReport>,
    /// What went wrong before.
    pub known_bad: KnownBad,
    /// What the gate's statistics say of open rollouts whose specification asks for it.
    pub assessments: BTreeMap<RolloutId, Assessment>,
    /// Kernels by name.
    pub releases: BTreeMap<ReleaseName, StoredRelease>,
    /// Open orders, as committed.
    pub orders: BTreeMap<HostId, Arc<Command>>,
    /// The number of the next rollout.
    pub next_rollout: RolloutId,
    /// Hosts whose stream is open.
    pub connected: BTreeSet<HostId>,
    /// Incidents that are open, by key.
    pub incidents: BTreeMap<String, Incident>,
    /// Why nothing can be written at the moment.
    pub cannot_write: Option<String>,
}

impl World {
    /// What a snapshot says.
    #[must_use]
    pub fn new(snapshot: Snapshot, policy: Arc<Policy>, up_since: Timestamp) -> Self {
        let mut world = Self {
            policy,
            up_since,
            generation: Generation(0),
            inventory: Inventory::new(),
            digests: HashMap::new(),
            rollouts: Vec::new(),
            ended: None,
            reports: BTreeMap::new(),
            known_bad: KnownBad::default(),
            assessments: BTreeMap::new(),
            releases: BTreeMap::new(),
            orders: BTreeMap::new(),
            next_rollout: RolloutId(1),
            connected: BTreeSet::new(),
            incidents: BTreeMap::new(),
            cannot_write: None,
        };
        world.reload(snapshot);
        world
    }

    /// Takes over what another controller has committed. Reports that came in here meanwhile
    /// are kept where they are newer.
    pub fn reload(&mut self, snapshot: Snapshot) {
        let Snapshot {
            generation,
            hosts,
            rollouts,
            ended,
            reports,
            known_bad,
            releases,
            orders,
            next_rollout,
            incidents,
        } = snapshot;
        for host in hosts {
            self.put_stored(host);
        }
        self.generation = generation;
        self.rollouts = rollouts;
        self.ended = ended;
        self.reports = reports;
        self.known_bad = known_bad;
        self.releases = releases;
        self.orders = orders.into_iter().map(|(host, order)| (host, Arc::new(order))).collect();
        self.next_rollout = next_rollout;
        self.incidents = incidents.into_iter().map(|open| (open.alert.key.clone(), open)).collect();
    }

    fn put_stored(&mut self, host: StoredHost) {
        let StoredHost { id, name, report, digest, last_seen, hold } = host;
        let known = self.inventory.get(id).and_then(|record| record.last_seen);
        self.inventory.enroll(id, &name);
        self.inventory.set_hold(id, hold);
        let (Some(report), Some(digest)) = (report, digest) else { return };
        let seen = last_seen.unwrap_or_default();
        if known.is_none_or(|known| known < seen) {
            self.put_facts(&HostFacts { report, digest, seen });
        }
    }

    /// Takes a report in. False if it was late: of a boot that the host has left, or older than
    /// the one that is known.
    pub fn put_facts(&mut self, facts: &HostFacts) -> bool {
        let HostFacts { report, digest, seen } = facts;
        let policy = &self.policy;
        self.inventory.put_report(
            Arc::clone(report),
            *seen,
            &policy.domain_keys,
            &policy.workload_key,
        );
        let kept = self.inventory.get(report.host).and_then(|record| record.report.as_ref());
        let news = kept.is_some_and(|kept| Arc::ptr_eq(kept, report));
        if news {
            self.digests.insert(report.host, *digest);
        }
        news
    }

    /// What the planner reads.
    #[must_use]
    pub fn input<'a>(
        &'a self,
        now: Timestamp,
        permit_requests: &'a [PermitRequest],
    ) -> PlanningInput<'a> {
        PlanningInput {
            now,
            up_since: self.up_since,
            parent: self.generation,
            policy: &self.policy,
            inventory: &self.inventory,
            rollouts: &self.rollouts,
            reports: &self.reports,
            known_bad: &self.known_bad,
            assessments: &self.assessments,
            permit_requests,
        }
    }

    /// A rollout that is not over.
    #[must_use]
    pub fn rollout(&self, id: RolloutId) -> Option<&Rollout> {
        self.rollouts.iter().find(|rollout| rollout.id == id)
    }
}
