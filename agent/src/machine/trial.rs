//! After the switch: the new kernel proves itself, or the host goes back.

use wavegate_common::{FailStep, HealthState, Millis, TransactionStep};

use super::activate::later;
use super::history::Order;
use super::io::Effect;
use super::record::Record;
use super::sabotage::{self, Guard};
use super::start::settled;
use super::state::{Machine, Trial, Work};

/// How long an agent that starts late may take for its first look around before the verify
/// timeout counts against the kernel.
const FIRST_LOOK: Millis = Millis::secs(60);

/// After how long a look around says nothing any more.
const STALE: Millis = Millis::mins(5);

impl Machine {
    /// The shell looked around: a soak begins, goes on or breaks.
    pub(super) fn look_at_trial(&mut self, out: &mut Vec<Effect>) {
        let now = self.now.boottime;
        let healthy = self
            .surroundings
            .as_ref()
            .is_some_and(|seen| seen.health.state == HealthState::Healthy);
        let Work::Trial(trial) = &mut self.work else { return };
        let unbroken = trial.healthy.filter(|(_, seen)| now < later(*seen, STALE));
        match (healthy, unbroken) {
            (true, Some((since, _))) => trial.healthy = Some((since, now)),
            (true, None) => {
                let soak = trial.order.boot.soak;
                out.push(Effect::Log(format!("every check passes; verified after {soak} of it")));
                trial.healthy = Some((now, now));
            }
            (false, Some(_)) => {
                out.push(Effect::Log("a check does not pass any more; the soak is over".into()));
                trial.healthy = None;
            }
            (false, None) => trial.healthy = None,
        }
    }

    /// Old findings prove nothing: whoever last looked long ago has not seen the end of the soak.
    fn verify(&mut self, out: &mut Vec<Effect>) {
        let now = self.now.boottime;
        let Work::Trial(Trial { order, healthy: Some((since, seen)) }) = &self.work else { return };
        let soaked = now >= later(*since, order.boot.soak) || !sabotage::on(Guard::Soak);
        if soaked && now < later(*seen, STALE) {
            let order = order.clone();
            self.append(Record::Verified { command: order.command }, out);
            self.work = Work::Verified(order);
            out.push(Effect::Report);
        }
    }

    /// CLOCK_BOOTTIME began with this boot, so the limit holds over restarts of the agent. A
    /// soak under way may end: its host is healthy.
    pub(super) fn tick_trial(&mut self, out: &mut Vec<Effect>) {
        self.verify(out);
        let now = self.now.boottime;
        let Work::Trial(Trial { order, healthy }) = &self.work else { return };
        let looked = self.surroundings.is_some() || now >= later(self.started, FIRST_LOOK);
        let timeout = order.boot.verify_timeout;
        let soaking = healthy.is_some_and(|(_, seen)| now < later(seen, STALE));
        if now < timeout || !looked || soaking {
            return;
        }
        let failed = self.surroundings.as_ref().map(|seen| seen.health.failed());
        let checks = match failed {
            Some(names) if !names.is_empty() => format!(": {names} failing"),
            Some(_) | None => String::new(),
        };
        let reason = format!("checks did not pass within {timeout}{checks}");
        let order = order.clone();
        match self.may_revert(&order) {
            Ok(()) => self.revert(order, reason, out),
            Err(why) => self.park(&order, format!("{reason}; not going back: {why}"), out),
        }
    }

    /// Local reasons do not hold up the way back: a degraded array may well be the new kernel's
    /// doing.
    fn may_revert(&self, order: &Order) -> Result<(), String> {
        if let Some(why) = self.standstill() {
            return Err(why);
        }
        if !order.has_way_back() {
            return Err("this was the way back".to_owned());
        }
        if self.history.current_move().is_none_or(|current| current.revert_spent()) {
            return Err("this order has had its boots".to_owned());
        }
        let default = self.surroundings.as_ref().and_then(|seen| seen.default_kernel.as_ref());
        if default == Some(&self.boot.kernel) {
            return Err("the running kernel is the default boot entry".to_owned());
        }
        Ok(())
    }

    fn revert(&mut self, order: Order, reason: String, out: &mut Vec<Effect>) {
        let (command, boot_id) = (order.command, self.boot.boot_id);
        out.push(Effect::Log(format!("going back to {}: {reason}", order.from)));
        self.append(Record::RevertBegun { command, boot_id, reason }, out);
        out.push(Effect::Revert { command });
        self.work = Work::Reverting(order);
    }

    /// Stays up, without its workload, and says so: a person decides.
    pub(super) fn park(&mut self, order: &Order, reason: String, out: &mut Vec<Effect>) {
        let (command, step) = (order.command, FailStep::Verify);
        self.append(Record::Failed { command, step, reason: reason.clone() }, out);
        let step = TransactionStep::Failed { step, reason };
        self.work = settled(command, order.target().clone(), step);
        out.push(Effect::Report);
    }
}
