//! What a simulated host does for its agent: the effects of the machine, carried out in order.

use std::sync::Arc;

use wavegate_agent::machine::{Done, DrainOutcome, Effect, Input, Record};
use wavegate_common::{BootMethod, BootOrder, HostReport, Millis, TransactionStep};

use crate::disk::Appended;
use crate::event::{Due, HostOutput, Truth};
use crate::host::SimHost;
use crate::timing::Moment;

impl SimHost {
    /// Lets the agent's machine take a step and does what it says.
    pub(crate) fn step(&mut self, at: Moment, input: Input, out: &mut Vec<HostOutput>) {
        let now = self.now(at);
        let Some(agent) = self.agent_mut() else { return };
        let effects = agent.machine.step(input, now);
        if !effects.is_empty() {
            self.perform(at, effects, out);
        }
        self.keep_ticking(at, out);
    }

    /// Does what the machine says, in order. A record that cannot be written drops the rest.
    pub(crate) fn perform(&mut self, at: Moment, effects: Vec<Effect>, out: &mut Vec<HostOutput>) {
        for effect in effects {
            match effect {
                Effect::Append(record) => match self.disk.append(&record) {
                    Appended::Durable => self.wrote(&record, out),
                    Appended::Refused => {
                        self.step(at, Input::LedgerFailed("the disk is full".to_owned()), out);
                        return;
                    }
                    Appended::Torn { whole } => {
                        if whole {
                            self.wrote(&record, out);
                        }
                        self.agent_died(at, out);
                        return;
                    }
                },
                Effect::Switch { command, method, kernel } => {
                    self.switch(at, (command, method, kernel), out);
                    return;
                }
                Effect::Revert { command } => {
                    out.push(HostOutput::Truth(Truth::Reverted { command }));
                    self.begin_leaving(at, BootMethod::Firmware, None, out);
                    return;
                }
                other => self.begin_effect(at, other, out),
            }
        }
    }

    fn begin_effect(&mut self, at: Moment, effect: Effect, out: &mut Vec<HostOutput>) {
        let timing = self.profile.timing;
        match effect {
            Effect::Stage(release) => {
                let takes = timing.stage.sample(&mut self.dice);
                if let Some(agent) = self.agent_mut() {
                    agent.staging = Some(release);
                }
                out.push(self.at_run(at.after(takes), Due::Staged));
            }
            Effect::Drain { timeout } => {
                let takes = timing.drain.sample(&mut self.dice).min(timeout);
                if !self.away {
                    self.away = true;
                    out.push(HostOutput::Truth(Truth::Away));
                }
                out.push(self.at_run(at.after(takes), Due::Drained));
            }
            Effect::Undrain => {
                let takes = timing.undrain.sample(&mut self.dice);
                out.push(self.at_run(at.after(takes), Due::Undrained));
            }
            Effect::Arm(order) => self.begin_arming(at, &order, out),
            Effect::Disarm => {
                let takes = timing.loader.sample(&mut self.dice);
                out.push(self.at_run(at.after(takes), Due::Disarmed));
            }
            Effect::Confirm(kernel) => {
                let takes = timing.loader.sample(&mut self.dice);
                if let Some(agent) = self.agent_mut() {
                    agent.confirming = Some(kernel);
                }
                out.push(self.at_run(at.after(takes), Due::Confirmed));
            }
            Effect::AskPermit(request) => out.push(HostOutput::Permit(request)),
            Effect::Report => self.make_report(at, out),
            Effect::Log(text) => out.push(HostOutput::Truth(Truth::Said(text))),
            // Carried out by the caller, which ends its batch with them.
            Effect::Append(_) | Effect::Switch { .. } | Effect::Revert { .. } => {}
        }
    }

