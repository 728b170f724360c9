//! Ends: given up, failed, cancelled; and the way back of the workload.

use wavegate_common::{Command, CommandId, FailStep, Millis, TransactionStep};

use super::accept::Refusal;
use super::activate::later;
use super::history::Order;
use super::io::Effect;
use super::jobs::Job;
use super::record::Record;
use super::start::settled;
use super::state::{Book, Machine, Undrain, Work};

/// How long to wait before undrain hooks that failed are tried again.
const UNDRAIN_RETRY: Millis = Millis::secs(60);

impl Machine {
    /// Gives up whatever is not irreversible yet.
    pub(super) fn cancel(&mut self, command: &Command, out: &mut Vec<Effect>) {
        self.see(command.generation, out);
        if let Some(held) = self.held.take() {
            self.refuse(&held.command, &Refusal::NotHere("cancelled".to_owned()), out);
        }
        match &self.work {
            Work::Staging { .. } | Work::Leaving(_) => self.abort("cancelled", out),
            // Without a ledger the fence does not outlive this agent, and a late copy might.
            Work::Settled(_) if self.book != Book::Sound => {
                out.push(Effect::Log("the ledger cannot hold that it was cancelled".to_owned()));
            }
            // The order to be cancelled never came, or was refused: say so, and that it will not
            // be begun any more, for the fence is higher now.
            Work::Settled(_) => {
                let reason = "cancelled before it came".to_owned();
                let kernel = self.boot.kernel.clone();
                self.work = settled(command.id, kernel, TransactionStep::Aborted { reason });
            }
            Work::Switching(_)
            | Work::Trial(_)
            | Work::Reverting(_)
            | Work::Verified(_)
            | Work::Confirming { .. } => {
                out.push(Effect::Log("nothing that could be cancelled".to_owned()));
            }
        }
    }

    /// Gives up the order in work, if it has not passed the point of no return.
    pub(super) fn abort(&mut self, reason: &str, out: &mut Vec<Effect>) {
        match &self.work {
            Work::Staging { command, release } => {
                let (command, kernel) = (*command, release.kernel.clone());
                let reason = reason.to_owned();
                self.append(Record::Aborted { command, reason: reason.clone() }, out);
                self.work = settled(command, kernel, TransactionStep::Aborted { reason });
                out.push(Effect::Report);
            }
            Work::Leaving(leaving) => {
                let order = leaving.order.clone();
                self.abort_order(&order, reason, out);
            }
            _ => {}
        }
    }

    pub(super) fn abort_order(&mut self, order: &Order, reason: &str, out: &mut Vec<Effect>) {
        let (command, reason) = (order.command, reason.to_owned());
        self.append(Record::Aborted { command, reason: reason.clone() }, out);
        self.end(order, TransactionStep::Aborted { reason }, out);
    }

    /// Ends an order with a step that could not be done; the host is as it was, or as it is to
    /// be but for the default boot entry.
    pub(super) fn fail(
        &mut self,
        order: &Order,
        step: FailStep,
        reason: String,
        out: &mut Vec<Effect>,
    ) {
        let command = order.command;
        self.append(Record::Failed { command, step, reason: reason.clone() }, out);
        self.end(order, TransactionStep::Failed { step, reason }, out);
    }

    fn end(&mut self, order: &Order, step: TransactionStep, out: &mut Vec<Effect>) {
        self.work = settled(order.command, order.target().clone(), step);
        self.begin(order.command, Effect::Disarm, out);
        self.start_undrain(order.command, out);
        out.push(Effect::Report);
    }

    pub(super) fn start_undrain(&mut self, command: CommandId, out: &mut Vec<Effect>) {
        self.undrain = Undrain::Running;
        self.begin(command, Effect::Undrain, out);
    }

    pub(super) fn undrained(&mut self, result: Result<(), String>, out: &mut Vec<Effect>) {
        let Some(command) = self.jobs.end(Job::Undrain) else { return };
        if self.undrain != Undrain::Running {
            return;
        }
        match result {
            Ok(()) => {
                self.undrain = Undrain::NotNeeded;
                self.append(Record::Undrained { command }, out);
            }
            Err(why) => {
                self.undrain =
                    Undrain::Again { at: later(self.now.boottime, UNDRAIN_RETRY), command };
                out.push(Effect::Log(format!("undrain hooks failed, will try again: {why}")));
            }
        }
        out.push(Effect::Report);
    }

    pub(super) fn tick_undrain(&mut self, out: &mut Vec<Effect>) {
        if let Undrain::Again { at, command } = self.undrain
            && self.now.boottime >= at
        {
            self.start_undrain(command, out);
        }
    }

    pub(super) fn disarmed(&mut self, result: Result<(), String>, out: &mut Vec<Effect>) {
        self.jobs.end(Job::Disarm);
        if let Err(why) = result {
            out.push(Effect::Log(format!("the boot entry could not be disarmed: {why}")));
        }
    }

    /// The machine was to go down and did not.
    pub(super) fn switch_failed(&mut self, reason: String, out: &mut Vec<Effect>) {
        match &self.work {
            Work::Switching(order) => {
                let order = order.clone();
                self.fail(&order, FailStep::Switch, reason, out);
            }
            Work::Reverting(order) => {
                let order = order.clone();
                self.park(&order, format!("the way back to the old kernel failed: {reason}"), out);
            }
            _ => out.push(Effect::Log(format!("a switch failed that was not begun: {reason}"))),
        }
    }

    /// The rest of the batch that held the record was not carried out. What was to bring the
    /// host back is done without the ledger; nothing else begins in this process.
    pub(super) fn ledger_failed(&mut self, why: String, out: &mut Vec<Effect>) {
        out.push(Effect::Log(format!("the ledger cannot be written: {why}")));
        if self.book == Book::Sound {
            self.book = Book::Failing(why);
        }
        let dropped: Vec<_> = self.jobs.take().collect();
        self.held = None;
        for (job, command) in dropped {
            match job {
                Job::Disarm => self.begin(command, Effect::Disarm, out),
                Job::Undrain => self.start_undrain(command, out),
                Job::Stage | Job::Drain | Job::Arm | Job::Confirm => {}
            }
        }
        let reason = "the ledger cannot be written";
        match self.work.clone() {
            Work::Staging { .. } | Work::Leaving(_) => self.abort(reason, out),
            Work::Switching(order) => self.abort_order(&order, reason, out),
            Work::Reverting(order) => self.park(&order, reason.to_owned(), out),
            Work::Confirming { order, .. } => self.work = Work::Verified(order),
            // A refusal that was not written down is not told.
            Work::Settled(Some(last)) if Some(last.command) == self.history.refused => {
                self.work = Work::Settled(None);
            }
            Work::Settled(_) | Work::Trial(_) | Work::Verified(_) => {}
        }
        out.push(Effect::Report);
    }
}
