//! The last report of every host, with its age: always partial, always old.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::host::{FailureDomain, HostClass, Labels};
use crate::id::{BootId, HostId};
use crate::report::HostReport;
use crate::time::{Millis, Timestamp};

/// Index of a class in its inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassIndex(pub u32);

/// Index of a failure domain in its inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainIndex(pub u32);

/// A person holds the host: nothing begins on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Who.
    pub by: String,
    /// Their words.
    pub reason: String,
}

/// One host as the controller knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct HostRecord {
    /// Which.
    pub id: HostId,
    /// Its label for people.
    pub name: Arc<str>,
    /// Its labels.
    pub labels: Arc<Labels>,
    /// Its class.
    pub class: ClassIndex,
    /// What it must not go down together with.
    pub domains: Box<[DomainIndex]>,
    /// When it was last heard of.
    pub last_seen: Option<Timestamp>,
    /// What it said last.
    pub report: Option<Arc<HostReport>>,
    /// Boots it has left: a report of one of them that arrives late is not news.
    pub past_boots: [Option<BootId>; 2],
    /// A person holds it.
    pub hold: Option<Arc<Hold>>,
}

/// All hosts, sorted by id, with classes and domains held once and referred to by index, so that
/// a pass over a large fleet stays in step with memory.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    hosts: Vec<HostRecord>,
    classes: Vec<HostClass>,
    domains: Vec<FailureDomain>,
    class_index: HashMap<HostClass, ClassIndex>,
    domain_index: HashMap<FailureDomain, DomainIndex>,
}

impl Inventory {
    /// No hosts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All hosts in the order of their ids.
    #[must_use]
    pub fn hosts(&self) -> &[HostRecord] {
        &self.hosts
    }

    /// One host.
    #[must_use]
    pub fn get(&self, id: HostId) -> Option<&HostRecord> {
        self.position(id).ok().and_then(|at| self.hosts.get(at))
    }

    /// The class behind an index.
    #[must_use]
    pub fn class(&self, index: ClassIndex) -> Option<&HostClass> {
        self.classes.get(index.0 as usize)
    }

    /// How many classes have ever been seen.
    #[must_use]
    pub fn class_count(&self) -> usize {
        self.classes.len()
    }

    /// The index of a class, if any host has ever been of it.
    #[must_use]
    pub fn class_index(&self, class: &HostClass) -> Option<ClassIndex> {
        self.class_index.get(class).copied()
    }

    /// The failure domain behind an index.
    #[must_use]
    pub fn domain(&self, index: DomainIndex) -> Option<&FailureDomain> {
        self.domains.get(index.0 as usize)
    }

    /// How many failure domains have ever been seen.
    #[must_use]
    pub fn domain_count(&self) -> usize {
        self.domains.len()
    }

    /// Takes a report in. `domain_keys` are the labels that name failure domains, `workload_key`
    /// the label that names the workload. Reports of one boot with a lower `seq` than the known
    /// one, and reports of a boot that the host has left, only refresh `last_seen`.
    pub fn put_report(
        &mut self,
        report: Arc<HostReport>,
        seen: Timestamp,
        domain_keys: &[String],
        workload_key: &str,
    ) {
        let class = report.facts.class(report.labels.get(workload_key).map(String::as_str));
        let class = self.intern_class(class);
        let domains = domain_keys
            .iter()
            .filter_map(|key| {
                let value = report.labels.get(key)?.clone();
                Some(FailureDomain { key: key.clone(), value })
            })
            .collect::<Vec<_>>();
        let domains = domains.into_iter().map(|domain| self.intern_domain(domain)).collect();
        let at = self.place(report.host);
        let Some(record) = self.hosts.get_mut(at) else { return };
        record.last_seen = record.last_seen.max(Some(seen));
        let boot = report.boot.boot_id;
        if let Some(known) = &record.report {
            let older = known.boot.boot_id == boot && known.seq > report.seq;
            if older || record.past_boots.contains(&Some(boot)) {
                return;
            }
            if known.boot.boot_id != boot {
                record.past_boots = [Some(known.boot.boot_id), record.past_boots[0]];
            }
        }
        record.name = Arc::from(report.name.as_str());
        record.labels = Arc::new(report.labels.clone());
        record.class = class;
        record.domains = domains;
        record.report = Some(report);
    }

    /// A sign of life that says nothing new. It outranks one that is dated more than a minute
    /// later: the clock that dated that has been put back since.
    pub fn seen(&mut self, id: HostId, at: Timestamp) {
        if let Ok(place) = self.position(id)
            && let Some(record) = self.hosts.get_mut(place)
        {
            let ahead = record.last_seen.is_some_and(|seen| seen > at.after(Millis::mins(1)));
            record.last_seen = if ahead { Some(at) } else { record.last_seen.max(Some(at)) };
        }
    }

    /// A person holds a host or lets it go.
    pub fn set_hold(&mut self, id: HostId, hold: Option<Hold>) {
        let at = self.place(id);
        if let Some(record) = self.hosts.get_mut(at) {
            record.hold = hold.map(Arc::new);
        }
    }

    /// A host that is enrolled but has not reported.
    pub fn enroll(&mut self, id: HostId, name: &str) {
        let at = self.place(id);
        if let Some(record) = self.hosts.get_mut(at)
            && record.report.is_none()
        {
            record.name = Arc::from(name);
        }
    }

    fn position(&self, id: HostId) -> Result<usize, usize> {
        self.hosts.binary_search_by_key(&id, |record| record.id)
    }

    fn place(&mut self, id: HostId) -> usize {
        match self.position(id) {
            Ok(at) => at,
            Err(at) => {
                let class = self.intern_class(HostClass::from("unknown"));
                let record = HostRecord {
                    id,
                    name: Arc::from(""),
                    labels: Arc::default(),
                    class,
                    domains: Box::default(),
                    last_seen: None,
                    report: None,
                    past_boots: [None; 2],
                    hold: None,
                };
                self.hosts.insert(at, record);
                at
            }
        }
    }

    fn intern_class(&mut self, class: HostClass) -> ClassIndex {
        if let Some(index) = self.class_index.get(&class) {
            return *index;
        }
        let index = ClassIndex(u32::try_from(self.classes.len()).unwrap_or(u32::MAX));
        self.classes.push(class.clone());
        self.class_index.insert(class, index);
        index
    }

    fn intern_domain(&mut self, domain: FailureDomain) -> DomainIndex {
        if let Some(index) = self.domain_index.get(&domain) {
            return *index;
        }
        let index = DomainIndex(u32::try_from(self.domains.len()).unwrap_or(u32::MAX));
        self.domains.push(domain.clone());
        self.domain_index.insert(domain, index);
        index
    }
}
