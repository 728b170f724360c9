//! What a host says of itself.

use serde::{Deserialize, Serialize};

use crate::health::Health;
use crate::host::{BootMethod, Facts, Labels};
use crate::id::{BootId, CommandId, Digest, Generation, HostId};
use crate::kernel::KernelRelease;
use crate::rollout::FailStep;
use crate::time::Timestamp;

/// Why the machine booted last, as far as the evidence goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BootCause {
    /// The agent was told to and did it; the ledger says so.
    Commanded {
        /// The order.
        command: CommandId,
        /// How it booted, from what the boot loader left behind.
        method: BootMethod,
    },
    /// The agent was told to boot another kernel and the machine came back on the old one.
    FellBack {
        /// The order.
        command: CommandId,
        /// Panic text, watchdog, or what is known.
        evidence: String,
    },
    /// Somebody shut it down in order, without us.
    Operator,
    /// Panic; the text of the record that was found.
    Panic {
        /// The first lines of the panic record.
        evidence: String,
    },
    /// A hardware watchdog reset it.
    Watchdog,
    /// Nothing tells: power loss, reset button, or no evidence kept.
    Unknown,
    /// The first boot this agent has seen.
    First,
}

/// One boot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BootRecord {
    /// The kernel's id of it.
    pub boot_id: BootId,
    /// What `uname -r` says.
    pub kernel: KernelRelease,
    /// When it came up, by the host's wall clock.
    pub booted_at: Timestamp,
    /// Why.
    pub cause: BootCause,
}

/// How far the agent has come with an order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionStep {
    /// Getting the kernel onto the host; nothing has changed for the workload.
    Staging,
    /// The kernel is on the host; the default boot entry is still the proven one.
    Staged,
    /// Hooks take the workload away.
    Draining {
        /// What a hook said when it asked to be tried later.
        waiting: Option<String>,
    },
    /// Drained and armed; asks for the permit.
    AwaitingPermit,
    /// The permit came; kexec or reboot is under way.
    Switching,
    /// The new kernel runs; checks are not through.
    Trial,
    /// The new kernel runs and every check passed; waits for the word to make it the default.
    Verified,
    /// The new kernel is the default and the workload is back.
    Confirmed,
    /// Given up before anything irreversible; the workload is back.
    Aborted {
        /// Why.
        reason: String,
    },
    /// The machine came back on the kernel it left.
    FellBack {
        /// What is known of the reason.
        evidence: String,
    },
    /// It went wrong.
    Failed {
        /// Where.
        step: FailStep,
        /// Why.
        reason: String,
    },
}

/// The order the agent is working on, or worked on last.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Transaction {
    /// The newest order of it.
    pub command: CommandId,
    /// The kernel it is about.
    pub target: KernelRelease,
    /// How far it has come.
    pub step: TransactionStep,
}

/// What a host says of itself. Sent whole when it changes; a heartbeat carries only its digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HostReport {
    /// Who. On the wire this comes from the certificate, never from the message.
    pub host: HostId,
    /// Grows by one with each report of one boot.
    pub seq: u64,
    /// The label people know the host by.
    pub name: String,
    /// Labels from the agent's configuration.
    pub labels: Labels,
    /// Hardware and kernel-adjacent software.
    pub facts: Facts,
    /// The running boot.
    pub boot: BootRecord,
    /// Kernels that could be booted, sorted.
    pub installed: Vec<KernelRelease>,
    /// The kernel that the default boot entry names, where it can be told.
    pub default_kernel: Option<KernelRelease>,
    /// Whether it does its work.
    pub health: Health,
    /// The order in work, or the last one.
    pub transaction: Option<Transaction>,
    /// The highest generation this host has accepted an order of.
    pub generation: Generation,
    /// Why the agent's own guard would refuse to reboot now: a hold file, an inhibitor, a
    /// degraded array. Empty if it would not.
    pub guard: Vec<String>,
    /// Why kexec is not possible here; empty if it is.
    pub no_kexec: Vec<String>,
    /// Risky divergences from the declared configuration.
    pub drift: Vec<String>,
}

impl HostReport {
    /// Whether the agent has taken the workload away, or is about to, for an order that has not
    /// ended.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.transaction.as_ref().is_some_and(|transaction| match transaction.step {
            TransactionStep::Draining { .. }
            | TransactionStep::AwaitingPermit
            | TransactionStep::Switching
            | TransactionStep::Trial
            | TransactionStep::Verified => true,
            TransactionStep::Staging
            | TransactionStep::Staged
            | TransactionStep::Confirmed
            | TransactionStep::Aborted { .. }
            | TransactionStep::FellBack { .. }
            | TransactionStep::Failed { .. } => false,
        })
    }
    /// The digest that stands for this report in `Hello` and in heartbeats. Both sides compute it
    /// over the same canonical JSON, so equal digests mean that nothing need be sent.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// Whether the workload is away by our doing: an order is under way, or it failed on a kernel
    /// that nobody trusts, and the agent keeps the host out of work until a person looks.
    #[must_use]
    pub fn is_away(&self) -> bool {
        let parked = self.transaction.as_ref().is_some_and(|transaction| {
            matches!(
                transaction.step,
                TransactionStep::Failed { step: FailStep::Boot | FailStep::Verify, .. }
            )
        });
        parked || self.is_under_way()
    }

    /// How far the agent's transaction has come if it is about this kernel.
    #[must_use]
    pub fn step_toward(&self, kernel: &KernelRelease) -> Option<&TransactionStep> {
        self.transaction.as_ref().filter(|t| t.target == *kernel).map(|t| &t.step)
    }

    /// Whether the agent's transaction is this order.
    #[must_use]
    pub fn step_of(&self, command: CommandId) -> Option<&TransactionStep> {
        self.transaction.as_ref().filter(|t| t.command == command).map(|t| &t.step)
    }
}
