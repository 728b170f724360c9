//! I4: nothing begins once a stop is durable, partitioned or not; nor in a freeze, nor on hosts
//! that nobody has heard of.

use wavegate_common::{CommandId, HostId, Millis, RolloutPhase};
use wavegate_core::{Event, HostChange, Rollout};
use wavegate_simfleet::{EPOCH, Moment};

use super::facts::{GRACE, RolloutFacts};
use super::judge::Judge;

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
        rollout: &Rollout,
        host: HostId,
        change: &HostChange,
        event: &Event,
        now: Moment,
    ) {
        let forward = matches!(
            change,
            HostChange::StageOrdered { .. }
                | HostChange::ActivateOrdered {
                    direction: wavegate_common::Direction::Forward,
                    ..
                }
        );
        let permit = matches!(change, HostChange::Permitted { .. });
        let Some(facts) = self.rollouts.get(&rollout.id) else { return };
        if (forward || permit) && facts.stopped.is_some() {
            let text = format!("{} of {host} while {} is stopped", change.name(), rollout.id);
            return self.report(4, text, now);
        }
        if forward {
            self.begins_in_freeze(host, event, now);
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

    /// The moment that a wall clock without fault showed.
    pub(super) fn moment_of(&self, event: &Event) -> Moment {
        Moment(Millis(u64::try_from(event.at.0 - EPOCH.0).unwrap_or(0)).0)
    }
}
