//! One rollout from its beginning until it is over or waits for a person.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use wavegate_common::order::stable_hash;
use wavegate_common::{
    Assessment, Generation, HostClass, HostId, HostPhase, Inventory, Millis, PauseReason,
    PermitAnswer, PermitDecision, PlanReport, RolloutId, RolloutPhase, Scope, Timestamp, Verdict,
    WaitingOn,
};
use wavegate_core::{KnownBad, Plan, PlanningInput, Policy, Rollout, apply_to, check, decide};
use wavegate_gate::fleet::{Arm, ClassMeasures, Evidence, HostMeasures, HostRisk, Pair, assess};
use wavegate_gate::perf::ranksum::Nulls;
use wavegate_simfleet::{LightHost, Steps};

use super::noise::Pools;
use super::plant::Plant;

/// Plans after which a rollout is given up.
const PLANS: u32 = 4_000;
/// Time between plans while hosts are under way.
const TICK: Millis = Millis::mins(10);

/// Beyond the looks it is judged again after so long.
const AGAIN: Millis = Millis::hours(6);

/// How a rollout ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// The class in which something was planted, if in any.
    pub planted: Option<HostClass>,
    /// What was planted, for people.
    pub what: Option<String>,
    /// Classes that were stopped.
    pub stopped: Vec<HostClass>,
    /// Hosts of the planted class that had booted the new kernel when it was stopped.
    pub exposed: u64,
    /// From the datum that decided to the plan that stopped, in seconds of this machine.
    pub decision_s: f64,
    /// The phase at the end.
    pub phase: &'static str,
    /// Why it waits, if it does.
    pub waits: Option<String>,
    /// Broken invariants.
    pub violations: u64,
    /// How long it took, in hours of the fleet.
    pub hours: u64,
}

/// What all rollouts begin with.
#[derive(Debug)]
pub struct Setting<'a> {
    /// What holds for every rollout.
    pub policy: &'a Policy,
    /// The fleet before anything moves.
    pub inventory: &'a Inventory,
    /// The rollout as it was prepared.
    pub rollout: &'a Rollout,
    /// When it begins.
    pub start: Timestamp,
    /// Where noise comes from.
    pub pools: &'a Pools,
}

struct Run<'a> {
    setting: &'a Setting<'a>,
    seed: u64,
    plant: Option<(Plant, u32)>,
    rollout: Rollout,
    inventory: Inventory,
    hosts: BTreeMap<HostId, LightHost>,
    reports: BTreeMap<RolloutId, PlanReport>,
    assessments: BTreeMap<RolloutId, Assessment>,
    known_bad: KnownBad,
    generation: Generation,
    now: Timestamp,
    due: BinaryHeap<Reverse<(Timestamp, HostId)>>,
    asking: Vec<HostId>,
    restless: bool,
    /// How many hosts of each class were judged last.
    judged: Vec<u64>,
    stopped: Vec<HostClass>,
    exposed: u64,
    decision_s: f64,
    violations: u64,
}

/// Runs one rollout.
#[must_use]
pub fn trial(setting: &Setting<'_>, seed: u64, nulls: &mut Nulls) -> Ended {
    let mut run = Run::new(setting, seed);
    for _ in 0..PLANS {
        run.deliver();
        let began = std::time::Instant::now();
        run.judge(nulls);
        let stopped = run.stopped.len();
        run.plan();
        if run.stopped.len() > stopped {
            run.decision_s = run.decision_s.max(began.elapsed().as_secs_f64());
        }
        // What was planted is found: how far the other classes get is for clean rollouts to say.
        let rests = matches!(run.rollout.phase, RolloutPhase::Paused { .. })
            || run.planted().is_some_and(|class| run.stopped.contains(class));
        let Some(next) = run.next_moment().filter(|_| !run.rollout.phase.is_over() && !rests)
        else {
            break;
        };
        run.now = next;
    }
    run.end()
}

