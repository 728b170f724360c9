//! I11: the default boot entry is always a kernel that ran and was healthy there. I13: a host
//! that fell back is not sent again to what it fell back from.

use wavegate_common::{BootCause, CommandId, Direction, HealthState, HostClass, Millis, RolloutId};
use wavegate_core::Rollout;
use wavegate_simfleet::{Moment, Truth};

use super::judge::Judge;
use crate::sim::world::Seat;

impl Judge {
    /// Follows which kernels a host has proved, and what it boots by default.
    pub(super) fn proven(&mut self, at: usize, seat: &Seat, truth: &Truth, now: Moment) {
        let soak = self.soak_of(at);
        let Some(facts) = self.hosts.get_mut(at) else { return };
        facts.soaked |= facts.healthy_since.is_some_and(|since| now.since(since) >= soak);
        match truth {
            Truth::Checks(HealthState::Healthy) => {
                facts.healthy_since = Some(now);
                facts.unhealthy_since = None;
            }
            Truth::Checks(_) | Truth::Down { .. } => {
                facts.healthy_since = None;
                facts.unhealthy_since = Some(now);
            }
            _ => {}
        }
        let Truth::Defaulted(kernel) = truth else { return };
        let problem = if seat.host.running() != Some(kernel) {
            Some("does not run".to_owned())
        } else if facts.proven.contains(kernel) {
            None
        } else if !facts.soaked {
            Some("was not healthy for the whole soak".to_owned())
        } else {
            // Half a minute for the agent to notice.
            let ill =
                facts.unhealthy_since.is_some_and(|since| now.since(since) > Millis::secs(30));
            ill.then(|| "is not healthy there".to_owned())
        };
        match problem {
            Some(problem) => {
                let text = format!("{} boots {kernel} by default, which {problem}", facts.name);
                self.report(11, text, now);
            }
            None => {
                facts.proven.insert(kernel.clone());
            }
        }
    }

    /// The soak of the rollout that moves the host, a little less for what lies between the
    /// machine's look at its checks and the moment the simulation does.
    fn soak_of(&self, at: usize) -> wavegate_common::Millis {
        let rollout = self.hosts.get(at).and_then(|host| host.away_for);
        let facts = rollout.and_then(|id| self.rollouts.get(&id));
        facts.map(|facts| facts.spec.limits.soak).unwrap_or_default()
    }

    /// A kernel came up after a switch by order.
    pub(super) fn booted_other(&mut self, at: usize, command: CommandId, other: bool) {
        let Some(order) = self.orders.get(&command) else { return };
        if other && order.direction == Direction::Forward {
            self.learn_bad(at, order.rollout);
        }
    }

    pub(super) fn learn_bad(&mut self, at: usize, rollout: RolloutId) {
        let Some(release) = self.rollouts.get(&rollout).map(|facts| facts.release) else { return };
        if let Some(host) = self.hosts.get_mut(at) {
            host.bad.insert(release);
        }
    }

    pub(super) fn switched_again_to_bad(
        &mut self,
        at: usize,
        seat: &Seat,
        command: CommandId,
        now: Moment,
    ) {
        let Some(order) = self.orders.get(&command) else { return };
        let Some(facts) = self.rollouts.get(&order.rollout) else { return };
        // What a restored database has forgotten the host can tell, as long as it is in the boot
        // into which it fell; afterwards nobody knows of it.
        let tells = matches!(
            seat.host.report().map(|report| &report.boot.cause),
            Some(BootCause::FellBack { command, .. })
                if self.orders.get(command).and_then(|o| self.rollouts.get(&o.rollout))
                    .is_some_and(|fell| fell.release == facts.release)
        );
        let bad = self.hosts.get(at).is_some_and(|host| {
            host.bad.contains(&facts.release)
                || (tells && host.forgotten_bad.contains(&facts.release))
        });
        if bad && order.direction == Direction::Forward {
            let text = format!("{} is sent again to what it fell back from", self.name(at));
            self.report(13, text, now);
        }
    }

    /// A person lets a class try again.
    pub(super) fn cleared(&mut self, seats: &[Seat], rollout: &Rollout, class: &HostClass) {
        let release = rollout.release.key();
        self.barred.remove(&(release, class.clone()));
        for (seat, facts) in seats.iter().zip(&mut self.hosts) {
            if seat.host.class() == class {
                facts.bad.remove(&release);
                facts.forgotten_bad.remove(&release);
            }
        }
    }
}
