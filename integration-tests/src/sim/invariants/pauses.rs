//! I4: nothing begins once a stop is durable, partitioned or not; nor in a freeze, nor on hosts
//! that nobody has heard of.

use wavegate_common::{CommandId, Direction, HostId, Millis, RolloutPhase};
use wavegate_core::{Event, HostChange, Rollout};
use wavegate_simfleet::Moment;

use super::facts::{GRACE, RolloutFacts};
use super::judge::{Instants, Judge};
use crate::sim::world::Seat;

/// Takes in the phase a rollout is in from now on.
pub(super) fn set_phase(facts: &mut RolloutFacts, phase: &RolloutPhase, at: Moment) {
    match phase {
        RolloutPhase::Canary => facts.opened = facts.opened.max(Some(0)),
        RolloutPhase::Rolling { wave } => facts.opened = facts.opened.max(Some(*wave)),
        _ => {}
    }
    let stops = matches!(
        phase,
        RolloutPhase::Draft
            | RolloutPhase::Paused { .. }
            | RolloutPhase::Aborted { .. }
            | RolloutPhase::Succeeded
    );
    facts.stopped = if stops { facts.stopped.or(Some(at)) } else { None };
}

impl Judge {
    pub(super) fn switched_while_stopped(&mut self, at: usize, command: CommandId, now: Moment) {
        let Some(order) = self.orders.get(&command) else { return };
        let Some(facts) = self.rollouts.get(&order.rollout) else { return };
        let late = facts.stopped.filter(|since| now.since(*since) > GRACE);
        if let Some(since) = late {
            let text = format!(
                "{} rebooted {} after its rollout was stopped",
                self.name(at),
                now.since(since)
            );
            self.report(4, text, now);
        }
    }

    /// A host is let begin a step: may it?
    pub(super) fn begins(
        &mut self,
        seats: &[Seat],
        rollout: &Rollout,
        (host, change): (HostId, &HostChange),
        event: &Event,
        at: Instants,
    ) {
        let now = at.now;
        let forward = matches!(
            change,
            HostChange::StageOrdered { .. }
                | HostChange::ActivateOrdered { direction: Direction::Forward, .. }
        );
        let permit = matches!(change, HostChange::Permitted { .. });
        let Some(facts) = self.rollouts.get(&rollout.id) else { return };
        if (forward || permit) && facts.stopped.is_some() {
            let text = format!("{} of {host} while {} is stopped", change.name(), rollout.id);
            return self.report(4, text, now);
        }
        if !forward {
            return;
        }
        let seat = self.by_id.get(&host).and_then(|at| seats.get(*at));
        let class = seat.map(|seat| seat.host.class().clone());
        if class.is_some_and(|class| self.barred.contains(&(rollout.release.key(), class))) {
            let text = format!("{host} begins although its class is barred");
            return self.report(13, text, now);
        }
        self.begins_in_freeze(host, event, now);
        self.begins_blindly(seats, host, at);
    }

    /// Nothing begins while most of the fleet is out of sight.
    fn begins_blindly(&mut self, seats: &[Seat], host: HostId, at: Instants) {
        let Instants { planned, now, .. } = at;
        if self.clock_misleads(self.sight_began(planned)) {
            return;
        }
        let slack = Millis(self.policy.stale_after.0 + 1_000);
        let silent = |seat: &&Seat| {
            !seat.host.is_away() && seat.heard.is_some_and(|heard| planned.since(heard) > slack)
        };
        let count = seats.iter().filter(silent).count() as u64;
        let limit = self.policy.lost_sight.of(seats.len() as u64) + seats.len() as u64 / 20;
        if count > limit {
            let text = format!("{host} begins while {count} hosts are out of sight");
            self.report(9, text, now);
        }
    }

    fn begins_in_freeze(&mut self, host: HostId, event: &Event, now: Moment) {
        let frozen = self.policy.freezes.iter().any(|freeze| {
            // A minute of grace at the edges: which side of one the clock was on is not judged.
            event.at.0 > freeze.from.0 + 60_000 && event.at.0 < freeze.until.0 - 60_000
        });
        if frozen {
            self.report(4, format!("{host} begins in a freeze"), now);
        }
    }

    /// From when on signs of life mattered to a plan that was made then.
    pub(super) fn sight_began(&self, planned: Moment) -> Moment {
        Moment(planned.0.saturating_sub(self.policy.stale_after.0 * 3))
    }

    /// Workloads that were taken away come back, or the host leaves, within the time for it.
    pub(in crate::sim) fn away_too_long(&mut self, now: Moment) {
        let late = self.hosts.iter().position(|host| {
            let facts = host.away_for.and_then(|id| self.rollouts.get(&id));
            let limit = facts.map_or(Millis::hours(1), |facts| facts.spec.limits.drain);
            let limit = Millis(limit.0 + Millis::mins(3).0);
            let since = host.away_since.max(host.disturbed);
            // Behind a hole in its ledger an agent does not know that it drained: a person must look.
            host.away_since.is_some_and(|away| away > host.booted_at)
                && !host.damaged
                && !host.dark
                && since.is_some_and(|since| now.since(since) > limit)
        });
        if let Some(at) = late {
            let text = format!("{} is drained and neither leaves nor gives up", self.name(at));
            self.report(4, text, now);
        }
    }
}
