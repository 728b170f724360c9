//! What an administrator may set about the machine.

use wavegate_common::Millis;

/// Limits of the machine on one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MachineConfig {
    /// At most one reboot by order within this much uptime. Going back to the kernel that the
    /// host came from is always allowed.
    pub min_reboot_gap: Millis,
    /// How long to wait before asking again for a permit that was denied.
    pub permit_retry: Millis,
    /// Report, but never act: a new agent starts like this.
    pub observe_only: bool,
}

impl Default for MachineConfig {
    fn default() -> Self {
        Self {
            min_reboot_gap: Millis::hours(6),
            permit_retry: Millis::secs(2),
            observe_only: false,
        }
    }
}
