//! What the ledger tells: a fold over its records. Facts of a boot outrank words written before
//! it: whoever runs the wanted kernel after a switch is in trial, even if the agent thought in
//! its last moments that the switch had failed.

use std::collections::BTreeSet;

use wavegate_common::{
    BootCause, BootId, BootMethod, BootOrder, CommandId, FailStep, Generation, KernelRelease,
    Release, ReleaseSource, RolloutId, Timestamp, TransactionStep,
};

use super::arrive::{arrive, stays_drained};
use super::record::Record;
use super::sabotage::{self, Guard};

/// Boots that one order may cost: into the new kernel and back.
pub(super) const BOOTS_PER_ORDER: u32 = 2;

/// An order to change kernels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) command: CommandId,
    pub(super) rollout: RolloutId,
    pub(super) boot: BootOrder,
    /// The kernel it leaves.
    pub(super) from: KernelRelease,
}

impl Order {
    pub(super) fn target(&self) -> &KernelRelease {
        &self.boot.release.kernel
    }

    /// Whether there is another kernel to go back to than the one being tried or left for good.
    pub(super) fn has_way_back(&self) -> bool {
        *self.target() != self.from && self.boot.release.source != ReleaseSource::Installed
    }
}

/// How a boot was left by the agent itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Leave {
    Switch(BootMethod),
    Revert(String),
}

/// How far an order to change kernels came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing irreversible was begun.
    Leaving,
    /// The point of no return was passed in the boot that was last seen.
    Left,
    /// The wanted kernel runs.
    Trial,
    /// Its checks passed.
    Verified,
    /// The agent is on its way back to the old kernel.
    Reverting,
    /// Settled, with what is to be reported under which order.
    Over(CommandId, TransactionStep),
}

/// The last order to change kernels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) order: Order,
    pub(super) stage: Stage,
    /// The boot that the agent left last, and how.
    pub(super) left: Option<(BootId, Leave)>,
    /// Boots since the switch.
    pub(super) boots: u32,
}

impl Move {
    pub(super) fn over(&mut self, step: TransactionStep) {
        self.stage = Stage::Over(self.order.command, step);
    }

    /// Whether the one way back by itself is used up.
    pub(super) fn revert_spent(&self) -> bool {
        let reverted = matches!(&self.left, Some((_, Leave::Revert(_))));
        sabotage::on(Guard::RevertOnce) && (reverted || self.boots >= BOOTS_PER_ORDER)
    }
}

/// What the ledger's last order was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Chapter {
    Empty,
    /// An order to stage; how it ended, if it did; and the order to change kernels before it,
    /// which a boot may bring up again.
    Staging {
        command: CommandId,
        release: Release,
        end: Option<TransactionStep>,
        before: Option<Box<Move>>,
    },
    Move(Box<Move>),
}

/// How the running boot came about, as far as the ledger knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Arrival {
    First,
    Commanded {
        command: CommandId,
        method: BootMethod,
    },
    /// On the old kernel; with the reason if the agent itself went back.
    FellBack {
        command: CommandId,
        reason: Option<String>,
    },
    Unasked,
}

/// The last boot in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LastBoot {
    pub(super) boot_id: BootId,
    pub(super) kernel: KernelRelease,
    pub(super) at: Timestamp,
    pub(super) arrival: Arrival,
    pub(super) cause: Option<BootCause>,
}

/// A reboot by order that may be less than the gap ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recent {
    /// The kernel the host came from, unless it has gone back already.
    pub(super) way_back: Option<KernelRelease>,
}

/// Everything the machine knows from its ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct History {
    pub(super) seen: Generation,
    pub(super) boot: Option<LastBoot>,
    pub(super) chapter: Chapter,
    pub(super) recent: Option<Recent>,
    /// Orders that a switch was begun for.
    switched: BTreeSet<CommandId>,
    /// The order that took the workload away, until it is back or stays away for good.
    pub(super) owed: Option<CommandId>,
    /// Orders that ended without one.
    ended: BTreeSet<CommandId>,
    /// The order that was refused last.
    pub(super) refused: Option<CommandId>,
}

impl History {
    pub(super) fn replay(records: &[Record]) -> Self {
        let mut history = Self {
            seen: Generation(0),
            boot: None,
            chapter: Chapter::Empty,
            recent: None,
            switched: BTreeSet::new(),
            owed: None,
            ended: BTreeSet::new(),
            refused: None,
        };
        for record in records {
            history.apply(record);
        }
        history
    }

    /// Whether the order came before and needs no second answer than a report.
    pub(super) fn has_ended(&self, command: CommandId) -> bool {
        self.ended.contains(&command) || self.has_switched(command)
    }

    /// Whether a switch was ever begun for this order.
    pub(super) fn has_switched(&self, command: CommandId) -> bool {
        sabotage::on(Guard::OneSwitchPerCommand) && self.switched.contains(&command)
    }

    /// Whether the last order to change kernels has left the workload away for good.
    pub(super) fn is_parked(&self) -> bool {
        let last = match &self.chapter {
            Chapter::Move(last) | Chapter::Staging { before: Some(last), .. } => last,
            Chapter::Empty | Chapter::Staging { before: None, .. } => return false,
        };
        let Stage::Over(_, TransactionStep::Failed { step, .. }) = &last.stage else {
            return false;
        };
        stays_drained(*step)
    }

    /// The order to change kernels that the last records are about.
    pub(super) fn current_move(&self) -> Option<&Move> {
        match &self.chapter {
            Chapter::Move(current) => Some(current),
            Chapter::Empty | Chapter::Staging { .. } => None,
        }
    }

