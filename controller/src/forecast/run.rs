//! One rollout from its beginning to its end in virtual time, under the shipping planner.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use wavegate_common::{
    Assessment, ClassAssessment, Command, Digest, Generation, HostId, Inventory, Millis,
    PermitAnswer, PermitDecision, PlanReport, RolloutId, RolloutPhase, Timestamp, Verdict,
    WaitingOn,
};
use wavegate_core::{KnownBad, Plan, PlanningInput, Policy, Rollout, apply_to, decide};

use wavegate_simfleet::{LightHost, Steps};

/// A forecast gives up after so many plans; a rollout that needs more is not worth waiting for.
const PLANS: u32 = 4_000;
/// And after so much virtual time.
const HORIZON: Millis = Millis::hours(24 * 400);
/// Plans in a row at one moment.
const AT_ONCE: u32 = 2;

/// What a run showed.
#[derive(Debug)]
pub(super) struct Outcome {
    /// From the start until the rollout was over, or until nothing moved any more.
    pub(super) took: Millis,
    /// Hosts that were never reached.
    pub(super) unreached: u64,
    /// How often the planner was asked.
    pub(super) plans: u64,
    /// Most hosts down by our doing at once, by index of the failure domain.
    pub(super) peaks: Vec<u64>,
}

/// What all runs begin with.
#[derive(Debug)]
pub(super) struct Setting<'a> {
    pub(super) rollout: &'a Rollout,
    pub(super) policy: &'a Policy,
    pub(super) inventory: &'a Inventory,
    pub(super) start: Timestamp,
    /// The time between plans: shorter is truer and dearer.
    pub(super) tick: Millis,
}

/// One run in progress.
struct Run<'a> {
    setting: &'a Setting<'a>,
    rollout: Rollout,
    inventory: Inventory,
    hosts: BTreeMap<HostId, LightHost>,
    reports: BTreeMap<RolloutId, PlanReport>,
    generation: Generation,
    now: Timestamp,
    due: BinaryHeap<Reverse<(Timestamp, HostId)>>,
    asking: Vec<HostId>,
    /// The last plan changed something.
    restless: bool,
    peaks: Vec<u64>,
    steps: Steps,
    known_bad: KnownBad,
    assessments: BTreeMap<RolloutId, Assessment>,
}

/// Runs the rollout once.
pub(super) fn run(setting: &Setting<'_>, seed: u64) -> Outcome {
    let mut run = Run::new(setting, seed);
    let mut last_move = setting.start;
    for _ in 0..PLANS {
        run.deliver();
        if run.plan_until_quiet() {
            last_move = run.now;
        }
        let over = run.rollout.phase.is_over();
        let Some(next) = run.next_moment().filter(|next| !over && *next <= run.horizon()) else {
            break;
        };
        run.now = next;
    }
    let unreached = run.rollout.hosts.iter().filter(|host| !host.phase.is_settled()).count();
    Outcome {
        took: last_move.since(setting.start),
        unreached: unreached as u64,
        plans: run.generation.0,
        peaks: run.peaks,
    }
}

impl<'a> Run<'a> {
    fn new(setting: &'a Setting<'a>, seed: u64) -> Self {
        let mut rollout = setting.rollout.clone();
        // The forecast is of the time after somebody agreed.
        if rollout.phase == RolloutPhase::Draft {
            rollout.phase = RolloutPhase::Canary;
        }
        let hosts = rollout
            .hosts
            .iter()
            .filter_map(|host| {
                let report = setting.inventory.get(host.host)?.report.as_ref()?;
                Some((host.host, LightHost::new((**report).clone())))
            })
            .collect();
        Self {
            setting,
            inventory: setting.inventory.clone(),
            peaks: vec![0; setting.inventory.domain_count()],
            rollout,
            hosts,
            reports: BTreeMap::new(),
            generation: Generation(0),
            now: setting.start,
            due: BinaryHeap::new(),
            asking: Vec::new(),
            restless: true,
            steps: Steps { seed, discount: Millis(setting.tick.0 / 2) },
            known_bad: KnownBad::default(),
            assessments: BTreeMap::from([(setting.rollout.id, all_well(setting))]),
        }
    }

    fn horizon(&self) -> Timestamp {
        self.setting.start.after(HORIZON)
    }

