//! I3: no host of a wave acts before the gates of the waves before it passed, and gates pass
//! only over waves that are through. I9: nor without data. I14: the controller's host goes last.

use wavegate_common::{CommandId, Direction, HostPhase, Millis, RolloutHost, RolloutPhase};
use wavegate_core::{HostChange, Plan, Rollout, RolloutChange};
use wavegate_simfleet::Moment;

use super::judge::{Instants, Judge};
use crate::sim::compare::{Likeness, likeness};
use crate::sim::store::Store;
use crate::sim::world::Seat;

impl Judge {
    pub(super) fn switched_in_turn(&mut self, at: usize, command: CommandId, now: Moment) {
        let Some(order) = self.orders.get(&command) else { return };
        let Some(facts) = self.rollouts.get(&order.rollout) else { return };
        if order.direction == Direction::Back {
            return;
        }
        let problem = match facts.members.get(&order.host) {
            None => Some((8, "is not part of the rollout it rebooted for".to_owned())),
            Some(wave) if Some(*wave) > facts.opened => {
                Some((3, format!("of wave {wave} rebooted when {:?} was open", facts.opened)))
            }
            Some(_) => None,
        };
        if let Some((invariant, text)) = problem {
            let text = format!("{} {text}", self.name(at));
            self.report(invariant, text, now);
        }
    }

    /// Every gate that a plan opened must have had reason to.
    pub(super) fn gates(&mut self, seats: &[Seat], store: &Store, plan: &Plan, at: Instants) {
        let now = at.now;
        for event in &plan.events {
            let RolloutChange::Moved { to: RolloutPhase::Rolling { wave } } = &event.change else {
                continue;
            };
            let Some(rollout) = store.rollout(event.rollout) else { continue };
            let before = self.rollouts.get(&rollout.id).and_then(|facts| facts.opened);
            let problem = self
                .unfinished(seats, store, rollout, *wave, at)
                .or_else(|| self.worse(rollout, *wave))
                .or_else(|| self.too_many_harmed(rollout, *wave))
                .or_else(|| self.too_soon(rollout, *wave, now))
                .or_else(|| self.unheard(seats, rollout, *wave, at.planned));
            if let Some((invariant, text)) = problem.filter(|_| before <= Some(*wave)) {
                let text = format!("{} opened wave {wave}: {text}", rollout.id);
                self.report(invariant, text, now);
            }
        }
    }

    /// A host of an earlier wave that is still under way.
    fn unfinished(
        &self,
        seats: &[Seat],
        store: &Store,
        rollout: &Rollout,
        wave: u16,
        at: Instants,
    ) -> Option<(u8, String)> {
        let under_way = rollout
            .hosts
            .iter()
            .filter(|host| host.wave < wave)
            .find(|host| host.phase.holds_slot() && host.phase != HostPhase::Lost);
        if let Some(host) = under_way {
            let text = format!("{} of wave {} is {}", host.host, host.wave, host.phase.name());
            return Some((3, text));
        }
        let idle = rollout.hosts.iter().filter(|host| host.wave < wave).find(|host| {
            matches!(host.phase, HostPhase::Pending | HostPhase::Staged)
                && !rollout.blocked.contains_key(&host.class)
                && store.holds.get(&host.host).is_none_or(Option::is_none)
                && self.is_clear(store, rollout, host)
                && self.has_no_reason(seats, host.host, at)
        });
        idle.map(|host| (3, format!("{} of wave {} has not begun", host.host, host.wave)))
    }

    /// A class that runs the new kernel and is worse on it, or of which that cannot be told, and
    /// for which nobody answers.
    fn worse(&self, rollout: &Rollout, wave: u16) -> Option<(u8, String)> {
        if !rollout.spec.is_compared() {
            return None;
        }
        let there = |class: u32| {
            rollout.hosts.iter().any(|host| {
                host.class == class
                    && host.wave < wave
                    && matches!(host.phase, HostPhase::Updated { .. })
            })
        };
        // Of a class that is through nobody is left to protect.
        let later = |class: u32| {
            rollout.hosts.iter().any(|host| {
                host.class == class
                    && host.wave >= wave
                    && !matches!(host.phase, HostPhase::Excluded { .. })
            })
        };
        let classes = rollout.classes.iter().zip(0u32..);
        let bad = classes
            .filter(|(_, at)| {
                !rollout.blocked.contains_key(at) && !rollout.accepted.contains_key(at)
            })
            .find(|(class, at)| {
                there(*at) && later(*at) && likeness(self.seed, rollout, class) != Likeness::Alike
            });
        bad.map(|(class, _)| (9, format!("{class} is not as good as before")))
    }

