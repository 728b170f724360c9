//! The word to make the new kernel the default.

use wavegate_common::{Command, CommandId, FailStep, KernelRelease, TransactionStep};

use super::accept::Refusal;
use super::history::{Order, Stage};
use super::io::Effect;
use super::jobs::Job;
use super::record::Record;
use super::sabotage::{self, Guard};
use super::start::settled;
use super::state::{Machine, Work};

impl Machine {
    pub(super) fn confirm(
        &mut self,
        command: &Command,
        kernel: &KernelRelease,
        out: &mut Vec<Effect>,
    ) {
        if self.is_confirmed(kernel) {
            self.work = settled(command.id, kernel.clone(), TransactionStep::Confirmed);
            return;
        }
        match self.may_confirm(kernel) {
            Ok(order) => {
                self.see(command.generation, out);
                self.begin(command.id, Effect::Confirm(kernel.clone()), out);
                self.work = Work::Confirming { order, command: command.id };
            }
            Err(refusal) => self.refuse(command, &refusal, out),
        }
    }

    fn is_confirmed(&self, kernel: &KernelRelease) -> bool {
        let Work::Settled(Some(last)) = &self.work else { return false };
        let runs = last.target == *kernel && self.boot.kernel == *kernel;
        runs && last.step == TransactionStep::Confirmed
    }

    fn may_confirm(&self, kernel: &KernelRelease) -> Result<Order, Refusal> {
        self.may_act()?;
        if self.boot.kernel != *kernel {
            let running = &self.boot.kernel;
            return Err(Refusal::Outdated(format!("{kernel} does not run; {running} does")));
        }
        let tried = match &self.work {
            Work::Verified(order) => return Ok(order.clone()),
            // The boot loader could not be written the last time.
            Work::Settled(Some(last)) if is_failed_confirm(&last.step) => self.last_order(),
            Work::Trial(trial) if !sabotage::on(Guard::ConfirmVerified) => {
                Some(trial.order.clone())
            }
            _ => None,
        };
        tried.ok_or_else(|| Refusal::NotHere(format!("{kernel} has not been verified here")))
    }

    fn last_order(&self) -> Option<Order> {
        let current = self.history.current_move()?;
        matches!(&current.stage, Stage::Over(_, step) if is_failed_confirm(step))
            .then(|| current.order.clone())
    }

    pub(super) fn confirmed(&mut self, result: Result<(), String>, out: &mut Vec<Effect>) {
        let ended = self.jobs.end(Job::Confirm);
        let Work::Confirming { order, command } = &self.work else { return };
        let (order, command): (Order, CommandId) = (order.clone(), *command);
        if ended != Some(command) {
            return;
        }
        match result {
            Ok(()) => {
                let kernel = order.target().clone();
                self.append(Record::Confirmed { command, kernel: kernel.clone() }, out);
                self.work = settled(command, kernel, TransactionStep::Confirmed);
                self.start_undrain(order.command, out);
            }
            Err(reason) => self.fail(&order, FailStep::Confirm, reason, out),
        }
        out.push(Effect::Report);
    }
}

fn is_failed_confirm(step: &TransactionStep) -> bool {
    matches!(step, TransactionStep::Failed { step: FailStep::Confirm, .. })
}
