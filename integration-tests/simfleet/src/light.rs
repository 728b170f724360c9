//! A host without an agent, for forecasts and whole rollouts by the hundred: it does what it is told, after a sampled time.

use std::sync::Arc;

use wavegate_common::order::stable_hash;
use wavegate_common::spec::Limits;
use wavegate_common::{
    Action, BootCause, BootId, BootMethod, BootOrder, BootRecord, Command, CommandId, HostId,
    HostReport, KernelRelease, Millis, Nonce, PermitRequest, Timestamp, Transaction,
    TransactionStep,
};

/// Medians of what a step takes on bare metal, where the limits of the specification leave room.
const STAGE: Millis = Millis::secs(60);
const DRAIN: Millis = Millis::secs(30);
const KEXEC: Millis = Millis::secs(60);
const FIRMWARE: Millis = Millis::secs(240);
const CHECKS: Millis = Millis::secs(5);
const CONFIRM: Millis = Millis::secs(2);

/// About what a host takes from its first order to its last, if it boots by kexec.
#[must_use]
pub fn usual_span(limits: &Limits) -> Millis {
    let steps = [
        STAGE.0.min(limits.order.0 / 3),
        DRAIN.0.min(limits.drain.0 / 3),
        KEXEC.0.min(limits.boot.0 / 2),
        limits.soak.0,
    ];
    Millis(steps.into_iter().fold(0, u64::saturating_add))
}

/// Where times come from: the same seed gives the same times.
#[derive(Debug, Clone, Copy)]
pub struct Steps {
    /// Of this run.
    pub seed: u64,
    /// Taken off every step: what waiting for the next tick adds on average.
    pub discount: Millis,
}

impl Steps {
    /// A time around `median`, skewed as such times are: rarely much shorter, at times a good
    /// deal longer, never more than `most`.
    fn span(self, host: HostId, step: u8, median: Millis, most: Millis) -> Millis {
        let roll = |n: u128| {
            let hash = stable_hash(self.seed, &[host.0, u128::from(step), n]);
            (hash >> 11) as f64 / (1u64 << 53) as f64
        };
        // The sum of four even rolls is close enough to a bell for a forecast.
        let bell = (0..4).map(roll).sum::<f64>() - 2.0;
        let span = (median.0 as f64 * (0.6 * bell).exp()) as u64;
        Millis(span.min(most.0).saturating_sub(self.discount.0))
    }
}

/// What a host does when its time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Doing {
    Nothing,
    Staging(CommandId),
    Draining(CommandId, BootOrder),
    AskingPermit(CommandId, BootOrder),
    Rebooting(CommandId, BootOrder),
    Checking(CommandId),
    Confirming(CommandId),
}

/// One simulated host.
#[derive(Debug, Clone)]
pub struct LightHost {
    report: HostReport,
    doing: Doing,
    done_at: Option<Timestamp>,
    last_command: Option<CommandId>,
    boots: u128,
}

impl LightHost {
    /// As it reported last.
    pub fn new(report: HostReport) -> Self {
        Self { report, doing: Doing::Nothing, done_at: None, last_command: None, boots: 0 }
    }

    /// When it is done with what it does, if it does something that ends by itself.
    pub fn done_at(&self) -> Option<Timestamp> {
        self.done_at
    }

    /// The report of this moment.
    pub fn report(&self) -> Arc<HostReport> {
        Arc::new(self.report.clone())
    }

    /// The question it asks, if it waits for a permit.
    pub fn permit_request(&self) -> Option<PermitRequest> {
        let Doing::AskingPermit(command, _) = &self.doing else { return None };
        Some(PermitRequest {
            host: self.report.host,
            command: *command,
            nonce: Nonce(1),
            boot_id: self.report.boot.boot_id,
        })
    }

