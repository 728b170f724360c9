//! What can happen to a rollout. Past tense; stored, replayed, and shown as its history.

use serde::{Deserialize, Serialize};
use wavegate_common::{
    BootId, Digest, Direction, ExcludeReason, FailReason, FailStep, HostClass, HostId,
    KernelRelease, OpenOrder, RolloutId, RolloutPhase, Timestamp,
};

/// Something that happened to a rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// To which.
    pub rollout: RolloutId,
    /// When, by the controller's clock.
    pub at: Timestamp,
    /// What.
    pub change: RolloutChange,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutChange {
    /// It went into another phase.
    Moved {
        /// Which.
        to: RolloutPhase,
    },
    /// Something happened to one of its hosts.
    Host {
        /// Which.
        host: HostId,
        /// What.
        change: HostChange,
    },
    /// The release went wrong in a class: nothing begins there any more.
    ClassBlocked {
        /// Index of the class.
        class: u32,
        /// The class itself, for known-bad memory.
        name: HostClass,
        /// What went wrong.
        what: String,
    },
    /// A person lets a class try again.
    ClassCleared {
        /// Index of the class.
        class: u32,
        /// The class itself, for known-bad memory.
        name: HostClass,
        /// Who.
        by: String,
        /// Their words.
        reason: String,
    },
    /// The gate's statistics found a class as good as before at one of their looks. What comes
    /// after that can stop the class, and need not prove it again with fewer controls.
    ClassPassed {
        /// Index of the class.
        class: u32,
        /// The class itself.
        name: HostClass,
        /// Digest of the evidence.
        evidence: Digest,
    },
    /// A person answers for a class, whatever the gate's statistics say of it.
    ClassAccepted {
        /// Index of the class.
        class: u32,
        /// The class itself.
        name: HostClass,
        /// Who.
        by: String,
        /// Their words.
        reason: String,
    },
    /// A person has seen the failures so far and lets the rollout go on.
    FailuresAcknowledged {
        /// Who.
        by: String,
        /// Their words.
        reason: String,
    },
    /// A second person agreed.
    Approved {
        /// Who.
        by: String,
        /// Their words.
        reason: String,
    },
}

/// What happened to a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostChange {
    /// `Pending` → `Staging`: it was told to get the kernel.
    StageOrdered {
        /// The order.
        order: OpenOrder,
    },
    /// `Staging` → `Staged`.
    Staged,
    /// `Staged` → `Draining`, or back from the new kernel: it was told to change kernels.
    ActivateOrdered {
        /// The order.
        order: OpenOrder,
        /// Which way.
        direction: Direction,
        /// The kernel it runs now.
        from: KernelRelease,
    },
    /// It was told to give up; the slot stays taken until it says that it has.
    CancelOrdered {
        /// The order.
        order: OpenOrder,
    },
    /// `Draining`, `Rebooting` or `Lost` → `Staged` (forward) or `Updated` (back): the host said,
    /// in the boot it began in, that it gave up.
    StoodDown {
        /// What it said.
        reason: String,
        /// Nothing begins before this.
        not_before: Timestamp,
    },
    /// `Draining` → `Rebooting`: a permit was given. Durable before the host hears of it.
    Permitted {
        /// The boot it leaves.
        from: BootId,
        /// When it should be back.
        deadline: Timestamp,
    },
    /// `Rebooting` or `Lost` → `Verifying`: it runs the wanted kernel. From any phase before
    /// that if the controller's memory was restored from before the permit.
    CameBack {
        /// The new boot.
        boot: BootId,
    },
    /// In `Verifying`: it was told to make the kernel its default.
    ConfirmOrdered {
        /// The order.
        order: OpenOrder,
    },
    /// `Verifying` → `Updated` (forward) or `RolledBack` (back).
    Confirmed,
    /// In `Updated`: it rebooted in order, by somebody else's hand, into the same kernel.
    Rebooted {
        /// The new boot.
        boot: BootId,
    },
    /// Its dates are later than they can be: a clock was ahead when they were written, and is not
    /// any more. What is measured from them is measured from now.
    Redated {
        /// A reboot ends by then.
        deadline: Timestamp,
        /// The next attempt may begin then.
        not_before: Timestamp,
    },
    /// It went wrong.
    Failed {
        /// Where.
        step: FailStep,
        /// Why.
        reason: FailReason,
    },
    /// `Rebooting` or `Verifying` → `Lost`.
    Lost,
    /// It takes no part any more.
    Excluded {
        /// Why.
        reason: ExcludeReason,
    },
    /// `Failed` or `Excluded` → `Pending`: a person lets it try again.
    Retried {
        /// Who.
        by: String,
        /// Their words.
        reason: String,
    },
}

impl HostChange {
    /// The change as one lower-case word with underscores.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::StageOrdered { .. } => "stage_ordered",
            Self::Staged => "staged",
            Self::ActivateOrdered { .. } => "activate_ordered",
            Self::CancelOrdered { .. } => "cancel_ordered",
            Self::StoodDown { .. } => "stood_down",
            Self::Permitted { .. } => "permitted",
            Self::CameBack { .. } => "came_back",
            Self::ConfirmOrdered { .. } => "confirm_ordered",
            Self::Confirmed => "confirmed",
            Self::Rebooted { .. } => "rebooted",
            Self::Redated { .. } => "redated",
            Self::Failed { .. } => "failed",
            Self::Lost => "lost",
            Self::Excluded { .. } => "excluded",
            Self::Retried { .. } => "retried",
        }
    }
}
