//! The driver of a controller in the world: facts in, read and decide, commit, send. Between any
//! two of these the process may die or freeze.

use wavegate_common::{Alert, ControllerMessage, HostId, Millis};
use wavegate_core::{Plan, RolloutChange, check, decide};

use super::compare::assessments;
use super::controller::{Pass, Running};
use super::invariants::Instants;
use super::step::{Step, Word};
use super::store::NotCommitted;
use super::world::World;

impl World {
    /// Facts in: a report or a question reaches a controller.
    pub(super) fn hear(&mut self, at: usize, host: u32, word: Word) {
        let cut = self.network.is_cut(host);
        let Some(controller) = self.controllers.get_mut(at) else { return };
        if cut || !controller.is_up() {
            return;
        }
        match word {
            Word::Report(report) => {
                let wall = controller.wall(self.now);
                let generation = report.generation;
                let new = self.store.put_report(host, &report, wall);
                if self.dies_here(at) {
                    return;
                }
                let Some(controller) = self.controllers.get_mut(at) else { return };
                if new {
                    controller.take_in(&report, self.now, &self.options.policy);
                } else if !controller.holds(&report) {
                    return; // Old news says nothing of how the host is now.
                }
                controller.inventory.seen(report.host, wall);
                if let Some(seat) = self.seats.get_mut(host as usize) {
                    seat.heard = Some(self.now);
                }
                self.judge.told(host, &report, self.now);
                if self.store.lift(generation) {
                    self.say(None, || format!("controller {at}: a host has seen {generation}"));
                }
                if new {
                    self.nudge(at, self.options.debounce);
                }
            }
            Word::Permit(request) => {
                controller.permits.retain(|known| known.host != request.host);
                controller.permits.push(request);
                self.nudge(at, Millis(150));
            }
        }
    }

    /// Lets a controller decide this soon.
    pub(super) fn nudge(&mut self, at: usize, within: Millis) {
        let when = self.now.after(within);
        let Some(controller) = self.controllers.get_mut(at) else { return };
        if !controller.is_up() || controller.drive_at.is_some_and(|soon| soon <= when) {
            return;
        }
        controller.drive_at = Some(when);
        let life = controller.life;
        self.queue.push(when, Step::Drive(at, life));
    }

    fn alive(&self, at: usize, life: u32) -> bool {
        self.controllers.get(at).is_some_and(|c| c.life == life && c.state != Running::Down)
    }

    /// One read, one pure decision, one second opinion.
    pub(super) fn drive(&mut self, at: usize, life: u32) {
        if !self.alive(at, life) {
            return;
        }
        let now = self.now;
        let Some(controller) = self.controllers.get_mut(at) else { return };
        if controller.drive_at != Some(now) {
            return; // An earlier pass has taken this one's place.
        }
        controller.drive_at = None;
        if !matches!(controller.pass, Pass::Idle) {
            return self.nudge(at, Millis(200));
        }
        self.catch_up(at);
        let Some(controller) = self.controllers.get(at) else { return };
        let wall = controller.wall(now);
        self.store.assessments = assessments(self.options.seed, &self.store, wall);
        let input = controller.input(now, &self.store, &self.options.policy);
        let mut plan = decide(&input);
        self.store.forget_told(&mut plan.alerts);
        if self.second_opinion
            && !(plan.is_quiet() && plan.commands.is_empty())
            && let Some(violation) = check(&input, &plan).first()
        {
            let text = format!("second opinion: {}", violation.text);
            self.judge.report(violation.invariant, text, now);
            self.tell(at, &plan);
        }
        let news = !plan.is_quiet()
            || plan.reports.iter().any(|report| {
                self.store.reports.get(&report.rollout).is_none_or(|old| !old.same_as(report))
            });
        if let Some(controller) = self.controllers.get_mut(at) {
            controller.planned_at = now;
        }
        if news {
            self.go_on(at, Pass::Planned(Box::new(plan)));
        } else {
            self.send_orders(at, &plan);
        }
        self.nudge(at, self.options.idle);
    }

    /// The next step of a pass, unless the process dies or freezes here.
    fn go_on(&mut self, at: usize, pass: Pass) {
        if self.dies_here(at) {
            return;
        }
        let mut wait = Millis(self.dice.between(1, 30));
        let freeze = self.dice.chance(self.options.freeze_ppm);
        if freeze {
            let left = self.options.heal_at.since(self.now).0;
            wait = Millis(self.dice.between(5_000, 1_800_000).min(left));
            let until = self.now.after(wait);
            self.say(None, || format!("controller {at} freezes for {wait}"));
            self.hang_up_all(at);
            if let Some(controller) = self.controllers.get_mut(at) {
                controller.state = Running::Frozen(until);
            }
        }
        let Some(controller) = self.controllers.get_mut(at) else { return };
        let life = controller.life;
        let step = match pass {
            Pass::Planned(_) => Step::Commit(at, life),
            Pass::Committed(_) | Pass::Idle => Step::Dispatch(at, life),
        };
        controller.pass = pass;
        self.later(wait, step);
    }

    fn thaw(&mut self, at: usize) {
        if let Some(controller) = self.controllers.get_mut(at)
            && controller.state != Running::Down
        {
            controller.state = Running::Up;
        }
    }

