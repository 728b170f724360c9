//! Switches that take one guard away, so that a test can show that the guard is needed.
//!
//! Without the feature `sabotage` every guard is on, and the compiler knows it. Each guard is
//! consulted in exactly one place.

macro_rules! guards {
    ($( $(#[$doc:meta])* $name:ident = $text:literal ),* $(,)?) => {
        /// One thing that keeps the machine from doing harm.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Guard {
            $( $(#[$doc])* $name ),*
        }

        impl Guard {
            /// Every guard there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The guard as lower-case words with hyphens.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Self::$name => $text ),* }
            }
        }
    };
}

guards! {
    /// An order is for the running boot.
    BootIdPrecondition = "boot-id-precondition",
    /// An order is for the running kernel.
    RunningKernelPrecondition = "running-kernel-precondition",
    /// Orders of a lower generation than the highest seen are refused.
    GenerationFence = "generation-fence",
    /// An order that waited too long is not begun.
    OrderTtl = "order-ttl",
    /// One order at a time.
    OneOrderAtATime = "one-order-at-a-time",
    /// A permit dies with its life span.
    PermitExpiry = "permit-expiry",
    /// A permit answers the question that is open, and no other.
    PermitNonce = "permit-nonce",
    /// A permit is for this host, this boot and this order.
    PermitIdentity = "permit-identity",
    /// The ledger holds the intent before the machine goes down.
    LedgerBeforeAct = "ledger-before-act",
    /// An order leads to at most one switch, over restarts of the agent.
    OneSwitchPerCommand = "one-switch-per-command",
    /// At most one reboot by order within the configured gap.
    LocalRebootRate = "local-reboot-rate",
    /// Reasons on the host itself (hold file, inhibitor, degraded array) are respected.
    LocalReasons = "local-reasons",
    /// Nothing begins on a ledger that has a hole or cannot be written.
    SoundLedger = "sound-ledger",
    /// Waiting for drain hooks or a permit ends at the drain timeout.
    DrainDeadline = "drain-deadline",
    /// A new kernel is verified only after it was healthy for the whole soak.
    Soak = "soak",
    /// Only a verified kernel becomes the default.
    ConfirmVerified = "confirm-verified",
    /// The agent goes back by itself at most once.
    RevertOnce = "revert-once",
}

#[cfg(not(feature = "sabotage"))]
#[inline(always)]
pub(super) const fn on(_guard: Guard) -> bool {
    true
}

#[cfg(feature = "sabotage")]
mod switch {
    use std::cell::Cell;

    use super::Guard;

    thread_local! {
        static DISABLED: Cell<Option<Guard>> = const { Cell::new(None) };
    }

    /// Takes one guard away from every machine that runs on this thread; `None` puts it back.
    pub fn set_disabled(guard: Option<Guard>) {
        DISABLED.with(|cell| cell.set(guard));
    }

    pub(in crate::machine) fn on(guard: Guard) -> bool {
        DISABLED.with(Cell::get) != Some(guard)
    }
}

#[cfg(feature = "sabotage")]
pub(super) use switch::on;
#[cfg(feature = "sabotage")]
pub use switch::set_disabled;
