//! I10: given a fair network, every host ends confirmed on the new kernel, confirmed on the old
//! one, or lost with somebody told.

use wavegate_common::{HostPhase, RolloutPhase};
use wavegate_core::Rollout;
use wavegate_simfleet::Moment;

use super::judge::Judge;
use crate::sim::store::Store;
use crate::sim::world::Seat;

impl Judge {
    pub(in crate::sim) fn at_end(&mut self, seats: &[Seat], store: &Store, now: Moment) {
        let mut problem = None;
        for (at, seat) in seats.iter().enumerate() {
            problem = problem.or_else(|| self.restless(at, seat, store));
        }
        for rollout in &store.rollouts {
            problem = problem.or_else(|| unsettled(rollout));
        }
        if let Some(text) = problem {
            self.report(10, text, now);
        }
    }

    /// Why a host has not come to rest.
    fn restless(&self, at: usize, seat: &Seat, store: &Store) -> Option<String> {
        let name = self.name(at);
        let id = seat.host.profile().id;
        if seat.host.is_hung() || seat.host.running().is_none() {
            let rollouts = store.rollouts.iter().chain(&store.over);
            let told = store.alerts.values().any(|alert| alert.hosts.contains(&id));
            let lost = rollouts
                .filter_map(|rollout| rollout.host(id))
                .any(|host| host.phase == HostPhase::Lost);
            // What only the database before the restore knew, nobody can tell.
            return (!(lost && told || self.restored))
                .then(|| format!("{name} is dark and nobody was told"));
        }
        if seat.host.running() != Some(seat.host.default_kernel()) {
            return Some(format!("{name} still tries a kernel that was never confirmed"));
        }
        seat.host.is_away().then(|| format!("the workload of {name} never came back"))
    }
}

/// Why a rollout has not come to rest.
fn unsettled(rollout: &Rollout) -> Option<String> {
    let under_way = rollout.hosts.iter().find(|host| {
        matches!(
            host.phase,
            HostPhase::Draining { .. } | HostPhase::Rebooting { .. } | HostPhase::Verifying { .. }
        )
    });
    if let Some(host) = under_way {
        return Some(format!("{} of {} is {} for ever", host.host, rollout.id, host.phase.name()));
    }
    match &rollout.phase {
        RolloutPhase::Paused { .. } => None,
        phase if rollout.hosts.iter().any(|host| host.phase == HostPhase::Lost) => {
            let _ = phase; // A lost host holds its slot; its rack may have nobody else to spare.
            None
        }
        phase => Some(format!("{} is still {}", rollout.id, phase.name())),
    }
}