    /// An order came. Says whether the report changed.
    pub fn order(&mut self, command: &Command, now: Timestamp, steps: Steps) -> bool {
        if self.last_command == Some(command.id) {
            return false;
        }
        self.last_command = Some(command.id);
        self.report.generation = self.report.generation.max(command.generation);
        let (target, step, doing, span) = match &command.action {
            Action::Stage { release } => {
                let most = Millis(command.precondition.ttl.0 / 3);
                let span = steps.span(self.report.host, 0, STAGE, most);
                let doing = Doing::Staging(command.id);
                (release.kernel.clone(), TransactionStep::Staging, doing, span)
            }
            Action::Activate(order) => {
                let most = Millis(order.drain_timeout.0 / 3);
                let span = steps.span(self.report.host, 1, DRAIN, most);
                let step = TransactionStep::Draining { waiting: None };
                let doing = Doing::Draining(command.id, order.clone());
                (order.release.kernel.clone(), step, doing, span)
            }
            Action::Confirm { kernel } => {
                let doing = Doing::Confirming(command.id);
                (kernel.clone(), TransactionStep::Verified, doing, CONFIRM)
            }
            Action::Cancel => {
                let reason = "told to give up".to_owned();
                let step = TransactionStep::Aborted { reason };
                (self.report.boot.kernel.clone(), step, Doing::Nothing, Millis(0))
            }
        };
        self.done_at = (doing != Doing::Nothing).then(|| now.after(span));
        self.doing = doing;
        self.say(command.id, target, step);
        true
    }

    /// The permit came.
    pub fn permit(&mut self, now: Timestamp, limits: &Limits, steps: Steps) {
        let Doing::AskingPermit(command, order) = &self.doing else { return };
        let kexec = match order.method {
            BootMethod::Kexec => true,
            BootMethod::Auto => self.report.no_kexec.is_empty(),
            BootMethod::Firmware => false,
        };
        let median = if kexec { KEXEC } else { FIRMWARE };
        let span = steps.span(self.report.host, 2, median, Millis(limits.boot.0 / 2));
        let (command, order) = (*command, order.clone());
        self.doing = Doing::Rebooting(command, order);
        self.done_at = Some(now.after(span));
    }

    /// What it did is done. The report has changed.
    pub fn finish(&mut self, now: Timestamp, steps: Steps) {
        self.done_at = None;
        match std::mem::replace(&mut self.doing, Doing::Nothing) {
            Doing::Nothing => {}
            Doing::Staging(command) => {
                let target = self.target();
                if !self.report.installed.contains(&target) {
                    self.report.installed.push(target.clone());
                    self.report.installed.sort();
                }
                self.say(command, target, TransactionStep::Staged);
            }
            Doing::Draining(command, order) => {
                let target = order.release.kernel.clone();
                self.doing = Doing::AskingPermit(command, order);
                self.say(command, target, TransactionStep::AwaitingPermit);
            }
            Doing::AskingPermit(command, order) => {
                self.doing = Doing::AskingPermit(command, order);
            }
            Doing::Rebooting(command, order) => self.come_back(command, order, now, steps),
            Doing::Checking(command) => {
                let target = self.target();
                self.say(command, target, TransactionStep::Verified);
            }
            Doing::Confirming(command) => {
                let target = self.target();
                self.report.default_kernel = Some(target.clone());
                self.say(command, target, TransactionStep::Confirmed);
            }
        }
    }

    fn come_back(&mut self, command: CommandId, order: BootOrder, now: Timestamp, steps: Steps) {
        self.boots += 1;
        let method = match order.method {
            BootMethod::Auto => BootMethod::Firmware,
            named => named,
        };
        self.report.boot = BootRecord {
            boot_id: BootId(self.report.host.0 ^ (self.boots << 64)),
            kernel: order.release.kernel.clone(),
            booted_at: now,
            cause: BootCause::Commanded { command, method },
        };
        self.say(command, order.release.kernel, TransactionStep::Trial);
        let soak = Millis(order.soak.0 + CHECKS.0.min(order.soak.0 / 4));
        let span = Millis(soak.0.saturating_sub(steps.discount.0));
        self.doing = Doing::Checking(command);
        self.done_at = Some(now.after(span));
    }

    fn target(&self) -> KernelRelease {
        let named = self.report.transaction.as_ref().map(|transaction| &transaction.target);
        named.unwrap_or(&self.report.boot.kernel).clone()
    }

    fn say(&mut self, command: CommandId, target: KernelRelease, step: TransactionStep) {
        self.report.seq += 1;
        self.report.transaction = Some(Transaction { command, target, step });
    }
}