    /// Hosts whose time has come go on.
    fn deliver(&mut self) {
        while let Some(Reverse((at, id))) = self.due.peek().copied()
            && at <= self.now
        {
            self.due.pop();
            let Some(host) = self.hosts.get_mut(&id).filter(|host| host.done_at() == Some(at))
            else {
                continue;
            };
            host.finish(self.now, self.steps);
            if host.permit_request().is_some() {
                self.asking.push(id);
            }
            self.schedule(id);
            self.tell(id);
        }
    }

    /// Plans until a plan changes nothing: one that frees a slot or ends a wave makes room for
    /// the next. Says whether anything moved.
    fn plan_until_quiet(&mut self) -> bool {
        let mut moved = false;
        for _ in 0..AT_ONCE {
            let plan = self.plan();
            self.restless = !plan.events.is_empty();
            moved |= self.restless;
            self.carry_out(plan);
            if !self.restless || self.rollout.phase.is_over() {
                break;
            }
        }
        moved
    }

    fn plan(&self) -> Plan {
        let requests: Vec<_> = self
            .asking
            .iter()
            .filter_map(|id| self.hosts.get(id).and_then(LightHost::permit_request))
            .collect();
        decide(&PlanningInput {
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
        })
    }

    fn carry_out(&mut self, plan: Plan) {
        self.generation = self.generation.next();
        for event in &plan.events {
            // An event that does not fit changes nothing; the next plan sees the state as it is.
            let _ = apply_to(&mut self.rollout, event);
        }
        self.count_down();
        for command in &plan.commands {
            self.order(command);
        }
        for answer in &plan.permits {
            self.answer(answer);
        }
        self.reports = plan.reports.into_iter().map(|report| (report.rollout, report)).collect();
    }

    fn order(&mut self, command: &Command) {
        let (now, steps) = (self.now, self.steps);
        let Some(host) = self.hosts.get_mut(&command.host) else { return };
        if host.order(command, now, steps) {
            self.schedule(command.host);
            self.tell(command.host);
        }
    }

    fn answer(&mut self, answer: &PermitAnswer) {
        if !matches!(answer.decision, PermitDecision::Granted { .. }) {
            return;
        }
        let limits = &self.setting.rollout.spec.limits;
        if let Some(host) = self.hosts.get_mut(&answer.host) {
            host.permit(self.now, limits, self.steps);
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

    fn count_down(&mut self) {
        let mut down = vec![0u64; self.peaks.len()];
        for host in self.rollout.hosts.iter().filter(|host| host.phase.holds_slot()) {
            let Some(record) = self.inventory.get(host.host) else { continue };
            for domain in &record.domains {
                if let Some(count) = down.get_mut(domain.0 as usize) {
                    *count += 1;
                }
            }
        }
        for (peak, down) in self.peaks.iter_mut().zip(down) {
            *peak = (*peak).max(down);
        }
    }

    /// When something can happen next: a host is done, or a time that is waited for comes.
    fn next_moment(&self) -> Option<Timestamp> {
        let soonest = self.now.after(self.setting.tick);
        let host = self.due.peek().map(|Reverse((at, _))| (*at).max(soonest));
        let asked = (self.restless || !self.asking.is_empty()).then_some(soonest);
        let awaited = self.reports.get(&self.rollout.id).and_then(|report| {
            let whole = report.waiting.iter().map(|(on, _)| on);
            let each = report.hosts.iter().map(|wait| &wait.on);
            whole.chain(each).filter_map(awaited).filter(|at| *at > self.now).min()
        });
        let again = self.rollout.hosts.iter().filter_map(|host| host.not_before);
        let again = again.filter(|at| *at > self.now).min();
        [host, asked, awaited, again].into_iter().flatten().min()
    }
}

/// The forecast is of a kernel that is as good as the one before.
fn all_well(setting: &Setting<'_>) -> Assessment {
    let classes = setting.rollout.classes.iter().map(|class| ClassAssessment {
        class: class.clone(),
        verdict: Verdict::Pass,
        metrics: Vec::new(),
    });
    Assessment { at: setting.start, evidence: Digest([0; 32]), classes: classes.collect() }
}

/// The moment that a reason names, if it is one that time alone brings.
fn awaited(on: &WaitingOn) -> Option<Timestamp> {
    match on {
        WaitingOn::Bake { until } | WaitingOn::Freeze { until, .. } => Some(*until),
        WaitingOn::Window { opens } => *opens,
        _ => None,
    }
}
