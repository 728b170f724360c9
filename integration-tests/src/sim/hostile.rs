//! Forged messages: orders and permits that are right but for one field. A host must do nothing
//! for them. A captured network, a confused controller or a bug could send each.

use wavegate_common::{
    Action, BootId, Command, CommandId, ControllerMessage, Generation, HealthState, HostReport,
    KernelRelease, Millis, Nonce, PermitAnswer, PermitDecision, PermitRequest, TransactionStep,
};
use wavegate_simfleet::{Dice, Fault, HostEvent};

use super::faults::FaultStep;
use super::step::{Step, Word};
use super::world::World;

/// What is wrong with a forgery.
#[derive(Debug, Clone)]
pub(super) enum Forgery {
    /// An order like this one, under a new id, wrong in one field.
    Order(Box<Command>, u64),
    /// An answer to this question, wrong in one field.
    Answer(PermitRequest, u64),
    /// A second order while one is in work, right in every field.
    Second(Box<Command>, u64),
    /// The same order again, with everything else as it is now.
    Again(Box<Command>),
    /// Word to keep a kernel that has not proved itself.
    Confirm(Box<Command>),
}

impl World {
    /// A real message reached a host: forgeries of it may follow.
    pub(super) fn tempt(&mut self, host: u32, message: &ControllerMessage) {
        if self.now >= self.options.heal_at || !self.dice.chance(self.options.forge_ppm) {
            return;
        }
        let ControllerMessage::Command(command) = message else { return };
        let seed = self.dice.roll();
        let wait = Millis(self.dice.between(1, 400_000));
        let forgery = Forgery::Order(command.clone(), seed);
        self.later(wait, Step::Forged(host, Box::new(forgery)));
        if let Action::Activate(_) = command.action {
            for _ in 0..2 {
                let wait = Millis(self.dice.between(1_000, 4_000_000));
                let forgery = Forgery::Again(command.clone());
                self.later(wait, Step::Forged(host, Box::new(forgery)));
            }
            let wait = Millis(self.dice.between(500, 40_000));
            let forgery = Forgery::Second(command.clone(), seed);
            self.later(wait, Step::Forged(host, Box::new(forgery)));
            let wait = Millis(self.dice.between(20_000, 400_000));
            self.later(wait, Step::Forged(host, Box::new(Forgery::Confirm(command.clone()))));
        }
    }

    /// An order is on its way: the agent dies, comes back blind, and hears it once before it is
    /// cut off for longer than the order lives.
    pub(super) fn ambush_order(&mut self, host: u32, message: &ControllerMessage) {
        let ControllerMessage::Command(command) = message else { return };
        if !matches!(command.action, Action::Activate(_)) || !self.ambushes() {
            return;
        }
        let blind = Millis(command.precondition.ttl.0.saturating_add(60_000));
        self.host_event(host, HostEvent::Fault(Fault::BlindStart(blind)));
        self.host_event(host, HostEvent::AgentCrash);
        self.later(Millis::secs(10), Step::Down(host, Box::new(message.clone())));
        let span = Millis(blind.0.saturating_add(120_000));
        self.later(Millis::secs(11), Step::Fault(FaultStep::Cut(host, span)));
    }

    /// The agent asks to leave: it may die between its ledger and the act.
    pub(super) fn ambush_before_leaving(&mut self, host: u32) {
        if self.ambushes() {
            let event = HostEvent::Fault(Fault::TearNextAppend(100));
            self.later(Millis(1), Step::Host(host, event));
        }
        if self.ambushes() {
            let event = HostEvent::Fault(Fault::StickyEntry(1));
            self.later(Millis(1), Step::Host(host, event));
        }
    }

    /// The new kernel fails its checks: the agent may die between its ledger and the way back.
    pub(super) fn ambush_in_trial(&mut self, host: u32, report: &HostReport) {
        let trial = report.transaction.as_ref().is_some_and(|t| t.step == TransactionStep::Trial);
        let ill = report.health.state == HealthState::Unhealthy;
        if trial && ill && (0..10).any(|_| self.ambushes()) {
            let event = HostEvent::Fault(Fault::TearNextAppend(100));
            self.later(Millis(1), Step::Host(host, event));
        }
    }

    fn ambushes(&mut self) -> bool {
        self.now < self.options.heal_at && self.dice.chance(self.options.ambush_ppm)
    }

