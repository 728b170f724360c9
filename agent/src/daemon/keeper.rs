//! The owner of the machine: every input goes through here, and every effect leaves from here.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use wavegate_common::{BootMethod, HostReport, PermitRequest, TransactionStep};

use super::lookout::{Found, Situation};
use super::report::{Host, compose};
use super::status_file::{LinkState, StatusFile};
use crate::act::Job;
use crate::hooks::HookOrder;
use crate::ledger::Ledger;
use crate::machine::{Effect, Input, Machine, Record, Surroundings};
use crate::observe::clocks;

/// Machine, ledger, and the ways to those who do the work.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) machine: Machine,
    pub(super) ledger: Ledger,
    pub(super) host: Host,
    pub(super) seen: Surroundings,
    pub(super) link: LinkState,
    pub(super) state_dir: PathBuf,
    pub(super) jobs: mpsc::Sender<Job>,
    pub(super) permits: mpsc::Sender<PermitRequest>,
    pub(super) report: watch::Sender<Arc<HostReport>>,
    /// How the order in work wants to boot, for the hooks to read.
    pub(super) method: BootMethod,
    /// What was last told to systemd.
    pub(super) told: String,
}

impl Keeper {
    /// The lookout has looked around.
    pub(super) async fn see(&mut self, found: Found) {
        if let Some(facts) = found.facts {
            self.host.facts = facts;
        }
        self.seen = found.surroundings.clone();
        self.feed(Input::Surroundings(Box::new(found.surroundings))).await;
    }

    /// Something happened: the machine says what follows, and it is done.
    pub(super) async fn feed(&mut self, input: Input) {
        let effects = self.machine.step(input, clocks());
        self.carry_out(effects).await;
    }

    /// Does what the machine said, in order. A record that cannot be written drops the rest of
    /// its batch, and the machine learns of it.
    pub(super) async fn carry_out(&mut self, mut effects: Vec<Effect>) {
        while let Err(why) = self.carry_out_batch(effects).await {
            tracing::error!(why, "the ledger cannot be written: nothing irreversible will begin");
            effects = self.machine.step(Input::LedgerFailed(why), clocks());
        }
        self.publish();
    }

    async fn carry_out_batch(&mut self, effects: Vec<Effect>) -> Result<(), String> {
        for effect in effects {
            match effect {
                Effect::Append(record) => {
                    self.remember(&record);
                    self.ledger.append(&record).map_err(|error| error.to_string())?;
                }
                Effect::Stage(release) => self.hand_over(Job::Stage(release)).await,
                Effect::Drain { timeout } => {
                    let order = self.hook_order();
                    self.hand_over(Job::Drain { order, time_limit: timeout }).await;
                }
                Effect::Undrain => {
                    let order = self.hook_order();
                    self.hand_over(Job::Undrain { order }).await;
                }
                Effect::Arm(order) => self.hand_over(Job::Arm(order)).await,
                Effect::Disarm => self.hand_over(Job::Disarm).await,
                Effect::AskPermit(request) => {
                    // Without a stream nobody can answer; the machine asks again by itself.
                    let _ = self.permits.try_send(request);
                }
                Effect::Switch { command, method, kernel } => {
                    tracing::warn!(%command, ?method, %kernel, "leaving this boot");
                    self.publish();
                    self.hand_over(Job::Switch { method, kernel }).await;
                }
                Effect::Confirm(kernel) => self.hand_over(Job::Confirm(kernel)).await,
                Effect::Revert { command } => {
                    tracing::warn!(%command, "going back to the kernel that is proven");
                    self.publish();
                    self.hand_over(Job::Revert).await;
                }
                Effect::Report => self.publish(),
                Effect::Log(text) => tracing::warn!("{text}"),
            }
        }
        Ok(())
    }

    /// The worker only goes away with the daemon.
    async fn hand_over(&self, job: Job) {
        if self.jobs.send(job).await.is_err() {
            tracing::error!("the worker is gone");
        }
    }

