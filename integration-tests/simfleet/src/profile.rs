//! What one simulated machine is.

use wavegate_agent::machine::MachineConfig;
use wavegate_common::{Facts, HostClass, HostId, KernelRelease, Labels};

use crate::timing::Timing;

/// What one simulated machine is, before anything happens to it.
#[derive(Debug, Clone)]
pub struct HostProfile {
    /// Its identity. Where real certificates are used, the one that follows from its key.
    pub id: HostId,
    /// Its label for people.
    pub name: String,
    /// Labels of the agent's configuration.
    pub labels: Labels,
    /// Its hardware.
    pub facts: Facts,
    /// The label that names the workload in the class.
    pub workload_key: String,
    /// The kernel it runs and boots by default.
    pub kernel: KernelRelease,
    /// Why kexec is not possible; empty if it is.
    pub no_kexec: Vec<String>,
    /// How long things take.
    pub timing: Timing,
    /// The agent's configuration.
    pub config: MachineConfig,
    /// How wrong its wall clock is, in milliseconds.
    pub clock_offset: i64,
}

impl HostProfile {
    /// Its class, as a controller with the same workload key will name it.
    #[must_use]
    pub fn class(&self) -> HostClass {
        self.facts.class(self.labels.get(&self.workload_key).map(String::as_str))
    }
}
