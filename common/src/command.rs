//! Orders, permits, and what came of them.

use serde::{Deserialize, Serialize};

use crate::host::BootMethod;
use crate::id::{BootId, CommandId, Generation, HostId, Nonce, RolloutId};
use crate::kernel::{KernelRelease, Release};
use crate::time::Millis;

/// Which kernel to boot, and how.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BootOrder {
    /// The kernel to reach.
    pub release: Release,
    /// How to switch.
    pub method: BootMethod,
    /// How long drain hooks may take in all.
    pub drain_timeout: Millis,
    /// How long the host may run the new kernel without passing its checks before it goes back
    /// by itself.
    pub verify_timeout: Millis,
    /// How long every check must have passed on the new kernel before it counts as verified.
    pub soak: Millis,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Get the kernel onto the host and pin the default boot entry to the proven one.
    Stage {
        /// The kernel.
        release: Release,
    },
    /// Drain, arm, ask for the permit, switch, verify.
    Activate(BootOrder),
    /// Make the running kernel the default and bring the workload back.
    Confirm {
        /// The kernel that must be running.
        kernel: KernelRelease,
    },
    /// Give up whatever is not irreversible yet: disarm, bring the workload back.
    Cancel,
}

/// What must be true on the host for an order to be legal. The agent checks it when the order
/// arrives and again right before it acts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Precondition {
    /// The boot the planner saw.
    pub boot_id: BootId,
    /// The kernel the planner saw running.
    pub running: KernelRelease,
    /// How long after it arrives the order may be begun, on CLOCK_BOOTTIME.
    pub ttl: Millis,
}

/// An order to one host. Sent until facts show what came of it; a second copy does nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Command {
    /// Same order, same id.
    pub id: CommandId,
    /// To whom.
    pub host: HostId,
    /// Of which rollout.
    pub rollout: RolloutId,
    /// Of which plan. A host refuses orders of a lower generation than the highest it has seen.
    pub generation: Generation,
    /// What must be true.
    pub precondition: Precondition,
    /// What to do.
    pub action: Action,
}

/// What facts say of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It is done.
    Done,
    /// The host works on it.
    InProgress,
    /// It cannot become true any more.
    Impossible(String),
    /// The facts do not tell.
    Unknown,
}

/// The last question before an irreversible step.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PermitRequest {
    /// Who asks. On the wire this comes from the certificate.
    pub host: HostId,
    /// The order to be carried out.
    pub command: CommandId,
    /// Made by the agent for this request alone.
    pub nonce: Nonce,
    /// The boot in which the step would be taken.
    pub boot_id: BootId,
}

/// Why a permit was not given. The agent keeps the host as it is and asks again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Denied {
    /// The rollout does not move now.
    Paused,
    /// No order of that id is open for this host.
    UnknownCommand,
    /// The boot id is not the one that the order is for.
    OtherBoot,
    /// A budget, a window or a domain does not allow it any more.
    NotNow(String),
    /// One permit was given for this order already, and the host has not answered for it.
    AlreadyGranted,
}

/// Yes or no.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PermitDecision {
    /// Yes, if the step begins within this span of the *request*, on CLOCK_BOOTTIME.
    Granted {
        /// 5 s unless configured lower.
        valid_for: Millis,
    },
    /// No.
    Denied(Denied),
}

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PermitAnswer {
    /// For whom.
    pub host: HostId,
    /// For which order.
    pub command: CommandId,
    /// The nonce of the request.
    pub nonce: Nonce,
    /// The boot of the request.
    pub boot_id: BootId,
    /// Yes or no.
    pub decision: PermitDecision,
}

/// The longest a permit may live, on CLOCK_BOOTTIME, from the moment it was asked for.
pub const PERMIT_LIFE: Millis = Millis::secs(5);
