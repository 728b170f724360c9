//! What the agent writes down before it acts.

use serde::{Deserialize, Serialize};
use wavegate_common::{
    BootCause, BootId, BootMethod, BootOrder, CommandId, FailStep, Generation, KernelRelease,
    Millis, Release, RolloutId, Timestamp,
};

/// One line of the ledger. The order of records is the history; the last one that matters wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// This boot was seen for the first time.
    Boot {
        /// Which.
        boot_id: BootId,
        /// Its kernel.
        kernel: KernelRelease,
        /// When it came up, by the wall clock.
        at: Timestamp,
    },
    /// An order of this generation was accepted: lower ones are refused from here on.
    Seen {
        /// Which.
        generation: Generation,
    },
    /// An order to change kernels was refused. A late copy of it must not be begun after the
    /// controller has heard so, and given its place to another.
    Refused {
        /// The order.
        command: CommandId,
        /// Its generation: what is older is refused from here on.
        generation: Generation,
    },
    /// An order to stage was accepted.
    StageBegun {
        /// The order.
        command: CommandId,
        /// Of which rollout.
        rollout: RolloutId,
        /// What.
        release: Release,
    },
    /// What came of it.
    StageEnded {
        /// The order.
        command: CommandId,
        /// Nothing, or what went wrong.
        error: Option<String>,
    },
    /// An order to change kernels was accepted; drain follows.
    ActivateBegun {
        /// The order.
        command: CommandId,
        /// Of which rollout.
        rollout: RolloutId,
        /// What.
        order: BootOrder,
        /// The boot it begins in.
        boot_id: BootId,
        /// The kernel it begins on.
        from: KernelRelease,
    },
    /// The point of no return: a permit was given, the machine is about to leave this boot.
    SwitchBegun {
        /// The order.
        command: CommandId,
        /// The boot being left.
        boot_id: BootId,
        /// How.
        method: BootMethod,
        /// On CLOCK_BOOTTIME, for the guard's memory.
        boottime: Millis,
        /// By the wall clock, for the guard's memory.
        at: Timestamp,
    },
    /// Given up before the point of no return.
    Aborted {
        /// The order.
        command: CommandId,
        /// Why.
        reason: String,
    },
    /// The checks passed for the soak time on the new kernel.
    Verified {
        /// The order.
        command: CommandId,
    },
    /// The new kernel was made the default.
    Confirmed {
        /// The order.
        command: CommandId,
        /// Which kernel.
        kernel: KernelRelease,
    },
    /// The agent goes back to the old kernel by itself.
    RevertBegun {
        /// The order.
        command: CommandId,
        /// The boot being left.
        boot_id: BootId,
        /// Why.
        reason: String,
    },
    /// It went wrong and is over.
    Failed {
        /// The order.
        command: CommandId,
        /// At which step.
        step: FailStep,
        /// Why.
        reason: String,
    },
    /// Why the boot recorded last began. Evidence is read once: its sources are emptied.
    Cause {
        /// The boot.
        boot_id: BootId,
        /// Why.
        cause: BootCause,
    },
    /// The boot recorded last has lasted for the whole gap between reboots by order.
    Rested {
        /// The boot.
        boot_id: BootId,
    },
    /// The undrain hooks succeeded: the workload is back.
    Undrained {
        /// The order that had taken it away.
        command: CommandId,
    },
}