    /// One write, if nobody else has written since the plan was made.
    pub(super) fn commit(&mut self, at: usize, life: u32) {
        if !self.alive(at, life) {
            return;
        }
        self.thaw(at);
        let Some(controller) = self.controllers.get_mut(at) else { return };
        let Pass::Planned(plan) = std::mem::replace(&mut controller.pass, Pass::Idle) else {
            return;
        };
        if plan.parent != self.store.generation {
            self.say(None, || format!("controller {at} was outrun"));
            return self.nudge(at, Millis(20));
        }
        if self.dies_here(at) {
            return;
        }
        let planned = self.controllers.get(at).map_or(self.now, |c| c.planned_at);
        let instants = Instants { by: at, planned, now: self.now };
        self.judge.before_commit(&self.seats, &self.store, &plan.events, instants);
        match self.store.commit(&plan) {
            Ok(()) => {}
            Err(NotCommitted::Outrun) => return self.nudge(at, Millis(20)),
            Err(NotCommitted::Illegal(error)) => {
                return self.judge.illegal(&error.to_string(), self.now);
            }
        }
        if !plan.events.is_empty() {
            self.progress = self.now;
        }
        self.judge.committed(&self.seats, &self.store, &plan, instants);
        self.tell(at, &plan);
        if let Some(controller) = self.controllers.get_mut(at) {
            controller.permits.clear();
        }
        self.go_on(at, Pass::Committed(plan));
    }

    fn tell(&mut self, at: usize, plan: &Plan) {
        let counts = [plan.events.len(), plan.commands.len(), plan.permits.len()];
        self.trace.hash(&counts.map(|count| count as u64));
        self.trace.hash(&[self.store.generation.0]);
        for alert in &plan.alerts {
            self.say(None, || format!("ALERT {}: {}", alert.key, alert.text));
        }
        if !self.trace.is_read() {
            return;
        }
        for event in &plan.events {
            let host = match &event.change {
                RolloutChange::Host { host, .. } => self.by_id.get(host).copied(),
                _ => None,
            };
            let generation = self.store.generation;
            self.say(host, || {
                let what = super::words::of_change(&event.change);
                format!("{} {generation} (controller {at}): {what}", event.rollout)
            });
        }
    }

    /// Sends what was committed.
    pub(super) fn dispatch(&mut self, at: usize, life: u32) {
        if !self.alive(at, life) {
            return;
        }
        self.thaw(at);
        let Some(controller) = self.controllers.get_mut(at) else { return };
        let Pass::Committed(plan) = std::mem::replace(&mut controller.pass, Pass::Idle) else {
            return;
        };
        if self.dies_here(at) {
            return;
        }
        for answer in &plan.permits {
            let message = ControllerMessage::Permit(answer.clone());
            if let Some(host) = self.connected(at, answer.host) {
                self.send_down(host, &message);
            }
        }
        self.send_orders(at, &plan);
    }

    fn send_orders(&mut self, at: usize, plan: &Plan) {
        for command in &plan.commands {
            let Some(host) = self.connected(at, command.host) else { continue };
            let Some(controller) = self.controllers.get_mut(at) else { return };
            if controller.is_due(command.id, self.now) {
                let message = ControllerMessage::Command(Box::new(command.clone()));
                self.send_down(host, &message);
            }
        }
    }

    /// The place of a host whose stream goes to this controller.
    fn connected(&self, at: usize, host: HostId) -> Option<u32> {
        let place = self.by_id.get(&host).copied()?;
        let home = self.seats.get(place as usize)?.home;
        // A controller that woke up late may still hold what it believes to be a stream.
        (home == Some(at) || self.options.freeze_ppm > 0).then_some(place)
    }

    pub(super) fn catch_up(&mut self, at: usize) {
        if let Some(controller) = self.controllers.get_mut(at) {
            controller.catch_up(&self.store, &self.options.policy);
        }
    }

    /// A controller that is up, if one is.
    pub(super) fn some_controller(&mut self) -> Option<usize> {
        let up: Vec<usize> =
            (0..self.controllers.len()).filter(|c| self.controllers[*c].is_up()).collect();
        self.dice.pick(&up).copied()
    }

    /// Whether the process dies at this very point.
    fn dies_here(&mut self, at: usize) -> bool {
        let dies = self.dice.chance(self.options.die_ppm);
        if dies {
            self.crash_controller(at);
        }
        dies
    }

    /// Kills a controller; it is started again after a while.
    pub fn crash_controller(&mut self, at: usize) {
        if self.controllers.get(at).is_some_and(|c| c.state != Running::Down) {
            self.say(None, || format!("controller {at} is killed"));
            self.stop_controller(at);
            let wait = Millis(self.dice.between(500, 60_000));
            self.start_later(at, wait);
        }
    }

    /// Stops a controller for good, or until it is started.
    pub fn stop_controller(&mut self, at: usize) {
        if let Some(controller) = self.controllers.get_mut(at) {
            controller.stop();
        }
        self.hang_up_all(at);
    }

    /// Starts a controller that is down, after a while.
    pub fn start_later(&mut self, at: usize, wait: Millis) {
        if let Some(controller) = self.controllers.get(at) {
            let life = controller.life;
            self.later(wait, Step::Start(at, life));
        }
    }

    /// One more controller on the same store.
    pub fn add_controller(&mut self) -> usize {
        self.controllers.push(super::controller::Controller::new());
        let at = self.controllers.len() - 1;
        self.start_later(at, Millis(1));
        at
    }

    pub(super) fn start_controller(&mut self, at: usize, life: u32) {
        let enrolled: Vec<(HostId, String)> = self
            .seats
            .iter()
            .map(|seat| (seat.host.profile().id, seat.host.profile().name.clone()))
            .collect();
        let now = self.now;
        let Some(controller) = self.controllers.get_mut(at) else { return };
        if controller.state != Running::Down || controller.life != life {
            return;
        }
        controller.start(now, &enrolled);
        self.say(None, || format!("controller {at} starts"));
        self.catch_up(at);
        self.nudge(at, Millis(500));
    }
}

/// Whether two alerts tell the same.
pub(super) fn tells_the_same(one: &Alert, other: &Alert) -> bool {
    one.key == other.key && one.hosts == other.hosts && one.text == other.text
}
