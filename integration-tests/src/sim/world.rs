//! The whole simulated world, and the loop that moves it.

use std::collections::BTreeMap;
use std::sync::Arc;

use wavegate_common::{HostClass, HostId, Millis};
use wavegate_core::Event;
use wavegate_simfleet::{
    Dice, Fleet, HostEvent, HostOutput, Moment, Physics, Rule, SimHost, Tally,
};

use super::controller::Controller;
use super::faults::FaultStep;
use super::invariants::{Instants, Judge, Violation};
use super::network::Network;
use super::operator::OperatorStep;
use super::options::{Breadth, Options};
use super::queue::Queue;
use super::step::Step;
use super::store::{NotCommitted, Store};
use super::trace::{Line, Trace};

/// A rollout in which nothing has happened for so long stands still.
const STANDSTILL: Millis = Millis::mins(45);

/// A host in the simulation, and to which controller its stream goes.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) host: SimHost,
    pub(super) home: Option<usize>,
    /// When a controller last heard of it, in true time.
    pub(super) heard: Option<Moment>,
}

/// The world.
#[derive(Debug)]
pub struct World {
    pub(super) now: Moment,
    pub(super) steps: u64,
    pub(super) options: Options,
    pub(super) dice: Dice,
    pub(super) queue: Queue,
    pub(super) seats: Vec<Seat>,
    pub(super) by_id: BTreeMap<HostId, u32>,
    pub(super) store: Store,
    pub(super) copy: Option<Box<Store>>,
    pub(super) controllers: Vec<Controller>,
    pub(super) network: Network,
    pub(super) judge: Judge,
    pub(super) tally: Tally,
    pub(super) trace: Trace,
    /// When an event was committed last.
    pub(super) progress: Moment,
    pub(super) second_opinion: bool,
    /// Hosts whose ledger somebody must replace.
    pub(super) rotten: Vec<u32>,
    pub(super) scratch: Vec<HostOutput>,
}

impl World {
    /// A world in which nothing has happened yet. With `with_text` it keeps a readable trace.
    #[must_use]
    pub fn new(options: Options, with_text: bool) -> Self {
        let fleet = Fleet::of_classes(options.hosts, options.classes, options.seed);
        let physics = Arc::new(physics(&options, &fleet));
        let dice = Dice::new(options.seed);
        let mut hosts = fleet;
        for profile in &mut hosts.profiles {
            profile.config.min_reboot_gap = options.min_reboot_gap;
            profile.timing.tick = Millis::secs(2);
        }
        let seats: Vec<Seat> = hosts
            .power_up(&physics, options.seed)
            .into_iter()
            .map(|host| Seat { host, home: None, heard: None })
            .collect();
        let by_id = seats.iter().zip(0u32..).map(|(s, at)| (s.host.profile().id, at)).collect();
        let count = seats.len();
        let mut world = Self {
            now: Moment(0),
            steps: 0,
            queue: Queue::default(),
            by_id,
            store: Store::new(count),
            copy: None,
            controllers: (0..options.controllers.max(1)).map(|_| Controller::new()).collect(),
            network: Network::new(options.weather, count, dice.fork(11)),
            judge: Judge::new(&options, &seats),
            tally: Tally::new(&options.policy.domain_keys),
            trace: Trace::new(with_text),
            progress: Moment(0),
            second_opinion: true,
            rotten: Vec::new(),
            scratch: Vec::new(),
            seats,
            dice,
            options,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        let mut dice = self.dice.fork(12);
        for host in 0..self.seats.len() as u32 {
            let at = Moment(dice.below(20_000));
            self.queue.push(at, Step::Host(host, HostEvent::PowerOn));
        }
        for at in 0..self.controllers.len() {
            self.queue.push(Moment(1 + at as u64), Step::Start(at, 0));
        }
        self.queue.push(Moment(self.options.heartbeat.0), Step::Sweep);
        for (number, (at, _)) in self.options.rollouts.iter().enumerate() {
            self.queue.push(*at, Step::Operator(OperatorStep::Apply(number)));
        }
        self.schedule_faults();
        if self.options.heal_at < self.options.end {
            self.queue.push(self.options.heal_at, Step::Heal);
        }
    }

    /// Switches the second opinion of the core off, so that only what really happens is judged.
    pub fn without_second_opinion(&mut self) {
        self.second_opinion = false;
    }

    /// True time.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.now
    }

    /// Runs until that moment, or until an invariant is broken. Returns whether none was.
    pub fn run_until(&mut self, until: Moment) -> bool {
        while self.queue.next_at().is_some_and(|at| at <= until) {
            self.step();
            if self.judge.first().is_some() {
                return false;
            }
        }
        self.now = self.now.max(until);
        true
    }