    fn begin_arming(&mut self, at: Moment, order: &BootOrder, out: &mut Vec<HostOutput>) {
        let can_kexec = self.profile.no_kexec.is_empty();
        let method = match order.method {
            BootMethod::Auto if can_kexec => BootMethod::Kexec,
            BootMethod::Auto => BootMethod::Firmware,
            method => method,
        };
        let kernel = order.release.kernel.clone();
        let takes = self.profile.timing.loader.sample(&mut self.dice);
        if let Some(agent) = self.agent_mut() {
            agent.arming = Some((kernel, method));
        }
        out.push(self.at_run(at.after(takes), Due::Armed));
    }

    fn switch(
        &mut self,
        at: Moment,
        (command, method, kernel): (
            wavegate_common::CommandId,
            BootMethod,
            wavegate_common::KernelRelease,
        ),
        out: &mut Vec<HostOutput>,
    ) {
        let Some(from) = self.boot_id() else { return };
        let times = self.switched.entry(command).or_default();
        *times += 1;
        let again = *times > 1;
        let written = self.intended == Some(command);
        let truth =
            Truth::Switched { command, from, method, kernel: kernel.clone(), again, written };
        out.push(HostOutput::Truth(truth));
        self.begin_leaving(at, method, Some((command, kernel)), out);
    }

    /// A record is durable: what it promises is true from now on.
    pub(crate) fn wrote(&mut self, record: &Record, out: &mut Vec<HostOutput>) {
        let truth = match record {
            Record::Seen { generation } | Record::Refused { generation, .. } => {
                self.generation = self.generation.max(*generation);
                Truth::Generation(self.generation)
            }
            Record::ActivateBegun { command, rollout, .. }
            | Record::StageBegun { command, rollout, .. } => {
                Truth::Accepted { command: *command, rollout: *rollout }
            }
            Record::SwitchBegun { command, .. } => {
                self.intended = Some(*command);
                Truth::Intended { command: *command }
            }
            Record::RevertBegun { command, .. } => Truth::RevertIntended { command: *command },
            _ => return,
        };
        out.push(HostOutput::Truth(truth));
    }

    /// Something that takes time is done.
    pub(crate) fn done(&mut self, at: Moment, what: Due, out: &mut Vec<HostOutput>) {
        if !self.has_agent() {
            return;
        }
        let done = match what {
            Due::Tick => {
                if let Some(agent) = self.agent_mut() {
                    agent.ticking = false;
                }
                self.step(at, Input::Tick, out);
                return;
            }
            Due::Staged => Done::Staged(self.staged(out)),
            Due::Drained => Done::Drained(self.drained()),
            Due::Undrained => {
                if self.away {
                    self.away = false;
                    out.push(HostOutput::Truth(Truth::Back));
                }
                Done::Undrained(Ok(()))
            }
            Due::Armed => Done::Armed(self.armed()),
            Due::Disarmed => {
                self.one_shot = None;
                if let Some(boot) = self.boot_mut() {
                    boot.loaded = None;
                }
                Done::Disarmed(Ok(()))
            }
            Due::Confirmed => Done::Confirmed(self.confirmed(out)),
            _ => return,
        };
        if matches!(what, Due::Staged | Due::Confirmed) {
            self.look_around(at, out);
        }
        self.step(at, Input::Done(done), out);
    }

    fn staged(&mut self, out: &mut Vec<HostOutput>) -> Result<(), String> {
        let release = self.agent_mut().and_then(|agent| agent.staging.take());
        if let Some(error) = &self.faults.stage_fails {
            return Err(error.clone());
        }
        if let Some(release) = release
            && self.installed.insert(release.kernel.clone())
        {
            out.push(HostOutput::Truth(Truth::Installed(release.kernel)));
        }
        Ok(())
    }

    fn drained(&self) -> DrainOutcome {
        if let Some(error) = &self.faults.drain_fails {
            return DrainOutcome::Failed(error.clone());
        }
        match &self.faults.drain_busy {
            Some(what) => DrainOutcome::TryLater(what.clone()),
            None => DrainOutcome::Drained,
        }
    }

