//! Where the machine stands. State is in variants, with the data that is valid there.

use wavegate_common::{
    BootId, BootMethod, BootRecord, Command, CommandId, Generation, HostId, Millis, Nonce,
    Precondition, Release, Transaction,
};

use super::config::MachineConfig;
use super::history::{History, Order};
use super::io::{Effect, Now, Surroundings};
use super::jobs::{Job, Jobs};
use super::record::Record;

/// The decisions of one agent. It reads no clock and touches nothing: `step` takes what
/// happened and gives back what to do, in order.
#[derive(Debug, Clone)]
pub struct Machine {
    pub(super) host: HostId,
    pub(super) config: MachineConfig,
    pub(super) boot: BootRecord,
    /// Clocks at the last input.
    pub(super) now: Now,
    /// On CLOCK_BOOTTIME, when this agent process started.
    pub(super) started: Millis,
    pub(super) nonces: Nonces,
    pub(super) book: Book,
    pub(super) history: History,
    /// None until the shell has looked around for the first time.
    pub(super) surroundings: Option<Surroundings>,
    pub(super) work: Work,
    /// An order that waits for the first look around.
    pub(super) held: Option<Held>,
    pub(super) jobs: Jobs,
    pub(super) undrain: Undrain,
}

/// Whether the ledger can be relied upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Book {
    Sound,
    /// It had a hole when the agent started.
    Damaged,
    /// A record could not be written.
    Failing(String),
}

/// What the machine is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Work {
    /// Nothing; with what came of the last order.
    Settled(Option<Transaction>),
    /// The kernel is on its way onto the host.
    Staging { command: CommandId, release: Release },
    /// Before the point of no return.
    Leaving(Leaving),
    /// Beyond it.
    Switching(Order),
    /// The new kernel must prove itself.
    Trial(Trial),
    /// It has.
    Verified(Order),
    /// It is being made the default, for the order `command`.
    Confirming { order: Order, command: CommandId },
    /// On the way back to the old kernel.
    Reverting(Order),
}

/// An order between its acceptance and the switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaving {
    pub(super) order: Order,
    pub(super) generation: Generation,
    pub(super) precondition: Precondition,
    /// On CLOCK_BOOTTIME: when waiting for hooks or a permit ends.
    pub(super) deadline: Millis,
    pub(super) phase: Phase,
}

/// How far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// The hooks run; with what one said when it was tried before.
    Draining { waiting: Option<String> },
    /// A hook asked to be tried again.
    DrainLater { waiting: String, again: Millis },
    /// Drained; the kernel is being loaded or the one-shot entry set.
    Arming,
    /// Armed; the permit is missing.
    Asking { method: BootMethod, question: Question },
}

/// The question for the permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// None is open; the next one is asked then.
    Next { at: Millis },
    /// Asked then, on CLOCK_BOOTTIME.
    Open { nonce: Nonce, asked: Millis },
}

/// A new kernel between its first boot and its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trial {
    pub(super) order: Order,
    /// On CLOCK_BOOTTIME: since when every look around found the host healthy, and the last one.
    pub(super) healthy: Option<(Millis, Millis)>,
}

/// An order that has not been looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) command: Command,
    /// On CLOCK_BOOTTIME.
    pub(super) arrived: Millis,
}

/// Whether the workload is owed its way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undrain {
    /// It is where it belongs.
    NotNeeded,
    /// The hooks run.
    Running,
    /// They failed and are tried again then, for the order that took it away.
    Again { at: Millis, command: CommandId },
}

/// Nonces that no other run of this agent makes.
#[derive(Debug, Clone)]
pub(super) struct Nonces {
    pub(super) seed: u64,
    pub(super) boot_id: BootId,
    pub(super) count: u64,
}

impl Nonces {
    pub(super) fn next(&mut self) -> Nonce {
        self.count += 1;
        let half = |which: u128| {
            let parts = [self.boot_id.0, u128::from(self.count), which];
            u128::from(wavegate_common::order::stable_hash(self.seed, &parts))
        };
        Nonce(half(1) << 64 | half(2))
    }
}

impl Machine {
    /// Writes a record down: in memory now, on disk when the effect is carried out. A ledger
    /// that cannot be relied upon is left alone.
    pub(super) fn append(&mut self, record: Record, out: &mut Vec<Effect>) {
        self.history.apply(&record);
        if self.book == Book::Sound {
            out.push(Effect::Append(record));
        }
    }

    /// Begins work that ends with `Input::Done`.
    pub(super) fn begin(&mut self, command: CommandId, effect: Effect, out: &mut Vec<Effect>) {
        let job = match &effect {
            Effect::Stage(_) => Job::Stage,
            Effect::Drain { .. } => Job::Drain,
            Effect::Undrain => Job::Undrain,
            Effect::Arm(_) => Job::Arm,
            Effect::Disarm => Job::Disarm,
            Effect::Confirm(_) => Job::Confirm,
            Effect::Append(_)
            | Effect::AskPermit(_)
            | Effect::Switch { .. }
            | Effect::Revert { .. }
            | Effect::Report
            | Effect::Log(_) => {
                out.push(effect);
                return;
            }
        };
        self.jobs.begin(job, command);
        out.push(effect);
    }
}