    /// Runs to the end, and judges whether the fleet came to rest.
    pub fn run_to_end(&mut self) -> bool {
        let mut fine = self.run_until(self.options.end);
        // A slow rollout may go on as long as it moves.
        let latest = Moment(self.options.end.0.saturating_mul(3));
        while fine
            && self.now < latest
            && self.judge.is_restless(&self.seats, &self.store, self.now)
            && self.now.since(self.progress) < STANDSTILL
        {
            fine = self.run_until(self.now.after(Millis::mins(10)));
        }
        if fine {
            self.judge.at_end(&self.seats, &self.store, self.now);
        }
        self.judge.first().is_none()
    }

    /// The first invariant that was broken.
    #[must_use]
    pub fn violation(&self) -> Option<&Violation> {
        self.judge.first()
    }

    /// The hash of everything that happened.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.trace.digest()
    }

    /// How many steps were taken.
    #[must_use]
    pub fn step_count(&self) -> u64 {
        self.steps
    }

    /// Lines of the trace since it was asked last.
    pub fn take_lines(&mut self) -> Vec<Line> {
        self.trace.take_lines()
    }

    fn step(&mut self) {
        let Some((at, step)) = self.queue.pop() else { return };
        self.now = at;
        self.steps += 1;
        let [what, host, detail] = step.fingerprint();
        self.trace.hash(&[at.0, what, host, detail]);
        match step {
            Step::Timer(host, timer) => self.host_event(host, HostEvent::Timer(timer)),
            Step::Host(host, event) => self.host_event(host, event),
            Step::Down(host, message) => self.arrive(host, message),
            Step::Up { controller, host, word } => self.hear(controller, host, word),
            Step::Connect(host) => self.connect(host),
            Step::Sweep => self.sweep(),
            Step::Drive(at, life) => self.drive(at, life),
            Step::Commit(at, life) => self.commit(at, life),
            Step::Dispatch(at, life) => self.dispatch(at, life),
            Step::Start(at, life) => self.start_controller(at, life),
            Step::Fault(fault) => self.fault(fault),
            Step::Operator(step) => self.operator(step),
            Step::Heal => self.heal(),
            Step::Forged(host, forgery) => self.forged(host, &forgery),
        }
    }

    /// Does a step after this much time.
    pub(super) fn later(&mut self, span: Millis, step: Step) {
        self.queue.push(self.now.after(span), step);
    }

    pub(super) fn say(&mut self, host: Option<u32>, text: impl FnOnce() -> String) {
        if !self.trace.is_read() {
            return;
        }
        let seat = host.and_then(|at| self.seats.get(at as usize));
        let name = seat.map(|seat| seat.host.profile().name.as_str());
        self.trace.say(self.now, name, text);
    }

    /// Commits events of a person.
    pub(super) fn commit_events(&mut self, events: &[Event]) -> Result<(), String> {
        let at = Instants { by: 0, planned: self.now, now: self.now };
        self.judge.before_commit(&self.seats, &self.store, events, at);
        match self.store.commit_events(events) {
            Ok(()) => Ok(()),
            Err(NotCommitted::Outrun) => Err("another plan was committed in between".to_owned()),
            Err(NotCommitted::Illegal(error)) => {
                self.judge.illegal(&error.to_string(), self.now);
                Err(error.to_string())
            }
        }
    }

    /// Something happens to a host from outside the simulation's own plan.
    pub fn strike(&mut self, host: u32, event: HostEvent) {
        self.host_event(host, event);
    }

    /// Cuts these hosts off until they are mended, or for a span.
    pub fn partition(&mut self, hosts: &[u32], span: Option<Millis>) {
        match span {
            Some(span) => self.cut(hosts.to_vec(), span),
            None => hosts.iter().for_each(|host| {
                self.network.set_cut(*host, true);
                self.hang_up(*host);
            }),
        }
    }

    /// Makes these hosts reachable again.
    pub fn reconnect(&mut self, hosts: &[u32]) {
        self.fault(FaultStep::Mend(hosts.to_vec()));
    }
}

/// What the kernels of the options do.
fn physics(options: &Options, fleet: &Fleet) -> Physics {
    let mut classes: Vec<HostClass> = fleet.profiles.iter().map(|p| p.class()).collect();
    classes.sort();
    classes.dedup();
    let rules = options.rollouts.iter().map(|(_, wanted)| {
        let (behaviour, breadth) = wanted.behaviour;
        let (class, share_ppm) = match breadth {
            Breadth::Class(number) => (classes.get(number % classes.len().max(1)), 1_000_000),
            Breadth::Share(ppm) => (None, ppm),
        };
        Rule { kernel: wanted.release.kernel.clone(), class: class.cloned(), share_ppm, behaviour }
    });
    Physics { rules: rules.collect() }
}