    fn remember(&mut self, record: &Record) {
        if let Record::ActivateBegun { order, .. } = record {
            self.method = order.method;
        }
    }

    fn hook_order(&self) -> HookOrder {
        let status = self.machine.status();
        let (command, to) = status.transaction.map(|t| (t.command, t.target)).unzip();
        HookOrder {
            host: self.host.name.clone(),
            command,
            from: status.boot.kernel,
            to,
            method: self.method,
        }
    }

    /// How closely to look around.
    pub(super) fn situation(&self) -> Situation {
        match self.machine.status().transaction.map(|transaction| transaction.step) {
            Some(TransactionStep::Trial | TransactionStep::Verified) => Situation::Trial,
            Some(
                TransactionStep::Staging
                | TransactionStep::Draining { .. }
                | TransactionStep::AwaitingPermit
                | TransactionStep::Switching,
            ) => Situation::Busy,
            Some(
                TransactionStep::Staged
                | TransactionStep::Confirmed
                | TransactionStep::Aborted { .. }
                | TransactionStep::FellBack { .. }
                | TransactionStep::Failed { .. },
            )
            | None => Situation::Idle,
        }
    }

    /// Hands the report out if it says something new.
    pub(super) fn publish(&mut self) {
        let mut report = compose(&self.host, self.machine.status(), &self.seen);
        let known = Arc::clone(&self.report.borrow());
        report.seq = known.seq;
        if report != *known {
            report.seq = known.seq.saturating_add(1);
            self.report.send_replace(Arc::new(report));
            self.keep_status();
        }
    }

    /// The stream came or went.
    pub(super) fn set_link(&mut self, link: LinkState) {
        self.link = link;
        self.keep_status();
    }

    /// For people at this host: the status file, and the line in `systemctl status`.
    pub(super) fn keep_status(&mut self) {
        let report = Arc::clone(&self.report.borrow());
        let status = StatusFile {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            link: self.link.clone(),
            doing: doing(&report, &self.link),
            report: (*report).clone(),
        };
        if let Err(error) = status.write(&self.state_dir) {
            tracing::debug!(%error, "cannot write the status file");
        }
        if status.doing != self.told {
            tell_systemd(&[sd_notify::NotifyState::Status(&status.doing)]);
            self.told = status.doing;
        }
    }
}

/// Tells the service manager something; without one nobody listens.
pub(super) fn tell_systemd(state: &[sd_notify::NotifyState<'_>]) {
    let _ = sd_notify::notify(state);
}

/// What the agent does or waits on, in one sentence.
fn doing(report: &HostReport, link: &LinkState) -> String {
    if let LinkState::Down { reason, .. } = link {
        return format!("no link to the controller: {reason}");
    }
    let Some(transaction) = &report.transaction else { return idle(report) };
    let target = &transaction.target;
    match &transaction.step {
        TransactionStep::Staging => format!("putting {target} onto this host"),
        TransactionStep::Draining { waiting: None } => "taking the workload away".to_owned(),
        TransactionStep::Draining { waiting: Some(what) } => format!("drain waits: {what}"),
        TransactionStep::AwaitingPermit => format!("asking for the permit to boot {target}"),
        TransactionStep::Switching => format!("switching to {target}"),
        TransactionStep::Trial => format!("{target} is on trial"),
        TransactionStep::Verified => format!("{target} is verified and waits for the word"),
        TransactionStep::Staged
        | TransactionStep::Confirmed
        | TransactionStep::Aborted { .. }
        | TransactionStep::FellBack { .. }
        | TransactionStep::Failed { .. } => idle(report),
    }
}

fn idle(report: &HostReport) -> String {
    match report.guard.first() {
        Some(reason) => format!("idle; would not reboot: {reason}"),
        None => "idle".to_owned(),
    }
}