    /// A question went out: somebody else may answer first.
    pub(super) fn tempt_with_answer(&mut self, host: u32, request: &PermitRequest) {
        if self.dice.chance(self.options.forge_ppm) {
            let forgery = Forgery::Answer(request.clone(), self.dice.roll());
            self.later(Millis(3), Step::Forged(host, Box::new(forgery)));
            // And somebody asks in its name, from another boot.
            let controller = self.seats.get(host as usize).and_then(|seat| seat.home);
            let mut other = request.clone();
            other.boot_id = BootId(self.dice.roll_wide());
            if let Some(controller) = controller {
                let word = Word::Permit(other);
                self.later(Millis(400), Step::Up { controller, host, word });
            }
        }
    }

    /// A forgery reaches a host.
    pub(super) fn forged(&mut self, at: u32, forgery: &Forgery) {
        if self.now >= self.options.heal_at {
            return;
        }
        let Some(seat) = self.seats.get(at as usize) else { return };
        let (Some(boot_id), Some(running)) = (seat.host.boot_id(), seat.host.running()) else {
            return;
        };
        let message = match forgery {
            Forgery::Order(like, seed) => {
                let seen = seat.host.generation();
                order(like, *seed, (boot_id, running, seen))
            }
            Forgery::Again(like) => {
                let mut command = (**like).clone();
                command.precondition.boot_id = boot_id;
                command.precondition.running = running.clone();
                command.generation = seat.host.generation();
                seat.host.has_agent().then(|| ControllerMessage::Command(Box::new(command)))
            }
            Forgery::Second(like, seed) => {
                let seen = seat.host.generation();
                let step = seat.host.report().and_then(|report| report.transaction.as_ref());
                let busy = step.is_some_and(|t| {
                    matches!(
                        t.step,
                        TransactionStep::Draining { .. } | TransactionStep::AwaitingPermit
                    )
                });
                busy.then(|| second(like, *seed, (boot_id, running, seen)))
            }
            Forgery::Answer(request, seed) => Some(answer(request, *seed)),
            Forgery::Confirm(like) => {
                let trial = seat.host.report().and_then(|report| report.transaction.as_ref());
                let in_trial = trial.is_some_and(|t| t.step == TransactionStep::Trial);
                in_trial.then(|| {
                    let mut command = (**like).clone();
                    command.id = CommandId(command.id.0 ^ 0xc0);
                    command.precondition.boot_id = boot_id;
                    command.precondition.running = running.clone();
                    command.generation = seat.host.generation();
                    command.action = Action::Confirm { kernel: running.clone() };
                    ControllerMessage::Command(Box::new(command))
                })
            }
        };
        if let Some(message) = message {
            self.say(Some(at), || "a forged message arrives".to_owned());
            self.arrive(at, Box::new(message));
        }
    }
}

/// An order that is legal here but for one field.
fn order(
    like: &Command,
    seed: u64,
    (boot_id, running, seen): (BootId, &KernelRelease, Generation),
) -> Option<ControllerMessage> {
    let mut dice = Dice::new(seed);
    let mut command = like.clone();
    command.id = CommandId(dice.roll_wide());
    command.precondition.boot_id = boot_id;
    command.precondition.running = running.clone();
    command.generation = seen;
    match dice.below(3) {
        0 => command.precondition.boot_id = BootId(dice.roll_wide()),
        1 => command.precondition.running = KernelRelease::from("5.10.0-1-amd64"),
        _ if seen.0 > 0 => command.generation = Generation(seen.0 - 1),
        _ => return None,
    }
    Some(ControllerMessage::Command(Box::new(command)))
}

/// An order that would be legal here if none were in work.
fn second(
    like: &Command,
    seed: u64,
    (boot_id, running, seen): (BootId, &KernelRelease, Generation),
) -> ControllerMessage {
    let mut command = like.clone();
    command.id = CommandId(Dice::new(seed).roll_wide());
    command.precondition.boot_id = boot_id;
    command.precondition.running = running.clone();
    command.generation = seen;
    ControllerMessage::Command(Box::new(command))
}

/// A grant that nobody gave: its nonce, its order or its boot is another.
fn answer(request: &PermitRequest, seed: u64) -> ControllerMessage {
    let mut dice = Dice::new(seed);
    let mut answer = PermitAnswer {
        host: request.host,
        command: request.command,
        nonce: request.nonce,
        boot_id: request.boot_id,
        decision: PermitDecision::Granted { valid_for: Millis::secs(5) },
    };
    match dice.below(3) {
        0 => answer.nonce = Nonce(dice.roll_wide()),
        1 => answer.command = CommandId(dice.roll_wide()),
        _ => answer.boot_id = BootId(dice.roll_wide()),
    }
    ControllerMessage::Permit(answer)
}
