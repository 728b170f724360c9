use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wavegate_common::{
    Action, Assessment, BootCause, BootId, BootMethod, BootRecord, Command, Facts, Generation,
    Health, HealthState, HostId, HostReport, Inventory, KernelRelease, Millis, PermitDecision,
    PermitRequest, Release, ReleaseSource, RolloutId, RolloutPhase, RolloutSpec, Timestamp,
    Transaction, TransactionStep, WaitingOn,
};

use crate::event::RolloutChange;
use crate::{
    Event, KnownBad, Plan, PlanningInput, Policy, Proposal, Rollout, apply_to, check, decide,
    prepare,
};

pub(crate) const OLD: &str = "6.1.0-47";
pub(crate) const NEW: &str = "6.1.0-56";

/// A fleet, its controller's state and its clock.
pub(crate) struct Fleet {
    pub(crate) now: Timestamp,
    pub(crate) generation: Generation,
    pub(crate) policy: Policy,
    pub(crate) inventory: Inventory,
    pub(crate) rollouts: Vec<Rollout>,
    pub(crate) reports: BTreeMap<RolloutId, wavegate_common::PlanReport>,
    pub(crate) known_bad: KnownBad,
    pub(crate) assessments: BTreeMap<RolloutId, Assessment>,
    pub(crate) requests: Vec<PermitRequest>,
    pub(crate) events: Vec<Event>,
    /// Hosts that do not report any more.
    pub(crate) silent: BTreeSet<HostId>,
    /// Hosts that come back on the old kernel.
    pub(crate) falls_back: BTreeSet<HostId>,
    /// Hosts whose drain hooks fail.
    pub(crate) gives_up: BTreeSet<HostId>,
    next_boot: u128,
}

pub(crate) fn release() -> Release {
    Release {
        name: "june".into(),
        kernel: NEW.into(),
        source: ReleaseSource::Package { package: "linux-image-56".into(), version: None },
        append: vec![],
    }
}

pub(crate) fn spec(extra: &str) -> RolloutSpec {
    let text = format!("name: june\nrelease: june\nselector: '*'\nbake: 10m\n{extra}");
    serde_saphyr::from_str(&text).unwrap()
}

impl Fleet {
    /// `hosts` hosts in `classes` classes and `racks` racks, all healthy on the old kernel.
    pub(crate) fn new(hosts: u128, classes: u128, racks: u128) -> Self {
        let mut fleet = Self {
            now: Timestamp(1_000_000_000_000),
            generation: Generation(10),
            policy: Policy::default(),
            inventory: Inventory::new(),
            rollouts: vec![],
            reports: BTreeMap::new(),
            known_bad: KnownBad::default(),
            assessments: BTreeMap::new(),
            requests: vec![],
            events: vec![],
            silent: BTreeSet::new(),
            falls_back: BTreeSet::new(),
            gives_up: BTreeSet::new(),
            next_boot: 1_000_000,
        };
        for n in 0..hosts {
            let report = healthy(n, n % classes, (n / classes) % racks);
            fleet.put(report);
        }
        fleet
    }

    pub(crate) fn put(&mut self, report: HostReport) {
        let keys = self.policy.domain_keys.clone();
        self.inventory.put_report(Arc::new(report), self.now, &keys, "role");
    }

    /// Changes what a host says of itself.
    pub(crate) fn alter(&mut self, id: HostId, change: impl FnOnce(&mut HostReport)) {
        let mut report = self.report(id);
        report.seq += 1;
        change(&mut report);
        self.put(report);
    }

    pub(crate) fn report(&self, id: HostId) -> HostReport {
        (**self.inventory.get(id).unwrap().report.as_ref().unwrap()).clone()
    }

    pub(crate) fn start(&mut self, spec: &RolloutSpec) {
        let id = RolloutId(self.rollouts.len() as u64 + 1);
        let prepared = prepare(&Proposal {
            id,
            spec,
            release: &release(),
            seed: 7,
            now: self.now,
            by: "ann",
            inventory: &self.inventory,
            policy: &self.policy,
            known_bad: &self.known_bad,
            others: &self.rollouts,
        });
        self.rollouts.push(prepared.unwrap().rollout);
    }

    /// One pass; the plan must satisfy the second opinion.
    pub(crate) fn pass(&mut self) -> Plan {
        let open: Vec<Rollout> =
            self.rollouts.iter().filter(|r| !r.phase.is_over()).cloned().collect();
        let input = PlanningInput {
            now: self.now,
            up_since: Timestamp(0),
            parent: self.generation,
            policy: &self.policy,
            inventory: &self.inventory,
            rollouts: &open,
            reports: &self.reports,
            known_bad: &self.known_bad,
            assessments: &self.assessments,
            permit_requests: &self.requests,
        };
        let plan = decide(&input);
        assert_eq!(check(&input, &plan), vec![], "{:?}", plan.events);
        self.commit(&plan);
        plan
    }

    pub(crate) fn commit(&mut self, plan: &Plan) {
        self.generation = self.generation.next();
        self.requests.clear();
        for event in &plan.events {
            self.apply(event);
        }
        for report in &plan.reports {
            self.reports.insert(report.rollout, report.clone());
        }
    }

    pub(crate) fn apply(&mut self, event: &Event) {
        let rollout = self.rollouts.iter_mut().find(|r| r.id == event.rollout).unwrap();
        apply_to(rollout, event).unwrap();
        self.known_bad.learn(rollout, event);
        self.events.push(event.clone());
    }

