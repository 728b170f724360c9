//! The owner of the machine: every input goes through here, and every effect leaves from here.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use wavegate_common::{BootMethod, HostReport, PermitRequest, TransactionStep};

use super::lookout::{Found, Situation};
use super::report::{Host, compose};
use super::status_file::{LinkState, StatusFile};
use crate::act::Job;
use crate::durable::write_durably;
use crate::hooks::HookOrder;
use crate::ledger::{Ledger, MAX_RECORD};
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
    /// A record could not be written. After that the ledger takes none any more, because nobody
    /// knows what is on disk; only opening it anew tells.
    pub(super) ledger_failed: bool,
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
            self.ledger_failed = true;
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
                    let given = std::time::Instant::now();
                    self.hand_over(Job::Switch { method, kernel, given }).await;
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

    /// Whether the ledger failed and the disk takes writes again while nothing is under way: then
    /// the agent starts anew, and its ledger tells it where it was. Until then it keeps running,
    /// so that people see why the host does not move.
    pub(super) fn should_start_anew(&self) -> bool {
        let settled = self.situation() == Situation::Idle;
        self.ledger_failed && settled && {
            let trial = self.state_dir.join("write-trial");
            // As much as the longest record, so that a disk with one free block does not count.
            let written = write_durably(&trial, &[0; MAX_RECORD], 0o600).is_ok();
            let _ = std::fs::remove_file(trial);
            written
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

#[cfg(test)]
mod tests {
    use super::super::report::{Host, compose};
    use super::*;
    use crate::machine::{MachineConfig, Start, Status};
    use wavegate_common::{
        BootCause, BootId, BootRecord, CommandId, Facts, Generation, HostId, Labels, Timestamp,
        Transaction,
    };

    fn report(step: Option<TransactionStep>, guard: &[&str]) -> HostReport {
        let (id, name) = (HostId(1), "web-1".to_owned());
        let host = Host { id, name, labels: Labels::new(), facts: Facts::default() };
        let target = "6.1.0-56".into();
        let status = Status {
            boot: BootRecord {
                boot_id: BootId(1),
                kernel: "6.1.0-47".into(),
                booted_at: Timestamp(0),
                cause: BootCause::First,
            },
            transaction: step.map(|step| Transaction { command: CommandId(1), target, step }),
            generation: Generation(0),
            guard: guard.iter().map(|reason| (*reason).to_owned()).collect(),
            workload_away: false,
            parked: false,
        };
        compose(&host, status, &Surroundings::default())
    }

    fn keeper(state_dir: PathBuf) -> Keeper {
        let start = Start {
            boot_id: BootId(1),
            kernel: "6.1.0-47".into(),
            started_by: None,
            evidence: BootCause::Unknown,
            ledger: Vec::new(),
            ledger_damaged: false,
            nonce_seed: 0,
        };
        let (machine, _) = Machine::start(HostId(1), start, MachineConfig::default(), clocks());
        let (id, name) = (HostId(1), "web-1".to_owned());
        Keeper {
            machine,
            ledger: Ledger::open(&state_dir.join("ledger")).unwrap().ledger,
            host: Host { id, name, labels: Labels::new(), facts: Facts::default() },
            seen: Surroundings::default(),
            link: LinkState::Up { since: Timestamp(0) },
            state_dir,
            jobs: mpsc::channel(1).0,
            permits: mpsc::channel(1).0,
            report: watch::channel(Arc::new(report(None, &[]))).0,
            method: BootMethod::Auto,
            told: String::new(),
            ledger_failed: false,
        }
    }

    #[test]
    fn a_failed_ledger_is_opened_anew_when_the_disk_is_well_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut keeper = keeper(dir.path().to_owned());
        assert!(!keeper.should_start_anew(), "nothing failed");
        keeper.ledger_failed = true;
        assert!(keeper.should_start_anew());
        assert!(!dir.path().join("write-trial").exists());
        keeper.state_dir = dir.path().join("gone");
        assert!(!keeper.should_start_anew(), "the disk is not well yet");
    }

    #[test]
    fn one_sentence_says_what_it_does_or_waits_on() {
        let up = LinkState::Up { since: Timestamp(0) };
        let waits = TransactionStep::Draining { waiting: Some("lb: 3 left".into()) };
        for (step, guard, sentence) in [
            (None, &[][..], "idle"),
            (None, &["hold file /etc/hold"][..], "idle; would not reboot: hold file /etc/hold"),
            (Some(TransactionStep::Confirmed), &[][..], "idle"),
            (Some(waits), &[][..], "drain waits: lb: 3 left"),
            (Some(TransactionStep::Trial), &[][..], "6.1.0-56 is on trial"),
            (
                Some(TransactionStep::AwaitingPermit),
                &[][..],
                "asking for the permit to boot 6.1.0-56",
            ),
        ] {
            assert_eq!(doing(&report(step, guard), &up), sentence);
        }
        let down = LinkState::Down { since: Timestamp(0), reason: "refused".into() };
        assert_eq!(doing(&report(None, &[]), &down), "no link to the controller: refused");
    }
}
