//! What a rollout is while it lives. It changes only through [`crate::apply`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use wavegate_common::order::host_order;
use wavegate_common::spec::Share;
use wavegate_common::{
    Action, BootOrder, Command, Digest, Direction, FailReason, HostClass, HostId, HostPhase,
    KernelRelease, OpenOrder, OrderKind, Precondition, Release, RolloutHost, RolloutId,
    RolloutPhase, RolloutSpec, Timestamp,
};

use crate::event::{Event, HostChange, RolloutChange};

/// A wave as it was cut. The last wave is the holdback if the specification asks for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaveShape {
    /// Cumulative share of the hosts that take part, canaries included.
    pub share: Share,
    /// Whether these hosts are the controls that go last.
    pub holdback: bool,
}

/// A rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// Its number.
    pub id: RolloutId,
    /// What was asked for.
    pub spec: RolloutSpec,
    /// The release that the specification names, as it was registered at that time.
    pub release: Release,
    /// From which canaries and the order of hosts follow.
    pub seed: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// Where it stands.
    pub phase: RolloutPhase,
    /// Its waves; index 0 is the canary stage.
    pub waves: Vec<WaveShape>,
    /// The classes of its hosts; hosts refer to them by index.
    pub classes: Vec<HostClass>,
    /// Classes in which nothing begins, with what went wrong there.
    pub blocked: BTreeMap<u32, String>,
    /// Classes that comparison has found as good as before.
    #[serde(default)]
    pub passed: BTreeSet<u32>,
    /// Classes for which a person answers, whatever the gate's statistics say, with their words.
    #[serde(default)]
    pub accepted: BTreeMap<u32, String>,
    /// Its hosts, sorted by id.
    pub hosts: Vec<RolloutHost>,
    /// Indices of `hosts` in the order in which they go; follows from the rest.
    #[serde(skip)]
    pub order: Vec<u32>,
}

impl Rollout {
    /// Sorts hosts by id and finds the order in which they go. Call it after the fields were
    /// filled from a specification or from the store.
    #[must_use]
    pub fn arranged(mut self) -> Self {
        self.hosts.sort_by_key(|host| host.host);
        let mut keyed: Vec<(u16, u64, u32)> = self
            .hosts
            .iter()
            .zip(0u32..)
            .map(|(host, at)| (host.wave, host_order(self.seed, self.id, host.host), at))
            .collect();
        keyed.sort_unstable();
        self.order = keyed.into_iter().map(|(_, _, at)| at).collect();
        self
    }

    /// One host of it.
    #[must_use]
    pub fn host(&self, id: HostId) -> Option<&RolloutHost> {
        let at = self.hosts.binary_search_by_key(&id, |host| host.host).ok()?;
        self.hosts.get(at)
    }

    /// Whether hosts of a class are in later waves and take part.
    #[must_use]
    pub fn has_hosts_after(&self, class: u32, wave: u16) -> bool {
        let part = |host: &RolloutHost| !matches!(host.phase, HostPhase::Excluded { .. });
        self.hosts.iter().any(|host| host.class == class && host.wave > wave && part(host))
    }

    /// The class of a host.
    #[must_use]
    pub fn class_of(&self, host: &RolloutHost) -> Option<&HostClass> {
        self.classes.get(usize::try_from(host.class).unwrap_or(usize::MAX))
    }

    /// The kernel that a host goes to.
    #[must_use]
    pub fn target(&self, host: &RolloutHost) -> Release {
        match (host.direction, &host.came_from) {
            (Direction::Back, Some(kernel)) => Release::installed(kernel.clone()),
            (Direction::Back, None) | (Direction::Forward, _) => self.release.clone(),
        }
    }

    /// The name of that kernel.
    #[must_use]
    pub fn target_kernel<'a>(&'a self, host: &'a RolloutHost) -> &'a KernelRelease {
        match (host.direction, &host.came_from) {
            (Direction::Back, Some(kernel)) => kernel,
            (Direction::Back, None) | (Direction::Forward, _) => &self.release.kernel,
        }
    }

    /// The whole order behind the open order of a host: always the same for the same state.
    #[must_use]
    pub fn command(&self, host: &RolloutHost) -> Option<Command> {
        let OpenOrder { id, kind, generation, boot_id, running } = host.order.clone()?;
        let release = self.target(host);
        let limits = &self.spec.limits;
        let action = match kind {
            OrderKind::Stage => Action::Stage { release },
            OrderKind::Activate => Action::Activate(BootOrder {
                release,
                method: self.spec.method,
                drain_timeout: limits.drain,
                verify_timeout: limits.verify,
                soak: limits.soak,
            }),
            OrderKind::Confirm => Action::Confirm { kernel: release.kernel },
            OrderKind::Cancel => Action::Cancel,
        };
        let precondition = Precondition { boot_id, running, ttl: limits.order };
        Some(Command { id, host: host.host, rollout: self.id, generation, precondition, action })
    }
}

/// One thing that went wrong and is not to be tried again without a person or a new artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownBadEntry {
    /// [`Release::key`] of what was tried.
    pub release: Digest,
    /// The class it went wrong in; set if the whole class is barred.
    pub class: Option<HostClass>,
    /// The host it went wrong on; set if just the host is barred.
    pub host: Option<HostId>,
    /// In which rollout.
    pub rollout: RolloutId,
    /// When.
    pub at: Timestamp,
    /// What went wrong.
    pub what: String,
}

/// Everything that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KnownBad {
    /// In the order in which it happened.
    pub entries: Vec<KnownBadEntry>,
}

impl KnownBad {
    /// Remembers, or forgets, what an event says. The store, replay and the simulator all learn
    /// by this one function.
    pub fn learn(&mut self, rollout: &Rollout, event: &Event) {
        let release = rollout.release.key();
        let entry = |class, host, what: &str| KnownBadEntry {
            release,
            class,
            host,
            rollout: rollout.id,
            at: event.at,
            what: what.to_owned(),
        };
        match &event.change {
            RolloutChange::ClassBlocked { name, what, .. } => {
                self.entries.push(entry(Some(name.clone()), None, what));
            }
            RolloutChange::ClassCleared { name, .. } => {
                self.entries
                    .retain(|known| known.release != release || known.class.as_ref() != Some(name));
            }
            RolloutChange::Host { host, change: HostChange::Failed { step, reason } } => {
                let forward =
                    rollout.host(*host).is_some_and(|h| h.direction == Direction::Forward);
                let booted = !matches!(reason, FailReason::Step { .. });
                if forward && booted {
                    self.entries.push(entry(None, Some(*host), &format!("{step}: {reason}")));
                }
            }
            RolloutChange::Host { host, change: HostChange::Retried { .. } } => {
                self.entries.retain(|known| known.release != release || known.host != Some(*host));
            }
            RolloutChange::Host { .. }
            | RolloutChange::Moved { .. }
            | RolloutChange::FailuresAcknowledged { .. }
            | RolloutChange::ClassPassed { .. }
            | RolloutChange::ClassAccepted { .. }
            | RolloutChange::Approved { .. } => {}
        }
    }

    /// What is known against this release on this host.
    #[must_use]
    pub fn against(&self, release: &Digest, class: &HostClass, host: HostId) -> Option<&str> {
        self.entries
            .iter()
            .filter(|entry| entry.release == *release)
            .find(|entry| entry.host == Some(host) || entry.class.as_ref() == Some(class))
            .map(|entry| entry.what.as_str())
    }
}