    /// Lets hosts do what they were told, and time go by.
    pub(crate) fn obey(&mut self, plan: &Plan, span: Millis) {
        self.now = self.now.after(span);
        for answer in &plan.permits {
            if matches!(answer.decision, PermitDecision::Granted { .. }) {
                self.switch(answer.host);
            }
        }
        for command in &plan.commands {
            if !self.silent.contains(&command.host) {
                self.follow(command);
            }
        }
        let heard: Vec<HostId> = self
            .inventory
            .hosts()
            .iter()
            .map(|record| record.id)
            .filter(|id| !self.silent.contains(id))
            .collect();
        for id in heard {
            self.inventory.seen(id, self.now);
        }
    }

    fn follow(&mut self, command: &Command) {
        let id = command.id;
        let report = self.report(command.host);
        let same_boot = report.boot.boot_id == command.precondition.boot_id;
        let gives_up = self.gives_up.contains(&command.host);
        let mut step = |kernel: KernelRelease, step: TransactionStep| {
            self.alter(command.host, |report| {
                report.transaction = Some(Transaction { command: id, target: kernel, step });
            });
        };
        match &command.action {
            Action::Stage { release } => step(release.kernel.clone(), TransactionStep::Staged),
            Action::Activate(order) if gives_up => {
                let reason = "busy".to_owned();
                step(order.release.kernel.clone(), TransactionStep::Aborted { reason });
            }
            Action::Activate(order) if same_boot => {
                step(order.release.kernel.clone(), TransactionStep::AwaitingPermit);
                let (host, boot_id) = (command.host, report.boot.boot_id);
                let nonce = wavegate_common::Nonce(u128::from(self.generation.0));
                self.requests.push(PermitRequest { host, command: id, nonce, boot_id });
            }
            Action::Activate(order) => {
                if report.boot.kernel == order.release.kernel {
                    step(order.release.kernel.clone(), TransactionStep::Verified);
                }
            }
            Action::Confirm { kernel } => step(kernel.clone(), TransactionStep::Confirmed),
            Action::Cancel => {
                let reason = "cancelled".to_owned();
                step(NEW.into(), TransactionStep::Aborted { reason });
            }
        }
    }

    /// A permitted host leaves its boot.
    fn switch(&mut self, id: HostId) {
        if self.silent.contains(&id) {
            return;
        }
        let rollout = self.rollouts.iter().find(|r| r.host(id).is_some()).unwrap();
        let target = rollout.target(rollout.host(id).unwrap()).kernel;
        let fell = self.falls_back.contains(&id);
        let boot_id = self.boot_id();
        self.alter(id, |report| {
            let transaction = report.transaction.as_mut().unwrap();
            let command = transaction.command;
            let evidence = "kernel panic".to_owned();
            transaction.step =
                if fell { TransactionStep::FellBack { evidence } } else { TransactionStep::Trial };
            report.boot.boot_id = boot_id;
            if fell {
                let evidence = "kernel panic".to_owned();
                report.boot.cause = BootCause::FellBack { command, evidence };
            } else {
                report.boot.kernel = target;
                let method = BootMethod::Kexec;
                report.boot.cause = BootCause::Commanded { command, method };
            }
        });
    }

    /// A reboot nobody asked for.
    pub(crate) fn crash(&mut self, id: HostId) {
        let boot_id = self.boot_id();
        self.alter(id, |report| {
            report.boot.boot_id = boot_id;
            report.boot.cause = BootCause::Unknown;
            report.transaction = None;
        });
    }

    fn boot_id(&mut self) -> BootId {
        self.next_boot += 1;
        BootId(self.next_boot)
    }

    /// Passes until nothing moves or the rollout is over, at most `limit`.
    pub(crate) fn run(&mut self, limit: usize) -> &RolloutPhase {
        for _ in 0..limit {
            let plan = self.pass();
            self.obey(&plan, Millis::secs(20));
            if self.phase().is_over() || matches!(self.phase(), RolloutPhase::Paused { .. }) {
                break;
            }
        }
        self.phase()
    }

    pub(crate) fn phase(&self) -> &RolloutPhase {
        &self.rollouts.last().unwrap().phase
    }

    pub(crate) fn rollout(&self) -> &Rollout {
        self.rollouts.last().unwrap()
    }

    pub(crate) fn why(&self, id: HostId) -> Option<&WaitingOn> {
        self.reports[&self.rollout().id].why(id).map(|(on, _)| on)
    }

    pub(crate) fn count(&self, name: &str) -> usize {
        self.rollout().hosts.iter().filter(|h| h.phase.name() == name).count()
    }

    /// Hosts in the order in which something of a kind happened to them.
    pub(crate) fn happened(&self, name: &str) -> Vec<HostId> {
        let hosts = self.events.iter().filter_map(|event| match &event.change {
            RolloutChange::Host { host, change } if change.name() == name => Some(*host),
            _ => None,
        });
        hosts.collect()
    }
}

pub(crate) fn healthy(n: u128, class: u128, rack: u128) -> HostReport {
    let labels = [("rack", format!("r{rack}")), ("role", format!("c{class}"))];
    HostReport {
        host: HostId(n + 1),
        seq: 1,
        name: format!("host-{n}"),
        labels: labels.map(|(key, value)| (key.to_owned(), value)).into(),
        facts: Facts { vendor: "Acme".into(), product: "One".into(), ..Facts::default() },
        boot: BootRecord {
            boot_id: BootId(n + 1),
            kernel: OLD.into(),
            booted_at: Timestamp(0),
            cause: BootCause::First,
        },
        installed: vec![OLD.into()],
        default_kernel: Some(OLD.into()),
        health: Health { state: HealthState::Healthy, checks: vec![] },
        transaction: None,
        generation: Generation(0),
        guard: vec![],
        no_kexec: vec![],
        drift: vec![],
    }
}