impl<'a> Run<'a> {
    fn new(setting: &'a Setting<'a>, seed: u64) -> Self {
        let metrics = setting.rollout.spec.judge.as_ref().map_or(0, |rule| rule.metrics.len());
        let mut rollout = setting.rollout.clone();
        rollout.seed = seed;
        let classes = rollout.classes.len() as u64;
        let class = u32::try_from(stable_hash(seed, &[3]) % classes.max(1)).unwrap_or(0);
        let hosts = rollout.hosts.iter().filter_map(|host| {
            let report = setting.inventory.get(host.host)?.report.as_ref()?;
            Some((host.host, LightHost::new((**report).clone())))
        });
        Self {
            seed,
            plant: Plant::of(seed, metrics).map(|plant| (plant, class)),
            hosts: hosts.collect(),
            rollout: rollout.arranged(),
            inventory: setting.inventory.clone(),
            setting,
            reports: BTreeMap::new(),
            assessments: BTreeMap::new(),
            known_bad: KnownBad::default(),
            generation: Generation(0),
            now: setting.start,
            due: BinaryHeap::new(),
            asking: Vec::new(),
            restless: true,
            judged: vec![0; setting.rollout.classes.len()],
            stopped: Vec::new(),
            exposed: 0,
            decision_s: 0.0,
            violations: 0,
        }
    }

    fn planted(&self) -> Option<&HostClass> {
        self.plant.and_then(|(_, at)| self.rollout.classes.get(at as usize))
    }

    fn steps(&self) -> Steps {
        Steps { seed: self.seed, discount: Millis(TICK.0 / 2) }
    }

    fn deliver(&mut self) {
        let (now, steps) = (self.now, self.steps());
        while let Some(Reverse((at, id))) = self.due.peek().copied()
            && at <= now
        {
            self.due.pop();
            let Some(host) = self.hosts.get_mut(&id).filter(|host| host.done_at() == Some(at))
            else {
                continue;
            };
            host.finish(now, steps);
            if host.permit_request().is_some() {
                self.asking.push(id);
            }
            self.schedule(id);
            self.tell(id);
        }
        // Everybody else reports as usual.
        let ids: Vec<HostId> = self.hosts.keys().copied().collect();
        for id in ids {
            self.inventory.seen(id, now);
        }
    }

    /// Judges when a class has come to its next look, and every now and then.
    fn judge(&mut self, nulls: &mut Nulls) {
        let measured = self.measured();
        let looks = self.rollout.spec.judge.as_ref().map_or(&[][..], |rule| &rule.looks);
        let reached = |count: &u64| looks.iter().filter(|look| u64::from(**look) <= *count).count();
        let new_look =
            measured.iter().zip(&self.judged).any(|(now, then)| reached(now) > reached(then));
        let old = self.assessments.values().all(|says| self.now.since(says.at) >= AGAIN);
        if measured == self.judged || !(new_look || old) {
            return;
        }
        self.judged = measured;
        let says = assess(nulls, &self.evidence());
        self.assessments.insert(self.rollout.id, says);
    }

    /// Hosts by class that have run the new kernel long enough.
    fn measured(&self) -> Vec<u64> {
        let mut out = vec![0; self.rollout.classes.len()];
        for host in &self.rollout.hosts {
            if self.is_measured(&host.phase)
                && let Some(count) = out.get_mut(host.class as usize)
            {
                *count += 1;
            }
        }
        out
    }

    fn is_measured(&self, phase: &HostPhase) -> bool {
        let rule = self.rollout.spec.judge.as_ref();
        let wait = rule.map_or(Millis(0), |rule| rule.warm_up);
        matches!(phase, HostPhase::Updated { at, .. } if self.now.since(*at) >= wait)
    }

