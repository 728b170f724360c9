//! What goes wrong in a demo, and on which hosts. Everything follows from the seed.

use std::time::Duration;

use super::measures::Disks;
use clap::ValueEnum;
use wavegate_common::order::stable_hash;
use wavegate_common::{HostClass, KernelRelease, Millis};
use wavegate_simfleet::{HostProfile, KernelBehaviour, Physics, Span, Timing};

/// A story to watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Scenario {
    /// Nothing goes wrong: every host is updated
    Healthy,
    /// Hosts of one class never come back
    #[default]
    BootHang,
    /// Hosts of one class come up and panic, over and over
    CrashLoop,
    /// Boot loaders of one class start the old kernel
    WrongKernel,
    /// One rack is cut off for a while
    RackPartition,
    /// The controller is killed at ten moments
    ControllerCrash,
    /// Slow reads take 18 % longer on one class, and nothing else is wrong
    SlowDisk,
    /// Disks are slow at random, whatever the kernel: nothing is wrong with it
    NoisyNeighbour,
}

/// How often [`Scenario::ControllerCrash`] kills it.
pub(super) const KILLS: u64 = 10;
/// How long [`Scenario::RackPartition`] cuts a rack off: long enough for the controller to see it.
pub(super) const CUT: Duration = Duration::from_secs(10);
/// How long hosts of the bad class take to come back, if they do. All other canaries are through
/// by then, so that what the rollout has reached when it stops does not depend on how busy this
/// machine is.
const SLOW_BOOT: Millis = Millis::secs(20);
/// Two boots have to fit for a host that crashes and falls back.
const CRASH_BOOT: Millis = Millis::secs(10);
/// Uptime at which a kernel in a crash loop panics: before its checks have passed.
const CRASH_AFTER: Millis = Millis(700);

impl Scenario {
    /// Its name, as on the command line and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::BootHang => "boot-hang",
            Self::CrashLoop => "crash-loop",
            Self::WrongKernel => "wrong-kernel",
            Self::RackPartition => "rack-partition",
            Self::ControllerCrash => "controller-crash",
            Self::SlowDisk => "slow-disk",
            Self::NoisyNeighbour => "noisy-neighbour",
        }
    }

    /// What it is about, for the head of the screen.
    #[must_use]
    pub fn says(self) -> &'static str {
        match self {
            Self::Healthy => "the kernel is good: every host should end up on it",
            Self::BootHang => "one class of hosts will never come back from the new kernel",
            Self::CrashLoop => "one class of hosts will panic on the new kernel, again and again",
            Self::WrongKernel => "the boot loader of one class will start the old kernel instead",
            Self::RackPartition => "one rack will be cut off from the network for a while",
            Self::ControllerCrash => "the controller will be killed ten times (SIGKILL)",
            Self::SlowDisk => "slow reads of one class will take 18 % longer on the new kernel",
            Self::NoisyNeighbour => "disks will be slow now and then, whatever kernel runs",
        }
    }

    fn behaviour(self) -> Option<KernelBehaviour> {
        match self {
            Self::BootHang => Some(KernelBehaviour::HangsAtBoot),
            Self::CrashLoop => Some(KernelBehaviour::CrashLoop { after: CRASH_AFTER }),
            Self::WrongKernel => Some(KernelBehaviour::WrongKernel),
            Self::Healthy
            | Self::RackPartition
            | Self::ControllerCrash
            | Self::SlowDisk
            | Self::NoisyNeighbour => None,
        }
    }

    /// Chooses the class on which the kernel is bad, slows its boots, and says what kernels do.
    pub(super) fn prepare(
        self,
        profiles: &mut [HostProfile],
        kernel: &KernelRelease,
        seed: u64,
    ) -> (Physics, Option<HostClass>) {
        let Some(behaviour) = self.behaviour() else { return (Physics::healthy(), None) };
        let mut classes: Vec<HostClass> = profiles.iter().map(HostProfile::class).collect();
        classes.sort();
        classes.dedup();
        let Some(class) = pick(&classes, seed, 1).cloned() else {
            return (Physics::healthy(), None);
        };
        let boot = if self == Self::CrashLoop { CRASH_BOOT } else { SLOW_BOOT };
        let span = Span { min: boot, max: boot };
        for profile in profiles.iter_mut().filter(|profile| profile.class() == class) {
            profile.timing = Timing { kexec: span, firmware: span, ..profile.timing };
        }
        (Physics::healthy().with(kernel, Some(&class), behaviour), Some(class))
    }

    /// What disks are like, where hosts measure them and the gate compares them.
    pub(super) fn disks(
        self,
        profiles: &[HostProfile],
        kernel: &KernelRelease,
        seed: u64,
    ) -> Option<Disks> {
        match self {
            Self::NoisyNeighbour => Some(Disks::Noisy),
            Self::SlowDisk => {
                let mut classes: Vec<HostClass> = profiles.iter().map(HostProfile::class).collect();
                classes.sort();
                classes.dedup();
                let class = pick(&classes, seed, 4)?.clone();
                Some(Disks::Slower { class, kernel: kernel.clone() })
            }
            _ => None,
        }
    }

    /// The rack that is cut off, if one is.
    pub(super) fn rack(self, profiles: &[HostProfile], seed: u64) -> Option<String> {
        if self != Self::RackPartition {
            return None;
        }
        let mut racks: Vec<&String> =
            profiles.iter().filter_map(|profile| profile.labels.get("rack")).collect();
        racks.sort();
        racks.dedup();
        pick(&racks, seed, 2).map(|rack| (*rack).clone())
    }

    /// How long to wait before each kill of the controller, from the moment it is back.
    pub(super) fn kills(self, seed: u64) -> Vec<Duration> {
        if self != Self::ControllerCrash {
            return Vec::new();
        }
        (0..KILLS)
            .map(|n| Duration::from_millis(700 + stable_hash(seed, &[3, u128::from(n)]) % 3_300))
            .collect()
    }
}

fn pick<T>(from: &[T], seed: u64, salt: u128) -> Option<&T> {
    let hash = stable_hash(seed, &[salt]);
    from.get(usize::try_from(hash % (from.len().max(1) as u64)).ok()?)
}

#[cfg(test)]
mod tests {
    use wavegate_simfleet::Fleet;

    use super::*;

    #[test]
    fn the_seed_chooses_the_class() {
        let kernel = KernelRelease::from("6.1.0-56-amd64");
        let class = |seed| {
            let mut fleet = Fleet::demo(240, 1);
            Scenario::BootHang.prepare(&mut fleet.profiles, &kernel, seed).1.unwrap()
        };
        assert_eq!(class(7), class(7));
        let classes: std::collections::BTreeSet<HostClass> = (0..40).map(class).collect();
        assert!(classes.len() > 6, "{classes:?}");
    }

    #[test]
    fn a_crash_comes_before_the_checks_are_through() {
        assert!(CRASH_AFTER < super::super::recipe::SOAK);
        assert!(Millis(2 * CRASH_BOOT.0) < super::super::recipe::BOOT_LIMIT);
        assert!(SLOW_BOOT < super::super::recipe::BOOT_LIMIT);
    }

    #[test]
    fn kills_follow_from_the_seed() {
        let kills = Scenario::ControllerCrash.kills(5);
        assert_eq!(kills.len(), 10);
        assert_eq!(kills, Scenario::ControllerCrash.kills(5));
        assert_ne!(kills, Scenario::ControllerCrash.kills(6));
        assert!(Scenario::Healthy.kills(5).is_empty());
    }
}
