//! Coming up: the boot id and the ledger together tell what happened.

use wavegate_common::{
    BootCause, BootMethod, BootRecord, CommandId, HostId, KernelRelease, Timestamp, Transaction,
    TransactionStep,
};

use super::bounds::short_evidence;
use super::config::MachineConfig;
use super::history::{Arrival, Chapter, History, LastBoot, Move, Stage};
use super::io::{Effect, Now, Start};
use super::jobs::Jobs;
use super::record::Record;
use super::state::{Book, Machine, Nonces, Trial, Undrain, Work};
use super::step::report_once;

impl Machine {
    /// The machine as it is when the agent starts, and what to do first.
    #[must_use]
    pub fn start(
        host: HostId,
        start: Start,
        config: MachineConfig,
        now: Now,
    ) -> (Self, Vec<Effect>) {
        let Start { boot_id, kernel, started_by, evidence, ledger, ledger_damaged, nonce_seed } =
            start;
        let up_since = Timestamp(now.wall.0.saturating_sub_unsigned(now.boottime.0));
        let boot = BootRecord { boot_id, kernel, booted_at: up_since, cause: BootCause::Unknown };
        let mut machine = Self {
            host,
            config,
            boot,
            now,
            started: now.boottime,
            nonces: Nonces { seed: nonce_seed, boot_id, count: 0 },
            book: if ledger_damaged { Book::Damaged } else { Book::Sound },
            history: History::replay(&ledger),
            surroundings: None,
            work: Work::Settled(None),
            held: None,
            jobs: Jobs::default(),
            undrain: Undrain::NotNeeded,
        };
        let mut out = Vec::new();
        machine.know_boot(started_by, short_evidence(evidence), &mut out);
        machine.take_up(&mut out);
        if let Some(why) = machine.standstill() {
            out.push(Effect::Log(why));
        }
        out.push(Effect::Report);
        report_once(&mut out);
        (machine, out)
    }

    /// Puts a new boot on record, with its cause. A cause that is on record stays.
    fn know_boot(
        &mut self,
        started_by: Option<BootMethod>,
        evidence: BootCause,
        out: &mut Vec<Effect>,
    ) {
        let boot_id = self.boot.boot_id;
        if self.history.boot.as_ref().is_none_or(|last| last.boot_id != boot_id) {
            let (kernel, at) = (self.boot.kernel.clone(), self.boot.booted_at);
            self.append(Record::Boot { boot_id, kernel, at }, out);
        }
        let Some(LastBoot { at, arrival, cause, .. }) = self.history.boot.clone() else {
            return;
        };
        self.boot.booted_at = at;
        self.boot.cause = cause.clone().unwrap_or_else(|| cause_of(arrival, started_by, evidence));
        if cause.is_none() {
            let cause = self.boot.cause.clone();
            self.append(Record::Cause { boot_id, cause }, out);
        }
    }

    /// Goes on with what the ledger left open.
    fn take_up(&mut self, out: &mut Vec<Effect>) {
        match self.history.chapter.clone() {
            Chapter::Empty => {}
            Chapter::Staging { command, release, end: Some(step), .. } => {
                self.work = settled(command, release.kernel, step);
            }
            Chapter::Staging { command, release, end: None, .. } => {
                self.stage_again(command, release, out);
            }
            Chapter::Move(current) => self.take_up_move(*current, out),
        }
        if let (Work::Settled(_) | Work::Staging { .. }, Undrain::NotNeeded, Some(command)) =
            (&self.work, self.undrain, self.history.owed)
        {
            self.start_undrain(command, out);
        }
    }

    fn take_up_move(&mut self, current: Move, out: &mut Vec<Effect>) {
        let Move { order, stage, .. } = current;
        match stage {
            Stage::Leaving => self.abort_order(&order, "the agent or the host started anew", out),
            Stage::Left => {
                self.abort_order(&order, "the agent ended between permit and reboot", out);
            }
            Stage::Trial => {
                self.work = Work::Trial(Trial { order, healthy: None });
            }
            Stage::Verified => self.work = Work::Verified(order),
            Stage::Reverting => {
                // Going back was begun in this very boot and did not happen.
                let reason = "the way back to the old kernel was begun and did not happen";
                self.park(&order, reason.to_owned(), out);
            }
            Stage::Over(command, step) => {
                self.work = settled(command, order.target().clone(), step);
            }
        }
    }
}

pub(super) fn settled(command: CommandId, target: KernelRelease, step: TransactionStep) -> Work {
    Work::Settled(Some(Transaction { command, target, step }))
}

fn cause_of(arrival: Arrival, started_by: Option<BootMethod>, evidence: BootCause) -> BootCause {
    match arrival {
        Arrival::First => BootCause::First,
        Arrival::Unasked => evidence,
        Arrival::Commanded { command, method } => {
            BootCause::Commanded { command, method: started_by.unwrap_or(method) }
        }
        Arrival::FellBack { command, reason } => {
            let evidence = match reason {
                Some(reason) => format!("the agent went back by itself: {reason}"),
                None => words(&evidence).to_owned(),
            };
            BootCause::FellBack { command, evidence }
        }
    }
}

/// What evidence says of the end of a boot.
fn words(evidence: &BootCause) -> &str {
    match evidence {
        BootCause::Panic { evidence } | BootCause::FellBack { evidence, .. } => evidence,
        BootCause::Watchdog => "a hardware watchdog reset it",
        BootCause::Operator => "it was shut down in order by somebody else",
        BootCause::Commanded { .. } | BootCause::Unknown | BootCause::First => {
            "no panic record, no watchdog reset"
        }
    }
}