    fn evidence(&self) -> Evidence {
        let rule = self.rollout.spec.judge.clone().unwrap_or_default();
        let metrics = rule.metrics.len();
        let mut classes: Vec<ClassMeasures> = self
            .rollout
            .classes
            .iter()
            .map(|class| ClassMeasures { class: class.clone(), open: 0, hosts: Vec::new() })
            .collect();
        let mut order: Vec<(Timestamp, HostId)> = self
            .rollout
            .hosts
            .iter()
            .filter_map(|host| match &host.phase {
                HostPhase::Updated { at, .. } => Some((*at, host.host)),
                _ => None,
            })
            .collect();
        order.sort_unstable();
        let order: BTreeMap<HostId, u64> =
            order.into_iter().zip(1..).map(|((_, id), n)| (id, n)).collect();
        for host in &self.rollout.hosts {
            let Some(class) = classes.get_mut(host.class as usize) else { continue };
            class.open += u64::from(!host.phase.is_settled());
            let arm = match (&host.phase, order.get(&host.host)) {
                (phase, Some(order)) if self.is_measured(phase) => Arm::Moved(*order),
                (HostPhase::Pending | HostPhase::Staged | HostPhase::Staging { .. }, _) => {
                    Arm::Control
                }
                _ => continue,
            };
            let value = |metric: usize| {
                let (before, after) = self.setting.pools.pair(self.seed, host.host.0, metric);
                let worse = match self.plant {
                    Some((Plant::Slower { metric: bad, by_ppm }, class))
                        if bad == metric && class == host.class && arm != Arm::Control =>
                    {
                        1.0 + by_ppm as f64 / 1e6
                    }
                    _ => 1.0,
                };
                Some(Pair { before, after: after * worse })
            };
            let values = (0..metrics).map(value).collect();
            class.hosts.push(HostMeasures { host: host.host, arm, values });
        }
        Evidence {
            at: self.now,
            seed: self.seed,
            rule,
            classes,
            risks: self.risks(),
            signals: Vec::new(),
        }
    }

    /// Who could have rebooted, and who did.
    fn risks(&self) -> Vec<HostRisk> {
        const DAY: f64 = 86_400_000.0;
        let start = self.setting.start;
        let days = |at: Timestamp| at.since(start).0 as f64 / DAY;
        let mut out = Vec::new();
        for host in &self.rollout.hosts {
            let (on_old, on_new) = match &host.phase {
                HostPhase::Updated { at, .. } => ((start, Some(*at)), Some(*at)),
                HostPhase::Pending | HostPhase::Staging { .. } | HostPhase::Staged => {
                    ((start, None), None)
                }
                _ => continue,
            };
            let more = match self.plant {
                Some((Plant::Reboots { times }, class)) if class == host.class => {
                    f64::from(times) - 1.0
                }
                _ => 0.0,
            };
            let since = on_new.map_or(f64::INFINITY, days);
            let failures =
                self.setting.pools.failures(self.seed, host.host.0, days(self.now), since, more);
            let Some(class) = self.rollout.class_of(host).cloned() else { continue };
            let record = self.inventory.get(host.host);
            let domains = record.into_iter().flat_map(|record| record.domains.iter());
            out.push(HostRisk {
                host: host.host,
                class,
                domains: domains.filter_map(|d| self.inventory.domain(*d).cloned()).collect(),
                on_old,
                on_new,
                reboots: failures
                    .into_iter()
                    .map(|day| start.after(Millis((day * DAY) as u64)))
                    .collect(),
            });
        }
        out
    }

    fn plan(&mut self) {
        let requests: Vec<_> = self
            .asking
            .iter()
            .filter_map(|id| self.hosts.get(id).and_then(LightHost::permit_request))
            .collect();
        let input = PlanningInput {
            now: self.now,
            up_since: Timestamp(0),
            parent: self.generation,
            policy: self.setting.policy,
            inventory: &self.inventory,
            rollouts: std::slice::from_ref(&self.rollout),
            reports: &self.reports,
            known_bad: &self.known_bad,
            assessments: &self.assessments,
            permit_requests: &requests,
        };
        let plan = decide(&input);
        self.violations += check(&input, &plan).len() as u64;
        self.carry_out(plan);
    }

    fn carry_out(&mut self, plan: Plan) {
        self.generation = self.generation.next();
        self.restless = !plan.events.is_empty();
        for event in &plan.events {
            let before = self.rollout.blocked.len();
            if apply_to(&mut self.rollout, event).is_err() {
                self.violations += 1;
            }
            if self.rollout.blocked.len() > before {
                self.note_stops();
            }
        }
        for command in &plan.commands {
            let (now, steps) = (self.now, self.steps());
            let Some(host) = self.hosts.get_mut(&command.host) else { continue };
            if host.order(command, now, steps) {
                self.schedule(command.host);
                self.tell(command.host);
            }
        }
        for answer in &plan.permits {
            self.answer(answer);
        }
        self.reports = plan.reports.into_iter().map(|report| (report.rollout, report)).collect();
    }

