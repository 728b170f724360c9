//! Orders: which are legal, which are old news, which are refused.

use wavegate_common::{
    Action, Command, CommandId, Generation, KernelRelease, Precondition, Transaction,
    TransactionStep,
};

use super::io::Effect;
use super::record::Record;
use super::sabotage::{self, Guard};
use super::state::{Book, Held, Machine, Work};

/// Why an order is not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It was planned before something that the controller can see in reports.
    Outdated(String),
    /// This host does not do it now.
    NotHere(String),
}

impl Refusal {
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Outdated(reason) | Self::NotHere(reason) => reason,
        }
    }
}

impl Machine {
    pub(super) fn command(&mut self, command: Command, out: &mut Vec<Effect>) {
        out.push(Effect::Report);
        if command.host != self.host {
            out.push(Effect::Log(format!("an order for host {} came here", command.host)));
            return;
        }
        if self.is_known(command.id) {
            return;
        }
        if let Err(refusal) = self.legal(command.generation, &command.precondition) {
            self.refuse(&command, &refusal, out);
            return;
        }
        match &command.action {
            Action::Cancel => self.cancel(&command, out),
            Action::Confirm { kernel } => self.confirm(&command, kernel, out),
            Action::Stage { release } => self.stage(&command, release, out),
            // Without a look around nothing is known of reasons not to reboot.
            Action::Activate(_) if self.surroundings.is_none() => {
                let held = Held { command, arrived: self.now.boottime };
                if let Some(before) = self.held.replace(held) {
                    let reason = "another order came before it could be begun".to_owned();
                    self.refuse(&before.command, &Refusal::NotHere(reason), out);
                }
            }
            Action::Activate(order) => self.activate(&command, order, out),
        }
    }

    /// Looks at an order that came before the surroundings were known.
    pub(super) fn release_held(&mut self, out: &mut Vec<Effect>) {
        let Some(held) = self.held.take() else { return };
        let waited = self.now.boottime.0.saturating_sub(held.arrived.0);
        if waited > held.command.precondition.ttl.0 && sabotage::on(Guard::OrderTtl) {
            let ttl = held.command.precondition.ttl;
            let reason = format!("could not be begun within its {ttl}");
            self.refuse(&held.command, &Refusal::NotHere(reason), out);
        } else if self.surroundings.is_some() {
            self.command(held.command, out);
        } else {
            self.held = Some(held);
        }
    }

    /// Whether the order came before. Whatever came of it is in the report.
    fn is_known(&self, id: CommandId) -> bool {
        let held = self.held.as_ref().is_some_and(|held| held.command.id == id);
        let confirming = matches!(&self.work, Work::Confirming { command, .. } if *command == id);
        let current = self.transaction().is_some_and(|transaction| transaction.command == id);
        held || confirming || current || self.history.has_ended(id)
    }

    /// Whether what the planner knew when it gave the order still holds.
    pub(super) fn legal(
        &self,
        generation: Generation,
        precondition: &Precondition,
    ) -> Result<(), Refusal> {
        let (boot, seen) = (&self.boot, self.history.seen);
        if generation < seen && sabotage::on(Guard::GenerationFence) {
            let reason = format!("of generation {generation}; this host has seen {seen}");
            return Err(Refusal::Outdated(reason));
        }
        if precondition.boot_id != boot.boot_id && sabotage::on(Guard::BootIdPrecondition) {
            let (wanted, running) = (precondition.boot_id, boot.boot_id);
            let reason = format!("for boot {wanted}; this is boot {running}");
            return Err(Refusal::Outdated(reason));
        }
        if precondition.running != boot.kernel && sabotage::on(Guard::RunningKernelPrecondition) {
            let (wanted, running) = (&precondition.running, &boot.kernel);
            let reason = format!("for a host that runs {wanted}; this one runs {running}");
            return Err(Refusal::Outdated(reason));
        }
        Ok(())
    }

    /// Refuses a second order while one is in work.
    pub(super) fn not_busy(&self) -> Result<(), Refusal> {
        match self.in_progress() {
            Some(current) if sabotage::on(Guard::OneOrderAtATime) => {
                Err(Refusal::NotHere(format!("order {current} is in work")))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// An accepted order raises the fence before anything else is done for it. One that would not
    /// outlive this agent is none.
    pub(super) fn see(&mut self, generation: Generation, out: &mut Vec<Effect>) {
        if generation > self.history.seen && self.book == Book::Sound {
            self.append(Record::Seen { generation }, out);
        }
    }

    /// Says no, so that the controller learns of it: as the state of that order, unless this
    /// would hide what the controller must know more urgently.
    ///
    /// What is outdated stays so. A reason of this moment goes away, and a late copy of the order
    /// could then be begun without the place that its refusal has given back: so it is written
    /// down first, and where nothing can be written the controller waits for its answer.
    pub(super) fn refuse(&mut self, command: &Command, refusal: &Refusal, out: &mut Vec<Effect>) {
        let reason = refusal.reason().to_owned();
        out.push(Effect::Log(format!("order {} refused: {reason}", command.id)));
        if !self.may_show(refusal) {
            return;
        }
        let passes = matches!(refusal, Refusal::NotHere(_));
        if passes && matches!(command.action, Action::Activate(_)) {
            if self.book != Book::Sound {
                return;
            }
            let (command, generation) = (command.id, command.generation);
            self.append(Record::Refused { command, generation }, out);
        }
        self.work = Work::Settled(Some(Transaction {
            command: command.id,
            target: target_of(&command.action).unwrap_or(&self.boot.kernel).clone(),
            step: TransactionStep::Aborted { reason },
        }));
    }

    fn may_show(&self, refusal: &Refusal) -> bool {
        use TransactionStep::{Aborted, Confirmed, Staged};
        match (&self.work, refusal) {
            (Work::Settled(None), _) | (Work::Settled(Some(_)), Refusal::NotHere(_)) => true,
            (Work::Settled(Some(last)), Refusal::Outdated(_)) => {
                matches!(last.step, Aborted { .. } | Confirmed | Staged)
            }
            _ => false,
        }
    }
}

fn target_of(action: &Action) -> Option<&KernelRelease> {
    match action {
        Action::Stage { release } => Some(&release.kernel),
        Action::Activate(order) => Some(&order.release.kernel),
        Action::Confirm { kernel } => Some(kernel),
        Action::Cancel => None,
    }
}
