//! I10: given a fair network, every host ends confirmed on the new kernel, confirmed on the old
//! one, or lost with somebody told.

use wavegate_common::{ExcludeReason, HostPhase, RolloutPhase, WaitingOn};
use wavegate_core::Rollout;
use wavegate_simfleet::Moment;

use super::judge::Judge;
use crate::sim::store::Store;
use crate::sim::world::Seat;

/// Whether a person took the host out, and so knows of it.
fn by_a_person(phase: &HostPhase) -> bool {
    matches!(phase, HostPhase::Excluded { reason: ExcludeReason::Operator { .. } })
}

impl Judge {
    pub(in crate::sim) fn at_end(&mut self, seats: &[Seat], store: &Store, now: Moment) {
        if let Some(text) = self.unrest(seats, store) {
            self.report(10, text, now);
        }
    }

    /// Whether something has not come to rest yet.
    pub(in crate::sim) fn is_restless(&self, seats: &[Seat], store: &Store) -> bool {
        self.unrest(seats, store).is_some()
    }

    fn unrest(&self, seats: &[Seat], store: &Store) -> Option<String> {
        let rollouts = store.rollouts.iter().find_map(|rollout| self.unsettled(rollout, store));
        let mut hosts = seats.iter().enumerate();
        rollouts.or_else(|| hosts.find_map(|(at, seat)| self.restless(at, seat, store)))
    }

    /// Why a host has not come to rest.
    fn restless(&self, at: usize, seat: &Seat, store: &Store) -> Option<String> {
        let name = self.name(at);
        let id = seat.host.profile().id;
        if !seat.host.is_hung() && seat.host.running().is_none() {
            return None; // On its way up.
        }
        if seat.host.is_hung() {
            let rollouts = store.rollouts.iter().chain(&store.over);
            let told = store.alerts.values().any(|alert| alert.hosts.contains(&id));
            let lost = rollouts
                .filter_map(|rollout| rollout.host(id))
                .any(|host| (host.phase == HostPhase::Lost && told) || by_a_person(&host.phase));
            // What only the database before the restore knew, nobody can tell.
            return (!(lost || self.restored))
                .then(|| format!("{name} is dark and nobody was told"));
        }
        let left_alone = Self::went_wrong(store, id) || self.restored;
        if seat.host.running() != Some(seat.host.default_kernel()) && !left_alone {
            return Some(format!("{name} still tries a kernel that was never confirmed"));
        }
        (seat.host.is_away() && !left_alone)
            .then(|| format!("the workload of {name} never came back"))
    }

    /// Why a rollout has not come to rest.
    fn unsettled(&self, rollout: &Rollout, store: &Store) -> Option<String> {
        let for_ever = |phase: &HostPhase| {
            matches!(
                phase,
                HostPhase::Draining { .. }
                    | HostPhase::Rebooting { .. }
                    | HostPhase::Verifying { .. }
                    | HostPhase::Staging { .. }
            )
        };
        if let Some(host) = rollout.hosts.iter().find(|host| for_ever(&host.phase)) {
            let phase = host.phase.name();
            let host = self.by_id.get(&host.host).map(|at| self.name(*at)).unwrap_or_default();
            return Some(format!("{host} of {} is {phase} for ever", rollout.id));
        }
        // A bake that began under a wrong clock ends when that clock says so.
        let far = self.clocks_wrong && matches!(rollout.phase, RolloutPhase::Baking { .. });
        if far || matches!(rollout.phase, RolloutPhase::Paused { .. }) {
            return None;
        }
        // One host that needs a person may hold up all others, if the report says so.
        let report = store.reports.get(&rollout.id)?;
        let excused = report.hosts.iter().any(|wait| {
            matches!(
                wait.on,
                WaitingOn::HostGuard { .. }
                    | WaitingOn::HostLost
                    | WaitingOn::Failed { .. }
                    | WaitingOn::KnownBad { .. }
            )
        });
        (!excused).then(|| format!("{} is still {}", rollout.id, rollout.phase.name()))
    }

    /// Whether a rollout knows that the host went wrong: its workload may stay away then.
    fn went_wrong(store: &Store, id: wavegate_common::HostId) -> bool {
        let rollouts = store.rollouts.iter().chain(&store.over);
        rollouts
            .filter_map(|rollout| rollout.host(id))
            .any(|host| host.phase.is_harmed() || by_a_person(&host.phase))
    }
}