    pub(super) fn apply(&mut self, record: &Record) {
        match record {
            Record::Boot { boot_id, kernel, at } => self.boot(*boot_id, kernel, *at),
            Record::Cause { cause, .. } => self.cause(cause),
            Record::Rested { .. } => self.recent = None,
            Record::Seen { generation } => self.seen = self.seen.max(*generation),
            Record::Refused { command, generation } => {
                self.seen = self.seen.max(*generation);
                self.ended.insert(*command);
                self.refused = Some(*command);
            }
            Record::StageBegun { command, release, .. } => self.stage_begun(*command, release),
            Record::StageEnded { command, error } => self.stage_ended(*command, error.as_ref()),
            Record::ActivateBegun { command, rollout, order, from, .. } => {
                let order = Order {
                    command: *command,
                    rollout: *rollout,
                    boot: order.clone(),
                    from: from.clone(),
                };
                let stage = Stage::Leaving;
                self.chapter = Chapter::Move(Box::new(Move { order, stage, left: None, boots: 0 }));
                self.owed = Some(*command);
            }
            Record::SwitchBegun { command, boot_id, method, .. } => {
                self.switched.insert(*command);
                self.with_move(*command, |current| {
                    current.left = Some((*boot_id, Leave::Switch(*method)));
                    current.stage = Stage::Left;
                });
            }
            Record::Aborted { command, reason } => {
                self.ended.insert(*command);
                let step = TransactionStep::Aborted { reason: reason.clone() };
                if let Chapter::Staging { command: staged, end, .. } = &mut self.chapter
                    && staged == command
                {
                    *end = Some(step.clone());
                }
                self.with_move(*command, |current| current.over(step));
            }
            Record::Failed { command, step, reason } => {
                self.ended.insert(*command);
                if stays_drained(*step) {
                    self.owed = None;
                }
                let step = TransactionStep::Failed { step: *step, reason: reason.clone() };
                self.with_move(*command, |current| current.over(step));
            }
            Record::Verified { command } => {
                self.with_move(*command, |current| current.stage = Stage::Verified);
            }
            Record::Confirmed { command, .. } => {
                self.ended.insert(*command);
                if let Some(current) = self.move_mut() {
                    current.stage = Stage::Over(*command, TransactionStep::Confirmed);
                }
            }
            Record::RevertBegun { command, boot_id, reason } => {
                self.with_move(*command, |current| {
                    current.left = Some((*boot_id, Leave::Revert(reason.clone())));
                    current.stage = Stage::Reverting;
                });
            }
            Record::Undrained { command } => {
                self.owed = self.owed.filter(|owed| owed != command);
            }
        }
    }

    fn stage_begun(&mut self, command: CommandId, release: &Release) {
        let before = self.take_move();
        self.chapter = Chapter::Staging { command, release: release.clone(), end: None, before };
    }

    fn move_mut(&mut self) -> Option<&mut Move> {
        match &mut self.chapter {
            Chapter::Move(current) | Chapter::Staging { before: Some(current), .. } => {
                Some(current)
            }
            Chapter::Empty | Chapter::Staging { before: None, .. } => None,
        }
    }

    fn take_move(&mut self) -> Option<Box<Move>> {
        match std::mem::replace(&mut self.chapter, Chapter::Empty) {
            Chapter::Move(current) => Some(current),
            Chapter::Staging { before, .. } => before,
            Chapter::Empty => None,
        }
    }

    fn with_move(&mut self, command: CommandId, change: impl FnOnce(&mut Move)) {
        if let Some(current) = self.move_mut().filter(|current| current.order.command == command) {
            change(current);
        }
    }

    fn stage_ended(&mut self, command: CommandId, error: Option<&String>) {
        self.ended.insert(command);
        if let Chapter::Staging { command: staged, end, .. } = &mut self.chapter
            && *staged == command
        {
            *end = Some(match error {
                None => TransactionStep::Staged,
                Some(reason) => {
                    TransactionStep::Failed { step: FailStep::Stage, reason: reason.clone() }
                }
            });
        }
    }

    /// The words for a fall back are found after the boot was recorded.
    fn cause(&mut self, cause: &BootCause) {
        if let Some(boot) = &mut self.boot {
            boot.cause = Some(cause.clone());
        }
        if let BootCause::FellBack { command, evidence } = cause {
            let evidence = evidence.clone();
            self.with_move(*command, |current| {
                current.over(TransactionStep::FellBack { evidence });
            });
        }
    }

    fn boot(&mut self, boot_id: BootId, kernel: &KernelRelease, at: Timestamp) {
        let before = self.boot.as_ref().map(|boot| (boot.boot_id, boot.kernel.clone()));
        let arrival = match before {
            None => Arrival::First,
            Some((previous, old_kernel)) => self.boot_after(previous, &old_kernel, kernel),
        };
        let kernel = kernel.clone();
        self.boot = Some(LastBoot { boot_id, kernel, at, arrival, cause: None });
    }

    fn boot_after(
        &mut self,
        previous: BootId,
        old_kernel: &KernelRelease,
        kernel: &KernelRelease,
    ) -> Arrival {
        let Some(current) = self.move_mut() else { return Arrival::Unasked };
        let (arrival, by_order) = arrive(current, previous, kernel);
        let command = current.order.command;
        match &current.stage {
            Stage::Trial => self.owed = Some(command),
            Stage::Over(_, TransactionStep::Failed { step, .. }) if stays_drained(*step) => {
                self.owed = None;
            }
            _ => {}
        }
        if by_order {
            let way_back = (old_kernel != kernel).then(|| old_kernel.clone());
            let way_back = if self.recent.is_some() { None } else { way_back };
            self.recent = Some(Recent { way_back });
            if let Some(current) = self.take_move() {
                self.chapter = Chapter::Move(current);
            }
        }
        arrival
    }
}
