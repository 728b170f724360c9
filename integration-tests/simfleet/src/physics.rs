//! What a kernel does to which hosts: data, not code.

use wavegate_common::order::stable_hash;
use wavegate_common::{HostClass, HostId, KernelRelease, Millis};

/// What happens when a host boots a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KernelBehaviour {
    /// It comes up and works.
    #[default]
    Healthy,
    /// It never comes up; only the power button helps.
    HangsAtBoot,
    /// It hangs, until the watchdog resets the machine.
    HangThenWatchdog {
        /// How long after the boot began.
        after: Millis,
    },
    /// It panics early and the machine resets by itself.
    Panics,
    /// It comes up, works, and panics after a while, every time.
    CrashLoop {
        /// Uptime at the panic.
        after: Millis,
    },
    /// The boot loader starts the default kernel instead.
    WrongKernel,
    /// It comes up, but late.
    Slow {
        /// On top of the usual time.
        by: Millis,
    },
    /// It comes up and the host's checks fail.
    BadHealth,
}

/// One line of [`Physics`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Which kernel.
    pub kernel: KernelRelease,
    /// On which class; on every one if absent.
    pub class: Option<HostClass>,
    /// Which share of those hosts, in millionths; which ones follows from their ids.
    pub share_ppm: u32,
    /// What it does there.
    pub behaviour: KernelBehaviour,
}

/// What kernels do. The first rule that fits a host decides; without one a kernel is healthy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Physics {
    /// In the order in which they are tried.
    pub rules: Vec<Rule>,
}

impl Physics {
    /// Every kernel is healthy everywhere.
    #[must_use]
    pub fn healthy() -> Self {
        Self::default()
    }

    /// Adds a rule for all hosts of a class, or all hosts.
    #[must_use]
    pub fn with(
        mut self,
        kernel: &KernelRelease,
        class: Option<&HostClass>,
        behaviour: KernelBehaviour,
    ) -> Self {
        let rule =
            Rule { kernel: kernel.clone(), class: class.cloned(), share_ppm: 1_000_000, behaviour };
        self.rules.push(rule);
        self
    }

    /// What this kernel does on this host.
    #[must_use]
    pub fn behaviour(
        &self,
        kernel: &KernelRelease,
        class: &HostClass,
        host: HostId,
    ) -> KernelBehaviour {
        let fits = |rule: &&Rule| {
            rule.kernel == *kernel
                && rule.class.as_ref().is_none_or(|wanted| wanted == class)
                && stable_hash(17, &[host.0]) % 1_000_000 < u64::from(rule.share_ppm)
        };
        self.rules.iter().find(fits).map_or(KernelBehaviour::Healthy, |rule| rule.behaviour)
    }
}