    /// Whether nothing is known against the release on this host, and what is stored of the host
    /// is what the planner saw.
    fn is_clear(&self, store: &Store, rollout: &Rollout, host: &RolloutHost) -> bool {
        let class = rollout.classes.get(host.class as usize);
        let bad = class.is_none_or(|class| {
            store.known_bad.against(&rollout.release.key(), class, host.host).is_some()
        });
        let stored = self.by_id.get(&host.host).and_then(|at| store.row(*at));
        let fine = stored.is_some_and(|(report, at)| {
            let old = store.last_planned.since(*at) > Millis::mins(2);
            let busy = report.transaction.as_ref().is_some_and(|t| super::facts::is_open(&t.step));
            let reasons = busy || !report.drift.is_empty() || !report.guard.is_empty();
            old && !reasons && report.health.state == wavegate_common::HealthState::Healthy
        });
        !bad && fine
    }

    /// Whether nothing about the host itself keeps it from going, as far as is known for sure.
    fn has_no_reason(
        &self,
        seats: &[Seat],
        host: wavegate_common::HostId,
        instants: Instants,
    ) -> bool {
        let Some(at) = self.by_id.get(&host) else { return false };
        let (Some(seat), Some(facts)) = (seats.get(*at), self.hosts.get(*at)) else { return false };
        let Some(report) = seat.host.report() else { return false };
        facts.bad.is_empty()
            && !self.clock_misleads(self.sight_began(instants.planned))
            && seat.home == Some(instants.by)
            && facts.heard_steadily(seat)
            && report.drift.is_empty()
            && report.guard.is_empty()
            && report.health.state == wavegate_common::HealthState::Healthy
    }

    fn too_many_harmed(&self, rollout: &Rollout, wave: u16) -> Option<(u8, String)> {
        let rule = &rollout.spec.gate;
        for (class, name) in (0u32..).zip(&rollout.classes) {
            let harmed = |canaries: bool| {
                rollout.hosts.iter().filter(move |host| {
                    host.class == class
                        && host.wave < wave
                        && (!canaries || host.wave == 0)
                        && host.phase.is_harmed()
                        && !host.acknowledged
                })
            };
            let (canaries, all) = (harmed(true).count() as u64, harmed(false).count() as u64);
            // A canary that goes wrong after its own gate counts like any host of its class.
            if (wave == 1 && canaries > rule.canary_failures)
                || all > rule.class_failures.max(rule.canary_failures)
            {
                return Some((
                    3,
                    format!("{all} hosts of {name} were harmed, {canaries} canaries"),
                ));
            }
        }
        None
    }

    /// The bake must have passed since the last host of the earlier waves was confirmed.
    fn too_soon(&self, rollout: &Rollout, wave: u16, now: Moment) -> Option<(u8, String)> {
        let members = rollout
            .hosts
            .iter()
            .filter(|host| host.wave < wave && matches!(host.phase, HostPhase::Updated { .. }));
        let last = members
            .filter_map(|host| self.hosts.get(*self.by_id.get(&host.host)?)?.defaulted_at)
            .max()?;
        if self.clock_misleads(last) {
            return None;
        }
        let baked = now.since(last);
        (baked < rollout.spec.bake)
            .then(|| (3, format!("it was watched for {baked} of {}", rollout.spec.bake)))
    }

    /// Enough of the hosts that moved must have been heard of lately.
    fn unheard(
        &self,
        seats: &[Seat],
        rollout: &Rollout,
        wave: u16,
        planned: Moment,
    ) -> Option<(u8, String)> {
        if self.clock_misleads(self.sight_began(planned)) {
            return None;
        }
        let slack = Millis(self.policy.stale_after.0 + 1_000);
        let (mut updated, mut heard) = (0u64, 0u64);
        for host in rollout.hosts.iter().filter(|host| host.wave < wave) {
            if !matches!(host.phase, HostPhase::Updated { .. }) {
                continue;
            }
            updated += 1;
            let seat = self.by_id.get(&host.host).and_then(|at| seats.get(*at));
            let last = seat.and_then(|seat| seat.heard);
            heard += u64::from(last.is_some_and(|last| planned.since(last) <= slack));
        }
        let needed = rollout.spec.gate.reporting.of(updated);
        (heard < needed).then(|| (9, format!("only {heard} of {updated} hosts were heard of")))
    }

    pub(super) fn controller_host_last(&mut self, store: &Store, plan: &Plan, now: Moment) {
        let Some(own) = self.policy.controller_host else { return };
        for event in &plan.events {
            let RolloutChange::Host { host, change } = &event.change else { continue };
            let HostChange::ActivateOrdered { direction: Direction::Forward, .. } = change else {
                continue;
            };
            let Some(rollout) = store.rollout(event.rollout) else { continue };
            let others = rollout.hosts.iter().filter(|other| other.host != own);
            let open = others.filter(|other| !other.phase.is_settled()).count();
            if *host == own && open > 0 {
                let text = format!("the controller's host goes while {open} others are not done");
                self.report(14, text, now);
            }
        }
    }
}
