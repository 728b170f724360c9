//! What really happened to a fleet, counted.

use std::collections::{BTreeMap, BTreeSet};

use wavegate_common::{CommandId, FailureDomain, HostId, KernelRelease};

use crate::event::Truth;
use crate::profile::HostProfile;

/// Ground truth over all hosts: fed with every [`Truth`], asked at the end.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    domain_keys: Vec<String>,
    exposed: BTreeSet<HostId>,
    harmed: BTreeSet<HostId>,
    commanded: u64,
    duplicate: u64,
    away: BTreeSet<HostId>,
    away_by_domain: BTreeMap<FailureDomain, u64>,
    worst_by_domain: BTreeMap<FailureDomain, u64>,
    switched_to: BTreeMap<CommandId, KernelRelease>,
}

impl Tally {
    /// Counts by the failure domains that these labels name.
    #[must_use]
    pub fn new(domain_keys: &[String]) -> Self {
        Self { domain_keys: domain_keys.to_vec(), ..Self::default() }
    }

    /// Takes in what happened on a host.
    pub fn record(&mut self, host: &HostProfile, truth: &Truth) {
        match truth {
            Truth::Switched { command, kernel, again, .. } => {
                self.commanded += 1;
                self.duplicate += u64::from(*again);
                self.switched_to.insert(*command, kernel.clone());
            }
            Truth::Booted { kernel, wanted, .. } => {
                if *kernel != host.kernel {
                    self.exposed.insert(host.id);
                }
                if wanted.as_ref().is_some_and(|wanted| wanted != kernel) {
                    self.harmed.insert(host.id);
                }
            }
            Truth::Hangs { kernel } => {
                if *kernel != host.kernel {
                    self.exposed.insert(host.id);
                }
                self.harmed.insert(host.id);
            }
            Truth::Reverted { .. } => {
                self.harmed.insert(host.id);
            }
            Truth::Away => self.set_away(host, true),
            Truth::Back => self.set_away(host, false),
            _ => {}
        }
    }

    fn set_away(&mut self, host: &HostProfile, away: bool) {
        let changed = if away { self.away.insert(host.id) } else { self.away.remove(&host.id) };
        if !changed {
            return;
        }
        for key in &self.domain_keys {
            let Some(value) = host.labels.get(key) else { continue };
            let domain = FailureDomain { key: key.clone(), value: value.clone() };
            let now = self.away_by_domain.entry(domain.clone()).or_default();
            *now = if away { *now + 1 } else { now.saturating_sub(1) };
            let worst = self.worst_by_domain.entry(domain).or_default();
            *worst = (*worst).max(*now);
        }
    }

    /// Hosts that booted, or tried to boot, another kernel than they had at first.
    #[must_use]
    pub fn exposed_hosts(&self) -> u64 {
        self.exposed.len() as u64
    }

    /// Hosts that a switch by order did not bring to the kernel of the order, or that had to go
    /// back.
    #[must_use]
    pub fn harmed_hosts(&self) -> u64 {
        self.harmed.len() as u64
    }

    /// Boots left by order.
    #[must_use]
    pub fn commanded_reboots(&self) -> u64 {
        self.commanded
    }

    /// Of them, by an order that had taken a host down before.
    #[must_use]
    pub fn duplicate_reboots(&self) -> u64 {
        self.duplicate
    }

    /// How many hosts of a failure domain are away by our doing now.
    #[must_use]
    pub fn away_in(&self, domain: &FailureDomain) -> u64 {
        self.away_by_domain.get(domain).copied().unwrap_or(0)
    }

    /// Per failure domain, the most that were ever away by our doing at once.
    #[must_use]
    pub fn max_down_by_domain(&self) -> &BTreeMap<FailureDomain, u64> {
        &self.worst_by_domain
    }
}
