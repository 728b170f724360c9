//! What really happened to the simulated hosts. Nothing here comes from the controller.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use wavegate_common::{HostId, KernelRelease};
use wavegate_simfleet::{HostProfile, Tally, Truth};

use super::recipe::RACK_BUDGET;

/// Ground truth over all hosts of a demo, shared by the tasks that drive them.
#[derive(Debug)]
pub(super) struct Ground {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    tally: Tally,
    target: KernelRelease,
    running: BTreeMap<HostId, KernelRelease>,
    exposed: BTreeSet<HostId>,
    harmed: BTreeSet<HostId>,
    violations: Vec<String>,
    /// Since when nothing may begin.
    paused: Option<Instant>,
}

/// A permit lives 5 s; the rest is this machine being busy.
const AFTER_PAUSE: Duration = Duration::from_secs(8);

/// The sums at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) on_target: u64,
    pub(super) exposed: u64,
    pub(super) harmed: u64,
    pub(super) commanded_reboots: u64,
    pub(super) duplicate_reboots: u64,
    pub(super) max_down_by_domain: BTreeMap<String, u64>,
    pub(super) violations: Vec<String>,
}

impl Ground {
    /// Nothing has happened; `target` is the kernel that is rolled out.
    pub(super) fn new(target: KernelRelease, domain_keys: &[String]) -> Self {
        let inner = Inner {
            tally: Tally::new(domain_keys),
            target,
            running: BTreeMap::new(),
            exposed: BTreeSet::new(),
            harmed: BTreeSet::new(),
            violations: Vec::new(),
            paused: None,
        };
        Self { inner: Mutex::new(inner) }
    }

    /// Takes in what happened on a host.
    pub(super) fn record(&self, host: &HostProfile, truth: &Truth) {
        self.lock().record(host, truth);
    }

    /// The rollout was seen paused: no reboot may begin more than the life of a permit later.
    pub(super) fn pause_seen(&self, at: Instant) {
        self.lock().paused = Some(at);
    }

    /// From here on people may let it go on.
    pub(super) fn pause_over(&self) {
        self.lock().paused = None;
    }

    /// The sums so far.
    pub(super) fn sums(&self) -> Sums {
        self.lock().sums()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Counting never panics half way, so what a poisoned lock guards is whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn record(&mut self, host: &HostProfile, truth: &Truth) {
        self.tally.record(host, truth);
        match truth {
            Truth::Booted { kernel, wanted, .. } => {
                let fell_back = self.exposed.contains(&host.id) && *kernel == host.kernel;
                let went_astray = wanted.as_ref().is_some_and(|wanted| wanted != kernel);
                let sent_back = wanted.as_ref() == Some(kernel);
                if (fell_back && !sent_back) || went_astray {
                    self.harmed.insert(host.id);
                }
                if *kernel == self.target {
                    self.exposed.insert(host.id);
                }
                self.running.insert(host.id, kernel.clone());
            }
            Truth::Hangs { kernel } => {
                if *kernel == self.target {
                    self.exposed.insert(host.id);
                }
                self.harmed.insert(host.id);
                self.running.remove(&host.id);
            }
            Truth::Reverted { .. } => {
                self.harmed.insert(host.id);
            }
            Truth::Switched { .. } => {
                if let Some(since) = self.paused.map(|paused| paused.elapsed())
                    && since > AFTER_PAUSE
                {
                    let text = format!("{} left its boot {since:?} after the pause", host.name);
                    self.violations.push(text);
                }
            }
            Truth::Down { .. } => {
                self.running.remove(&host.id);
            }
            _ => {}
        }
    }

    fn sums(&self) -> Sums {
        let max_down: BTreeMap<String, u64> = self
            .tally
            .max_down_by_domain()
            .iter()
            .map(|(domain, most)| (domain.to_string(), *most))
            .collect();
        let mut violations = self.violations.clone();
        for (domain, most) in &max_down {
            if domain.starts_with("rack=") && *most > RACK_BUDGET {
                violations.push(format!(
                    "{most} hosts of {domain} were down at once, {RACK_BUDGET} are allowed"
                ));
            }
        }
        let duplicate_reboots = self.tally.duplicate_reboots();
        if duplicate_reboots > 0 {
            violations.push(format!("{duplicate_reboots} reboots were carried out twice"));
        }
        Sums {
            on_target: self.running.values().filter(|kernel| **kernel == self.target).count()
                as u64,
            exposed: self.exposed.len() as u64,
            harmed: self.harmed.len() as u64,
            commanded_reboots: self.tally.commanded_reboots(),
            duplicate_reboots,
            max_down_by_domain: max_down,
            violations,
        }
    }
}

#[cfg(test)]
mod tests {
    use wavegate_common::{BootId, CommandId};
    use wavegate_simfleet::Fleet;

    use super::*;

    fn booted(kernel: &str, wanted: Option<&str>) -> Truth {
        Truth::Booted {
            boot: BootId(1),
            kernel: kernel.into(),
            by: wanted.map(|_| CommandId(1)),
            wanted: wanted.map(Into::into),
        }
    }

    fn ground() -> (Ground, Vec<HostProfile>) {
        let keys = ["rack".to_owned()];
        (Ground::new("new".into(), &keys), Fleet::demo(24, 1).profiles)
    }

    #[test]
    fn tells_harm_from_success() {
        let (ground, hosts) = ground();
        let old = hosts[0].kernel.to_string();
        for host in &hosts {
            ground.record(host, &booted(&old, None));
        }
        ground.record(&hosts[0], &booted("new", Some("new")));
        ground.record(&hosts[1], &booted("new", Some("new")));
        ground.record(&hosts[1], &booted(&old, None)); // fell back after a crash
        ground.record(&hosts[2], &booted(&old, Some("new"))); // the wrong kernel
        ground.record(&hosts[3], &Truth::Hangs { kernel: "new".into() });
        let sums = ground.sums();
        assert_eq!((sums.on_target, sums.exposed, sums.harmed), (1, 3, 3));
        assert!(sums.violations.is_empty());
    }

    #[test]
    fn going_back_by_order_harms_nobody() {
        let (ground, hosts) = ground();
        let old = hosts[0].kernel.to_string();
        ground.record(&hosts[0], &booted("new", Some("new")));
        ground.record(&hosts[0], &booted(&old, Some(&old)));
        assert_eq!(ground.sums().harmed, 0);
    }

    #[test]
    fn too_many_away_in_a_rack_is_a_violation() {
        let (ground, hosts) = ground();
        for host in &hosts[..4] {
            ground.record(host, &Truth::Away);
        }
        let sums = ground.sums();
        assert_eq!(sums.max_down_by_domain["rack=ams-r01"], 4);
        assert_eq!(sums.violations.len(), 1, "{:?}", sums.violations);
    }
}
