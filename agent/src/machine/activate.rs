//! Before the point of no return: drain and arm. Every way out brings the workload back.

use wavegate_common::{BootMethod, BootOrder, Command, FailStep, Millis};

use super::accept::Refusal;
use super::bounds::short;
use super::history::Order;
use super::io::{DrainOutcome, Effect};
use super::jobs::Job;
use super::record::Record;
use super::sabotage::{self, Guard};
use super::state::{Leaving, Machine, Phase, Question, Undrain, Work};

/// How long to wait before a drain hook is tried again.
pub(super) const DRAIN_RETRY: Millis = Millis::secs(10);

impl Machine {
    pub(super) fn activate(&mut self, command: &Command, boot: &BootOrder, out: &mut Vec<Effect>) {
        if let Err(refusal) = self.may_leave(boot) {
            self.refuse(command, &refusal, out);
            return;
        }
        let order = Order {
            command: command.id,
            rollout: command.rollout,
            boot: boot.clone(),
            from: self.boot.kernel.clone(),
        };
        self.see(command.generation, out);
        let begun = Record::ActivateBegun {
            command: order.command,
            rollout: order.rollout,
            order: boot.clone(),
            boot_id: self.boot.boot_id,
            from: order.from.clone(),
        };
        self.append(begun, out);
        self.undrain = Undrain::NotNeeded;
        self.begin(order.command, Effect::Drain { timeout: boot.drain_timeout }, out);
        self.work = Work::Leaving(Leaving {
            order,
            generation: command.generation,
            precondition: command.precondition.clone(),
            deadline: later(self.now.boottime, boot.drain_timeout),
            phase: Phase::Draining { waiting: None },
        });
    }

    fn may_leave(&self, boot: &BootOrder) -> Result<(), Refusal> {
        // A proven kernel that waits to become the default may be left for the one before it.
        let target = &boot.release.kernel;
        let way_back = matches!(&self.work, Work::Verified(order) if order.from == *target);
        if !way_back {
            self.not_busy()?;
        }
        self.guard(target).and_then(|()| self.may_kexec(boot.method)).map_err(Refusal::NotHere)
    }

    /// Where kexec is ordered and would be refused when it is armed, no workload is drained for
    /// nothing. Other methods have a way without kexec.
    fn may_kexec(&self, method: BootMethod) -> Result<(), String> {
        let seen = self.surroundings.as_ref().filter(|_| method == BootMethod::Kexec);
        match seen.map_or(&[][..], |seen| &seen.no_kexec) {
            [] => Ok(()),
            why => Err(short(format!("kexec is not possible here: {}", why.join("; ")))),
        }
    }

    pub(super) fn drained(&mut self, outcome: DrainOutcome, out: &mut Vec<Effect>) {
        let ended = self.jobs.end(Job::Drain);
        let now = self.now.boottime;
        let Work::Leaving(leaving) = &mut self.work else { return };
        let draining = matches!(leaving.phase, Phase::Draining { .. });
        if !draining || ended != Some(leaving.order.command) {
            return;
        }
        let order = leaving.order.clone();
        match outcome {
            DrainOutcome::Drained => {
                leaving.phase = Phase::Arming;
                self.begin(order.command, Effect::Arm(order.boot), out);
            }
            DrainOutcome::TryLater(waiting) => {
                leaving.phase = Phase::DrainLater { waiting, again: later(now, DRAIN_RETRY) };
            }
            DrainOutcome::Failed(reason) => self.fail(&order, FailStep::Drain, reason, out),
        }
        out.push(Effect::Report);
    }

    pub(super) fn armed(&mut self, result: Result<BootMethod, String>, out: &mut Vec<Effect>) {
        let ended = self.jobs.end(Job::Arm);
        let now = self.now.boottime;
        let Work::Leaving(leaving) = &mut self.work else { return };
        if leaving.phase != Phase::Arming || ended != Some(leaving.order.command) {
            return;
        }
        match result {
            Ok(method) => {
                leaving.phase = Phase::Asking { method, question: Question::Next { at: now } };
                self.ask(out);
            }
            Err(reason) => {
                let order = leaving.order.clone();
                self.fail(&order, FailStep::Arm, reason, out);
            }
        }
        out.push(Effect::Report);
    }

    /// Time went by before the point of no return.
    pub(super) fn tick_leaving(&mut self, out: &mut Vec<Effect>) {
        let now = self.now.boottime;
        let Work::Leaving(leaving) = &mut self.work else { return };
        if let Err(reason) = leaving.in_time(now) {
            self.abort(&reason, out);
            return;
        }
        match &leaving.phase {
            Phase::DrainLater { waiting, again } if now >= *again => {
                let timeout = Millis(leaving.deadline.0.saturating_sub(now.0));
                let command = leaving.order.command;
                leaving.phase = Phase::Draining { waiting: Some(waiting.clone()) };
                self.begin(command, Effect::Drain { timeout }, out);
            }
            Phase::Asking { .. } => self.ask(out),
            Phase::Draining { .. } | Phase::DrainLater { .. } | Phase::Arming => {}
        }
    }
}

impl Leaving {
    /// An error that says what it waited for, if its time is over.
    pub(super) fn in_time(&self, now: Millis) -> Result<(), String> {
        if now < self.deadline || !sabotage::on(Guard::DrainDeadline) {
            return Ok(());
        }
        let timeout = self.order.boot.drain_timeout;
        Err(match &self.phase {
            Phase::Draining { waiting: None } => format!("drain hooks took longer than {timeout}"),
            Phase::Draining { waiting: Some(said) } | Phase::DrainLater { waiting: said, .. } => {
                format!("a drain hook asked for more time than {timeout}: {said}")
            }
            Phase::Arming => format!("arming was not done within {timeout}"),
            Phase::Asking { .. } => format!("no permit came within {timeout}"),
        })
    }
}

/// A moment on CLOCK_BOOTTIME, later by a span.
pub(super) fn later(moment: Millis, span: Millis) -> Millis {
    Millis(moment.0.saturating_add(span.0))
}