    fn note_stops(&mut self) {
        for at in self.rollout.blocked.keys() {
            let Some(class) = self.rollout.classes.get(*at as usize) else { continue };
            if self.stopped.contains(class) {
                continue;
            }
            self.stopped.push(class.clone());
            if self.plant.is_some_and(|(_, planted)| planted == *at) {
                let of = self.rollout.hosts.iter().filter(|host| host.class == *at);
                self.exposed = of.filter(|host| host.boots > 0).count() as u64;
            }
        }
    }

    fn answer(&mut self, answer: &PermitAnswer) {
        if !matches!(answer.decision, PermitDecision::Granted { .. }) {
            return;
        }
        let (now, steps) = (self.now, self.steps());
        let limits = &self.rollout.spec.limits;
        if let Some(host) = self.hosts.get_mut(&answer.host) {
            host.permit(now, limits, steps);
        }
        self.asking.retain(|id| *id != answer.host);
        self.schedule(answer.host);
    }

    fn schedule(&mut self, id: HostId) {
        if let Some(at) = self.hosts.get(&id).and_then(LightHost::done_at) {
            self.due.push(Reverse((at, id)));
        }
    }

    fn tell(&mut self, id: HostId) {
        let Some(host) = self.hosts.get(&id) else { return };
        let policy = self.setting.policy;
        let report = host.report();
        self.inventory.put_report(report, self.now, &policy.domain_keys, &policy.workload_key);
    }

    fn next_moment(&self) -> Option<Timestamp> {
        let soonest = self.now.after(TICK);
        let host = self.due.peek().map(|Reverse((at, _))| (*at).max(soonest));
        let asked = (self.restless || !self.asking.is_empty()).then_some(soonest);
        let rule = self.rollout.spec.judge.as_ref();
        let wait = rule.map_or(Millis(0), |rule| rule.warm_up);
        let data = self.rollout.hosts.iter().filter_map(|host| match &host.phase {
            HostPhase::Updated { at, .. } => Some(at.after(wait)),
            _ => None,
        });
        let data = data.filter(|at| *at > self.now).min();
        let awaited = self.reports.get(&self.rollout.id).and_then(|report| {
            let whole = report.waiting.iter().map(|(on, _)| on);
            let each = report.hosts.iter().map(|wait| &wait.on);
            whole.chain(each).filter_map(awaited).filter(|at| *at > self.now).min()
        });
        [host, asked, data, awaited].into_iter().flatten().min().map(|at| at.max(soonest))
    }

    fn end(self) -> Ended {
        let planted = self.planted().cloned();
        let waits = self.reports.get(&self.rollout.id).and_then(|report| report.waiting.clone());
        let mut stopped = self.stopped;
        // A pause of everything stops the class it names, or all of them.
        if let RolloutPhase::Paused { reason: PauseReason::Gate { scope, .. }, .. } =
            &self.rollout.phase
        {
            match scope {
                Scope::Class(class) if !stopped.contains(class) => stopped.push(class.clone()),
                _ => {}
            }
        }
        let verdicts = self.assessments.values().flat_map(|says| &says.classes);
        let unclear = verdicts.filter(|class| !matches!(class.verdict, Verdict::Pass)).count();
        Ended {
            planted,
            what: self.plant.map(|(plant, _)| plant.says()),
            stopped,
            exposed: self.exposed,
            decision_s: self.decision_s,
            phase: self.rollout.phase.name(),
            waits: waits.map(|(on, _)| format!("{on} ({unclear} classes have not passed)")),
            violations: self.violations,
            hours: self.now.since(self.setting.start).0 / 3_600_000,
        }
    }
}

fn awaited(on: &WaitingOn) -> Option<Timestamp> {
    match on {
        WaitingOn::Bake { until } => Some(*until),
        _ => None,
    }
}
