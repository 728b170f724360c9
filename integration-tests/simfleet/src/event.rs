//! What happens to a simulated host, and what it does to the world.

use std::sync::Arc;

use wavegate_common::{
    BootId, BootMethod, CommandId, ControllerMessage, Generation, HealthState, HostReport,
    KernelRelease, Millis, PermitRequest, RolloutId,
};

use crate::timing::Moment;

/// What happens to a host from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostEvent {
    /// Somebody presses the power button: a host that is down boots, one that runs is reset.
    PowerOn,
    /// It goes down unasked and boots again: power, panic, a person.
    Crash,
    /// The agent dies and is started again after a while.
    AgentCrash,
    /// Something came from the controller.
    Receive(Box<ControllerMessage>),
    /// A time it asked for has come. Times of an agent or boot that is gone do nothing.
    Timer(Timer),
    /// The wall clock jumps by so many milliseconds.
    ClockJump(i64),
    /// Something about the host changes.
    Fault(Fault),
}

/// What may be wrong with a host. Each replaces what was said before under the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Its checks fail, whatever it runs; none mends it.
    Unhealthy(Option<String>),
    /// Reasons not to reboot, as the agent's guard would find them.
    Guard(Vec<String>),
    /// Risky divergences from the declared configuration.
    Drift(Vec<String>),
    /// Drain hooks ask to be tried later, with these words; none mends it.
    DrainBusy(Option<String>),
    /// Drain hooks fail, with these words; none mends it.
    DrainFails(Option<String>),
    /// Kernels cannot be put onto it, with these words; none mends it.
    StageFails(Option<String>),
    /// The disk of the ledger is full.
    DiskFull(bool),
    /// Somebody puts an empty ledger in the place of the old one, and brings the workload back: the
    /// agent cannot know of it any more.
    NewLedger,
    /// A byte in the middle of the ledger goes bad; the agent notices when it reads it next.
    RotLedger,
    /// The next time the agent starts, its first look around takes this long.
    BlindStart(Millis),
    /// The firmware cannot clear a one-shot boot entry (a GRUB environment block that it cannot
    /// write, a full NVRAM): the next so many times it takes one, the entry stays set.
    StickyEntry(u32),
    /// The agent dies while it writes its next ledger record: this share of the record, in
    /// percent, is on the disk. At 100 it is whole and only what should follow is lost.
    TearNextAppend(u8),
}

/// A time that a host asked for. Only hosts make them; hand them back when they are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    pub(crate) what: Due,
    /// Which boot, or which run of the agent, it belongs to.
    pub(crate) of: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// The kernel is up.
    BootDone,
    /// The kernel that is booting gives up and the machine resets.
    BootFailed,
    /// Services have stopped: the machine leaves.
    ShutDown,
    /// The kernel panics, as it does in a crash loop.
    Panic,
    AgentStart,
    FirstChecks,
    FirstLook,
    Look,
    Tick,
    Staged,
    Drained,
    Undrained,
    Armed,
    Disarmed,
    Confirmed,
}

/// What a host does to the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostOutput {
    /// The agent runs and may connect.
    AgentUp,
    /// The agent is gone, and its connection with it.
    AgentDown,
    /// The agent's current report; it replaces the one before.
    Report(Arc<HostReport>),
    /// The agent asks; lost if the connection is down.
    Permit(PermitRequest),
    /// Hand this timer back at this moment, as [`HostEvent::Timer`].
    At(Moment, Timer),
    /// What really happened, for whoever judges; no program of the system sees it.
    Truth(Truth),
}

/// What really happened on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Truth {
    /// The agent accepted an order: the ledger says so.
    Accepted {
        /// The order.
        command: CommandId,
        /// Of which rollout.
        rollout: RolloutId,
    },
    /// The agent raised the generation below which it refuses.
    Generation(Generation),
    /// The kernel is on the host.
    Installed(KernelRelease),
    /// What its checks say from now on.
    Checks(HealthState),
    /// The workload goes away, by our doing.
    Away,
    /// The workload is back.
    Back,
    /// The ledger holds the intent to leave the boot.
    Intended {
        /// The order.
        command: CommandId,
    },
    /// The ledger holds the intent to go back.
    RevertIntended {
        /// The order.
        command: CommandId,
    },
    /// The agent let go: the machine leaves its boot by our order.
    Switched {
        /// The order.
        command: CommandId,
        /// The boot it leaves.
        from: BootId,
        /// How.
        method: BootMethod,
        /// To which kernel.
        kernel: KernelRelease,
        /// Whether this very order made it leave a boot before.
        again: bool,
        /// Whether the ledger holds the intent.
        written: bool,
    },
    /// The agent went back by itself.
    Reverted {
        /// The order.
        command: CommandId,
    },
    /// The machine is down.
    Down {
        /// In words.
        why: &'static str,
    },
    /// A kernel runs.
    Booted {
        /// The new boot.
        boot: BootId,
        /// What runs.
        kernel: KernelRelease,
        /// What it left before it, if it was switched by an order.
        by: Option<CommandId>,
        /// The kernel of that order.
        wanted: Option<KernelRelease>,
    },
    /// It did not come up and never will by itself.
    Hangs {
        /// What it tried to boot.
        kernel: KernelRelease,
    },
    /// The kernel is the default now.
    Defaulted(KernelRelease),
    /// The agent started; whether its ledger could be read whole.
    AgentStarted {
        /// A hole was found.
        damaged: bool,
    },
    /// The agent is gone.
    AgentStopped,
    /// What the agent wrote into its log.
    Said(String),
}
