//! Hosts in the world: their timers, their streams, and what they really do.

use std::sync::Arc;

use wavegate_common::{ControllerMessage, Millis};
use wavegate_simfleet::{HostEvent, HostOutput, Truth};

use super::step::{Step, Word};
use super::world::World;

/// How long an agent waits before it looks for a controller again.
const RECONNECT: Millis = Millis::secs(3);

impl World {
    /// Something happens to a host; what comes of it goes into the queue and to the judge.
    pub(super) fn host_event(&mut self, at: u32, event: HostEvent) {
        if matches!(event, HostEvent::Fault(_)) {
            self.judge.disturbed(at, self.now);
        }
        let mut out = std::mem::take(&mut self.scratch);
        let Some(seat) = self.seats.get_mut(at as usize) else { return };
        seat.host.handle_into(self.now, event, &mut out);
        for output in out.drain(..) {
            match output {
                HostOutput::At(moment, timer) => self.queue.push(moment, Step::Timer(at, timer)),
                HostOutput::AgentUp => {
                    let wait = Millis(self.dice.between(10, 2_000));
                    self.later(wait, Step::Connect(at));
                }
                HostOutput::AgentDown => self.hang_up(at),
                HostOutput::Report(report) => {
                    self.ambush_in_trial(at, &report);
                    self.send_up(at, &Word::Report(report));
                }
                HostOutput::Permit(request) => {
                    self.judge.asked(at, &request, self.now);
                    self.ambush_before_leaving(at);
                    self.tempt_with_answer(at, &request);
                    self.send_up(at, &Word::Permit(request));
                }
                HostOutput::Truth(truth) => self.witness(at, &truth),
            }
        }
        self.scratch = out;
    }

    fn witness(&mut self, at: u32, truth: &Truth) {
        let Some(seat) = self.seats.get(at as usize) else { return };
        self.tally.record(seat.host.profile(), truth);
        let tag = match truth {
            Truth::Switched { command, .. } => command.0 as u64,
            Truth::Booted { boot, .. } => boot.0 as u64,
            Truth::Generation(generation) => generation.0,
            _ => 0,
        };
        self.trace.hash(&[31, u64::from(at), tag]);
        self.say(Some(at), || super::words::of_truth(truth));
        self.judge.truth(&self.seats, &self.store, at, truth, self.now);
    }

    /// An agent without a stream looks for a controller that answers.
    pub(super) fn connect(&mut self, at: u32) {
        let alive: Vec<usize> =
            (0..self.controllers.len()).filter(|c| self.controllers[*c].is_up()).collect();
        let cut = self.network.is_cut(at);
        let choice = self.dice.pick(&alive).copied();
        let Some(seat) = self.seats.get_mut(at as usize) else { return };
        if seat.home.is_some() || !seat.host.has_agent() {
            return;
        }
        match choice.filter(|_| !cut) {
            Some(controller) => {
                seat.home = Some(controller);
                let report = seat.host.report().cloned();
                if let Some(report) = report {
                    self.send_up(at, &Word::Report(report));
                }
            }
            None => self.later(RECONNECT, Step::Connect(at)),
        }
    }

    /// The stream of a host is gone.
    pub(super) fn hang_up(&mut self, at: u32) {
        self.judge.disturbed(at, self.now);
        let Some(seat) = self.seats.get_mut(at as usize) else { return };
        if seat.home.take().is_some() && seat.host.has_agent() {
            self.later(RECONNECT, Step::Connect(at));
        }
    }

    /// All streams to a controller are gone.
    pub(super) fn hang_up_all(&mut self, controller: usize) {
        for at in 0..self.seats.len() as u32 {
            let here = self.seats.get(at as usize).is_some_and(|s| s.home == Some(controller));
            if here {
                self.hang_up(at);
            }
        }
    }

    fn send_up(&mut self, at: u32, word: &Word) {
        let Some(controller) = self.seats.get(at as usize).and_then(|seat| seat.home) else {
            return;
        };
        for delay in self.network.delays(at).into_iter().flatten() {
            let step = Step::Up { controller, host: at, word: word.clone() };
            self.later(delay, step);
        }
    }

    pub(super) fn send_down(&mut self, at: u32, message: &ControllerMessage) {
        self.tempt(at, message);
        self.ambush_order(at, message);
        for delay in self.network.delays(at).into_iter().flatten() {
            self.later(delay, Step::Down(at, Box::new(message.clone())));
        }
    }

    pub(super) fn arrive(&mut self, at: u32, message: Box<ControllerMessage>) {
        if !self.network.is_cut(at) {
            if let Some(seat) = self.seats.get(at as usize) {
                self.judge.delivered(seat, at, &message, self.now);
            }
            self.host_event(at, HostEvent::Receive(message));
        }
    }

    /// A heartbeat of every connected agent. It counts if the controller holds the agent's current
    /// report; if it does not, it asks for it.
    pub(super) fn sweep(&mut self) {
        self.later(self.options.heartbeat, Step::Sweep);
        self.judge.away_too_long(self.now);
        for at in 0..self.seats.len() as u32 {
            let Some(seat) = self.seats.get_mut(at as usize) else { continue };
            let (Some(home), true) = (seat.home, seat.host.has_agent()) else { continue };
            let Some(controller) = self.controllers.get_mut(home) else { continue };
            if !controller.is_up() || self.network.is_cut(at) {
                continue;
            }
            let Some(report) = seat.host.report() else { continue };
            if controller.holds(report) {
                let wall = controller.wall(self.now);
                controller.inventory.seen(report.host, wall);
                seat.heard = Some(self.now);
            } else {
                let word = Word::Report(Arc::clone(report));
                self.send_up(at, &word);
            }
        }
    }
}