    fn armed(&mut self) -> Result<BootMethod, String> {
        let arming = self.agent_mut().and_then(|agent| agent.arming.take());
        let Some((kernel, method)) = arming else {
            return Err("nothing was to be armed".to_owned());
        };
        if !self.installed.contains(&kernel) {
            return Err(format!("{kernel} is not installed"));
        }
        match method {
            BootMethod::Kexec if self.profile.no_kexec.is_empty() => {
                if let Some(boot) = self.boot_mut() {
                    boot.loaded = Some(kernel);
                }
            }
            BootMethod::Kexec => return Err(self.profile.no_kexec.join(", ")),
            BootMethod::Firmware | BootMethod::Auto => self.one_shot = Some(kernel),
        }
        Ok(method)
    }

    fn confirmed(&mut self, out: &mut Vec<HostOutput>) -> Result<(), String> {
        let kernel = self.agent_mut().and_then(|agent| agent.confirming.take());
        let Some(kernel) = kernel else {
            return Err("nothing was to be confirmed".to_owned());
        };
        self.one_shot = None;
        if self.default != kernel {
            self.default = kernel.clone();
            out.push(HostOutput::Truth(Truth::Defaulted(kernel)));
        }
        Ok(())
    }

    /// While an order is open the machine is told that time goes by.
    pub(crate) fn keep_ticking(&mut self, at: Moment, out: &mut Vec<HostOutput>) {
        let tick = self.profile.timing.tick;
        let Some(agent) = self.agent_mut() else { return };
        let open = agent.machine.status().transaction.is_some_and(|t| is_open(&t.step));
        if agent.ticking || !open {
            return;
        }
        agent.ticking = true;
        out.push(self.at_run(at.after(tick), Due::Tick));
    }

    /// Composes the report as the agent does, and hands it out if it says something new.
    pub(crate) fn make_report(&mut self, at: Moment, out: &mut Vec<HostOutput>) {
        let boottime = self.now(at).boottime;
        let health = self.health();
        let Some(agent) = self.agent_mut() else { return };
        let status = agent.machine.status();
        let health = status.health(&health);
        let last = agent.report.clone();
        let look = !status.guard.is_empty() && !agent.looking;
        agent.looking |= look;
        let report = HostReport {
            host: self.profile.id,
            seq: next_seq(last.as_ref().map(|report| report.seq), boottime),
            name: self.profile.name.clone(),
            labels: self.profile.labels.clone(),
            facts: self.profile.facts.clone(),
            boot: status.boot,
            installed: self.installed.iter().cloned().collect(),
            default_kernel: Some(self.default.clone()),
            health,
            transaction: status.transaction,
            generation: status.generation,
            guard: status.guard,
            no_kexec: self.profile.no_kexec.clone(),
            drift: self.faults.drift.clone(),
        };
        if look {
            out.push(self.at_run(at.after(Millis::mins(1)), Due::Look));
        }
        if last.is_some_and(|last| says_the_same(&last, &report)) {
            return;
        }
        let report = Arc::new(report);
        if let Some(agent) = self.agent_mut() {
            agent.report = Some(Arc::clone(&report));
        }
        out.push(HostOutput::Report(report));
    }
}

/// Grows within a boot even over restarts of the agent, which remembers nothing of it: the boot
/// clock does.
fn next_seq(last: Option<u64>, boottime: Millis) -> u64 {
    boottime.0.max(last.map_or(0, |seq| seq.saturating_add(1)))
}

fn says_the_same(last: &HostReport, new: &HostReport) -> bool {
    last.transaction == new.transaction
        && last.health == new.health
        && last.installed == new.installed
        && last.default_kernel == new.default_kernel
        && last.generation == new.generation
        && last.guard == new.guard
        && last.drift == new.drift
        && last.boot == new.boot
}

fn is_open(step: &TransactionStep) -> bool {
    !matches!(
        step,
        TransactionStep::Staged
            | TransactionStep::Confirmed
            | TransactionStep::Aborted { .. }
            | TransactionStep::FellBack { .. }
            | TransactionStep::Failed { .. }
    )
}
