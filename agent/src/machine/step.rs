//! One thing happened; what follows.

use super::bounds::{short, short_done};
use super::io::{Done, Effect, Input, Now};
use super::record::Record;
use super::state::Machine;

impl Machine {
    /// Takes in what happened and says what to do, in order.
    pub fn step(&mut self, input: Input, now: Now) -> Vec<Effect> {
        // CLOCK_BOOTTIME never goes back; a shell that mixes up two readings must not make a
        // permit younger.
        let boottime = now.boottime.max(self.now.boottime);
        self.now = Now { boottime, ..now };
        let mut out = Vec::new();
        match input {
            Input::Tick => {}
            Input::Surroundings(seen) => {
                if self.surroundings.as_ref() != Some(&*seen) {
                    out.push(Effect::Report);
                }
                self.surroundings = Some(*seen);
                self.look_at_trial(&mut out);
            }
            Input::Command(command) => self.command(*command, &mut out),
            Input::Permit(answer) => self.permit(&answer, &mut out),
            Input::Done(done) => self.done(short_done(done), &mut out),
            Input::LedgerFailed(why) => self.ledger_failed(short(why), &mut out),
        }
        self.time_went_by(&mut out);
        report_once(&mut out);
        out
    }

    fn done(&mut self, done: Done, out: &mut Vec<Effect>) {
        match done {
            Done::Staged(result) => self.staged(result, out),
            Done::Drained(outcome) => self.drained(outcome, out),
            Done::Undrained(result) => self.undrained(result, out),
            Done::Armed(result) => self.armed(result, out),
            Done::Disarmed(result) => self.disarmed(result, out),
            Done::SwitchFailed(reason) => self.switch_failed(reason, out),
            Done::Confirmed(result) => self.confirmed(result, out),
        }
    }

    /// Limits are looked at with every input, so that a late tick never makes one longer.
    fn time_went_by(&mut self, out: &mut Vec<Effect>) {
        self.release_held(out);
        self.tick_leaving(out);
        self.tick_trial(out);
        self.tick_undrain(out);
        if self.history.recent.is_some() && self.now.boottime >= self.config.min_reboot_gap {
            self.append(Record::Rested { boot_id: self.boot.boot_id }, out);
            out.push(Effect::Report);
        }
    }
}

/// One report per batch, after everything it tells of. Nothing follows a switch.
pub(super) fn report_once(out: &mut Vec<Effect>) {
    let asked = out.len();
    out.retain(|effect| *effect != Effect::Report);
    if asked == out.len() {
        return;
    }
    let leaves =
        out.iter().position(|e| matches!(e, Effect::Switch { .. } | Effect::Revert { .. }));
    out.insert(leaves.unwrap_or(out.len()), Effect::Report);
}
