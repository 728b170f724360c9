//! What the machine has to say of itself in a report.

use wavegate_common::{
    BootRecord, CheckResult, CommandId, Generation, Health, KernelRelease, Transaction,
    TransactionStep,
};

use super::history::Order;
use super::state::{Book, Leaving, Machine, Phase, Undrain, Work};

/// The part of a host report that only the machine knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The running boot and why it began.
    pub boot: BootRecord,
    /// The order in work, or the last one.
    pub transaction: Option<Transaction>,
    /// The highest generation of an accepted order.
    pub generation: Generation,
    /// Why the machine would refuse to reboot now: reasons of the surroundings and its own.
    /// Empty if it would not.
    pub guard: Vec<String>,
    /// An order has ended, and the workload that it took away is not back yet.
    pub workload_away: bool,
    /// It stays away until another order has proved a kernel here, whatever was staged since.
    pub parked: bool,
}

impl Status {
    /// The host's health as others must see it. A host whose workload is still away does not do
    /// its work, whatever its checks say: it counts against budgets until the hooks are through.
    #[must_use]
    pub fn health(&self, seen: &Health) -> Health {
        let (name, detail) = match (self.workload_away, self.parked) {
            (true, _) => ("workload", "was taken away and is not back yet"),
            (false, true) => (Health::PARKED, "its workload stays away: the last order failed"),
            (false, false) => return seen.clone(),
        };
        let (name, detail) = (name.to_owned(), detail.to_owned());
        let away = CheckResult { name, ok: false, detail };
        Health::of(seen.checks.iter().cloned().chain([away]).collect())
    }
}

impl Machine {
    /// What to put into a report now.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            boot: self.boot.clone(),
            transaction: self.transaction(),
            generation: self.history.seen,
            guard: self.guard_reasons(None),
            // Behind a hole in the ledger nobody knows whether the workload was taken away.
            workload_away: self.book == Book::Damaged
                || (matches!(self.work, Work::Settled(_)) && self.undrain != Undrain::NotNeeded),
            parked: matches!(self.work, Work::Settled(_) | Work::Staging { .. })
                && self.history.is_parked(),
        }
    }

    pub(super) fn transaction(&self) -> Option<Transaction> {
        let (command, target, step) = match &self.work {
            Work::Settled(last) => return last.clone(),
            Work::Staging { command, release } => {
                (*command, release.kernel.clone(), TransactionStep::Staging)
            }
            Work::Leaving(Leaving { order, phase, .. }) => of(order, phase.step()),
            Work::Switching(order) => of(order, TransactionStep::Switching),
            Work::Trial(trial) => of(&trial.order, TransactionStep::Trial),
            Work::Reverting(order) => of(order, TransactionStep::Trial),
            Work::Verified(order) | Work::Confirming { order, .. } => {
                of(order, TransactionStep::Verified)
            }
        };
        Some(Transaction { command, target, step })
    }

    /// The order in work, if one is.
    pub(super) fn in_progress(&self) -> Option<CommandId> {
        match &self.work {
            Work::Settled(_) => None,
            _ => self.transaction().map(|transaction| transaction.command),
        }
    }
}

impl Phase {
    fn step(&self) -> TransactionStep {
        match self {
            Self::Draining { waiting } => TransactionStep::Draining { waiting: waiting.clone() },
            Self::DrainLater { waiting, .. } => {
                TransactionStep::Draining { waiting: Some(waiting.clone()) }
            }
            Self::Arming => TransactionStep::Draining { waiting: None },
            Self::Asking { .. } => TransactionStep::AwaitingPermit,
        }
    }
}

fn of(order: &Order, step: TransactionStep) -> (CommandId, KernelRelease, TransactionStep) {
    (order.command, order.target().clone(), step)
}
