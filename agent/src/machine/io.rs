//! What goes into the machine and what comes out.
//!
//! The shell carries effects out strictly in order. `Effect::Append` is durable (fsync) before
//! the next effect begins; if it fails, the shell drops the rest of the batch and feeds
//! `Input::LedgerFailed`.

use wavegate_common::{
    BootCause, BootId, BootMethod, BootOrder, Command, CommandId, Health, KernelRelease, Millis,
    PermitAnswer, PermitRequest, Release, Timestamp,
};

use super::record::Record;

/// The clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// CLOCK_BOOTTIME: never goes back within a boot, counts suspend. Every limit is measured
    /// on it.
    pub boottime: Millis,
    /// The wall clock: for people only.
    pub wall: Timestamp,
}

/// What the shell knows when it starts the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The running boot.
    pub boot_id: BootId,
    /// What `uname -r` says.
    pub kernel: KernelRelease,
    /// How it was started, from what the boot loader left behind, if that can be told.
    pub started_by: Option<BootMethod>,
    /// What the shell found out about the end of the previous boot (pstore, watchdog, wtmp)
    /// without the ledger. `Unknown` if nothing.
    pub evidence: BootCause,
    /// What the ledger holds, oldest first: the longest prefix that reads back whole.
    pub ledger: Vec<Record>,
    /// A hole in the ledger was found: report, but do not act until a person looked.
    pub ledger_damaged: bool,
    /// Anything that differs between starts, so that nonces do too.
    pub nonce_seed: u64,
}

/// Things on this host that the machine must take into account, read afresh by the shell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// Kernels that could be booted, sorted.
    pub installed: Vec<KernelRelease>,
    /// The kernel of the default boot entry.
    pub default_kernel: Option<KernelRelease>,
    /// Reasons of this moment not to reboot: hold file, inhibitor, degraded array, full /boot.
    pub guard: Vec<String>,
    /// Why kexec is impossible; empty if it is possible.
    pub no_kexec: Vec<String>,
    /// Outcome of the checks.
    pub health: Health,
}

/// What happens to the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Time went by. Comes at least once a second while an order is open.
    Tick,
    /// The shell looked around. Comes after the start before anything else, and then at least
    /// every half minute even if nothing changed: what was seen five minutes ago proves no
    /// kernel, and an order to change kernels waits for the first look.
    Surroundings(Box<Surroundings>),
    /// An order came.
    Command(Box<Command>),
    /// The answer to a permit request came.
    Permit(PermitAnswer),
    /// An effect that takes time is done.
    Done(Done),
    /// The ledger could not be written: nothing irreversible may begin.
    LedgerFailed(String),
}

/// What came of an effect that takes time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// Of `Effect::Stage`.
    Staged(Result<(), String>),
    /// Of `Effect::Drain`.
    Drained(DrainOutcome),
    /// Of `Effect::Undrain`.
    Undrained(Result<(), String>),
    /// Of `Effect::Arm`; says how it will really boot (`Auto` has been resolved).
    Armed(Result<BootMethod, String>),
    /// Of `Effect::Disarm`.
    Disarmed(Result<(), String>),
    /// Of `Effect::Switch` and `Effect::Revert`, only if the machine did not go down.
    SwitchFailed(String),
    /// Of `Effect::Confirm`.
    Confirmed(Result<(), String>),
}

/// What came of the drain hooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DrainOutcome {
    /// The workload is away.
    Drained,
    /// A hook asked to be tried later (exit status 75).
    TryLater(String),
    /// A hook failed.
    Failed(String),
}

/// What the shell must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Write this down, durably, before anything that follows.
    Append(Record),
    /// Get the kernel onto the host, pin the default boot entry to the proven one.
    Stage(Release),
    /// Run the drain hooks.
    Drain {
        /// In all.
        timeout: Millis,
    },
    /// Run the undrain hooks.
    Undrain,
    /// Load the kernel for kexec, or arm a one-shot boot entry.
    Arm(BootOrder),
    /// Undo `Arm`.
    Disarm,
    /// Ask.
    AskPermit(PermitRequest),
    /// Leave this boot, now. The last effect of its batch.
    Switch {
        /// For which order.
        command: CommandId,
        /// How.
        method: BootMethod,
        /// To which kernel.
        kernel: KernelRelease,
    },
    /// Make this kernel the default boot entry and read it back.
    Confirm(KernelRelease),
    /// Go back: the new kernel did not pass its checks in time. Reboots into the default entry,
    /// which is still the proven kernel.
    Revert {
        /// For which order.
        command: CommandId,
    },
    /// The host's state changed: send a report soon.
    Report,
    /// Something a person should find in the log.
    Log(String),
}
