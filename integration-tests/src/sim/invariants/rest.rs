//! I10: given a fair network, every host ends confirmed on the new kernel, confirmed on the old
//! one, or lost with somebody told.

use wavegate_common::{
    CommandId, ExcludeReason, HostId, HostPhase, Millis, PauseReason, RolloutPhase, WaitingOn,
};
use wavegate_core::Rollout;
use wavegate_simfleet::Moment;

use super::judge::Judge;
use crate::sim::store::Store;
use crate::sim::world::Seat;

/// The longest that a boot takes which ends, in the physics of the swarm.
const LONGEST_BOOT: Millis = Millis::mins(30);

/// Whether a person took the host out, and so knows of it.
fn by_a_person(phase: &HostPhase) -> bool {
    matches!(phase, HostPhase::Excluded { reason: ExcludeReason::Operator { .. } })
}

impl Judge {
    pub(in crate::sim) fn at_end(&mut self, seats: &[Seat], store: &Store, now: Moment) {
        if let Some(text) = self.unrest(seats, store, now) {
            self.report(10, text, now);
        }
    }

    /// Whether something has not come to rest yet.
    pub(in crate::sim) fn is_restless(&self, seats: &[Seat], store: &Store, now: Moment) -> bool {
        self.unrest(seats, store, now).is_some()
    }

    fn unrest(&self, seats: &[Seat], store: &Store, now: Moment) -> Option<String> {
        let rollouts =
            store.rollouts.iter().find_map(|rollout| self.unsettled(seats, rollout, store));
        let mut hosts = seats.iter().enumerate();
        rollouts.or_else(|| hosts.find_map(|(at, seat)| self.restless(at, seat, store, now)))
    }

    /// Why a host has not come to rest.
    fn restless(&self, at: usize, seat: &Seat, store: &Store, now: Moment) -> Option<String> {
        let name = self.name(at);
        let id = seat.host.profile().id;
        let facts = self.hosts.get(at)?;
        // The order is gone from the database, and with it the rollout that could end it: people
        // see the host's own report, and no rollout can know more.
        let orphan = self.is_forgotten(facts) && !self.is_awaited(store, facts.works_on, id);
        if seat.host.running().is_none() {
            // Between two boots: every kernel that comes up at all has come up by then.
            let booting = facts.down_since.is_some_and(|down| now.since(down) < LONGEST_BOOT);
            if booting && !seat.host.is_hung() {
                return None;
            }
            let rollouts = store.rollouts.iter().chain(&store.over);
            let told = store.alerts.values().any(|alert| alert.hosts.contains(&id));
            let lost = rollouts
                .filter_map(|rollout| rollout.host(id))
                .any(|host| (host.phase == HostPhase::Lost && told) || by_a_person(&host.phase));
            let told = told && self.is_forgotten(facts);
            return (!(lost || told || orphan))
                .then(|| format!("{name} is dark and nobody was told"));
        }
        let left_alone = Self::went_wrong(store, id) || orphan || waits_for_the_gap(store, id);
        if seat.host.running() != Some(seat.host.default_kernel()) && !left_alone {
            return Some(format!("{name} still tries a kernel that was never confirmed"));
        }
        (seat.host.is_away() && !left_alone)
            .then(|| format!("the workload of {name} never came back"))
    }

    /// Whether the rollout of this order is still open and has something to do for the host.
    fn is_awaited(&self, store: &Store, order: Option<CommandId>, id: HostId) -> bool {
        let Some(order) = order.and_then(|id| self.orders.get(&id)) else { return false };
        let rollout = store.rollouts.iter().find(|rollout| rollout.id == order.rollout);
        rollout.and_then(|rollout| rollout.host(id)).is_some_and(|host| !host.phase.is_settled())
    }

    /// Why a rollout has not come to rest.
    fn unsettled(&self, seats: &[Seat], rollout: &Rollout, store: &Store) -> Option<String> {
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
        // A closed gate waits for a person, who may take any time.
        if let RolloutPhase::Paused { resume_to, reason: PauseReason::Gate { .. } } = &rollout.phase
            && !resume_to.is_over()
        {
            return None;
        }
        // One host that needs a person may hold up all others, if the report says so.
        let report = store.reports.get(&rollout.id)?;
        let excused = report.hosts.iter().any(|wait| match &wait.on {
            WaitingOn::HostGuard { .. }
            | WaitingOn::HostLost
            | WaitingOn::Failed { .. }
            | WaitingOn::KnownBad { .. } => true,
            // The budget is taken up by a machine that only a person can bring back: dark, or kept
            // out of work after it failed.
            WaitingOn::FailureDomainBusy { domain, .. } => {
                let parked = |seat: &Seat| {
                    seat.host.is_away() && Self::went_wrong(store, seat.host.profile().id)
                };
                let mut there = seats.iter().zip(&self.hosts);
                there.any(|(seat, facts)| {
                    (seat.host.is_hung() || parked(seat)) && facts.domains.contains(domain)
                })
            }
            // It is the last that is left to go, and such a machine.
            WaitingOn::NoRecentReport { .. } => wait.hosts.iter().any(|(id, _)| {
                let seat = self.by_id.get(id).and_then(|at| seats.get(*at));
                seat.is_some_and(|seat| seat.host.is_hung())
            }),
            _ => false,
        });
        (!excused).then(|| format!("{} is still {}", rollout.id, rollout.phase.name()))
    }

    /// Whether a rollout knows that the host went wrong: its workload may stay away then.
    fn went_wrong(store: &Store, id: HostId) -> bool {
        let rollouts = store.rollouts.iter().chain(&store.over);
        rollouts
            .filter_map(|rollout| rollout.host(id))
            .any(|host| host.phase.is_harmed() || by_a_person(&host.phase))
    }
}

/// Whether a person let the host try again and it must wait for the time between two reboots by
/// order, which is longer than a run: its rollout says so.
fn waits_for_the_gap(store: &Store, id: HostId) -> bool {
    store.reports.values().filter_map(|report| report.why(id)).any(|(on, _)| match on {
        WaitingOn::HostGuard { reasons } => {
            reasons.iter().any(|reason| reason.starts_with("rebooted by order"))
        }
        _ => false,
    })
}
