//! How a simulated host goes down and comes up.

use wavegate_agent::machine::{Machine, Start};
use wavegate_common::{BootCause, BootId, BootMethod, CommandId, KernelRelease, Millis};

use crate::event::{Due, HostOutput, Timer, Truth};
use crate::host::{Agent, Boot, Booting, Leaving, Power, SimHost};
use crate::physics::KernelBehaviour;
use crate::timing::Moment;

impl SimHost {
    /// A time that was asked for has come.
    pub(crate) fn due(&mut self, at: Moment, timer: Timer, out: &mut Vec<HostOutput>) {
        let of_boot = matches!(
            timer.what,
            Due::BootDone
                | Due::BootFailed
                | Due::ShutDown
                | Due::Panic
                | Due::AgentStart
                | Due::FirstChecks
        );
        if timer.of != if of_boot { self.boots } else { self.runs } {
            return;
        }
        match timer.what {
            Due::BootDone => self.come_up(at, out),
            Due::BootFailed => self.boot_failed(at, out),
            Due::ShutDown => self.leave(at, out),
            Due::Panic => {
                let evidence = BootCause::Panic { evidence: PANIC.to_owned() };
                self.reset(at, evidence, "panic", out);
            }
            Due::AgentStart => self.start_agent(at, out),
            Due::FirstChecks => {
                if let Some(boot) = self.boot_mut() {
                    boot.checked = true;
                }
                self.look_around(at, out);
                self.make_report(at, out);
            }
            Due::FirstLook => {
                if let Some(agent) = self.agent_mut() {
                    agent.blind = false;
                }
                self.look_around(at, out);
                self.make_report(at, out);
            }
            Due::Look => {
                if let Some(agent) = self.agent_mut() {
                    agent.looking = false;
                }
                self.look_around(at, out);
                self.make_report(at, out);
            }
            Due::Tick
            | Due::Staged
            | Due::Drained
            | Due::Undrained
            | Due::Armed
            | Due::Disarmed
            | Due::Confirmed => self.done(at, timer.what, out),
        }
    }

    /// Begins to leave the boot in order: services stop, then the machine goes.
    pub(crate) fn begin_leaving(
        &mut self,
        at: Moment,
        method: BootMethod,
        ordered: Option<(CommandId, KernelRelease)>,
        out: &mut Vec<HostOutput>,
    ) {
        let stop = self.profile.timing.shutdown.sample(&mut self.dice);
        if let Some(boot) = self.boot_mut() {
            boot.leaving = Some(Leaving { method, ordered });
            // Stopping services stops the agent too.
            if boot.agent.take().is_some() {
                out.push(HostOutput::AgentDown);
                out.push(HostOutput::Truth(Truth::AgentStopped));
            }
        }
        out.push(self.at_boot(at.after(stop), Due::ShutDown));
    }

    fn leave(&mut self, at: Moment, out: &mut Vec<HostOutput>) {
        let Some(boot) = self.boot_mut() else { return };
        let Some(Leaving { method, ordered }) = boot.leaving.take() else { return };
        let loaded = boot.loaded.take();
        self.go_dark(out, "left in order");
        let evidence = BootCause::Operator;
        match (method, loaded) {
            (BootMethod::Kexec, Some(kernel)) => {
                self.begin_boot(at, kernel, BootMethod::Kexec, evidence, ordered, out);
            }
            _ => self.firmware(at, evidence, ordered, out),
        }
    }

    /// Goes down at once and boots through firmware.
    pub(crate) fn reset(
        &mut self,
        at: Moment,
        evidence: BootCause,
        why: &'static str,
        out: &mut Vec<HostOutput>,
    ) {
        // A switch under way when the machine dies is still the switch that took it down.
        let ordered = match &self.power {
            Power::Up(boot) => boot.leaving.as_ref().and_then(|leaving| leaving.ordered.clone()),
            Power::Booting(booting) => booting.ordered.clone(),
            Power::Hung => None,
        };
        let had_agent = self.has_agent();
        if had_agent {
            out.push(HostOutput::AgentDown);
            out.push(HostOutput::Truth(Truth::AgentStopped));
        }
        self.go_dark(out, why);
        self.firmware(at, evidence, ordered, out);
    }

    fn go_dark(&mut self, out: &mut Vec<HostOutput>, why: &'static str) {
        if self.boot().is_some() {
            out.push(HostOutput::Truth(Truth::Down { why }));
        }
        self.checks = wavegate_common::HealthState::Unknown;
        self.power = Power::Hung;
        self.boots = self.boots.wrapping_add(1);
        self.runs = self.runs.wrapping_add(1);
    }

    fn firmware(
        &mut self,
        at: Moment,
        evidence: BootCause,
        ordered: Option<(CommandId, KernelRelease)>,
        out: &mut Vec<HostOutput>,
    ) {
        let kernel = self.next_entry().unwrap_or_else(|| self.default.clone());
        self.begin_boot(at, kernel, BootMethod::Firmware, evidence, ordered, out);
    }

    /// The one-shot entry, which is used up unless it sticks.
    fn next_entry(&mut self) -> Option<KernelRelease> {
        if self.one_shot.is_some() && self.faults.sticky_entry > 0 {
            self.faults.sticky_entry -= 1;
            return self.one_shot.clone();
        }
        self.one_shot.take()
    }

    fn begin_boot(
        &mut self,
        at: Moment,
        kernel: KernelRelease,
        method: BootMethod,
        evidence: BootCause,
        ordered: Option<(CommandId, KernelRelease)>,
        out: &mut Vec<HostOutput>,
    ) {
        let span = match method {
            BootMethod::Kexec => self.profile.timing.kexec,
            BootMethod::Firmware | BootMethod::Auto => self.profile.timing.firmware,
        };
        let takes = span.sample(&mut self.dice);
        let behaviour = self.physics.behaviour(&kernel, &self.class, self.profile.id);
        let (kernel, end) = match behaviour {
            KernelBehaviour::Healthy
            | KernelBehaviour::BadHealth
            | KernelBehaviour::CrashLoop { .. } => (kernel, Some((takes, Due::BootDone))),
            KernelBehaviour::Slow { by } => {
                (kernel, Some((Millis(takes.0.saturating_add(by.0)), Due::BootDone)))
            }
            KernelBehaviour::WrongKernel => (self.default.clone(), Some((takes, Due::BootDone))),
            KernelBehaviour::Panics => (kernel, Some((Millis(takes.0 / 2), Due::BootFailed))),
            KernelBehaviour::HangThenWatchdog { after } => (kernel, Some((after, Due::BootFailed))),
            KernelBehaviour::HangsAtBoot => (kernel, None),
        };
        match end {
            Some((span, due)) => out.push(self.at_boot(at.after(span), due)),
            None => {
                out.push(HostOutput::Truth(Truth::Hangs { kernel }));
                self.power = Power::Hung;
                return;
            }
        }
        self.power = Power::Booting(Box::new(Booting { kernel, method, evidence, ordered }));
    }

    fn boot_failed(&mut self, at: Moment, out: &mut Vec<HostOutput>) {
        let Power::Booting(booting) = &self.power else { return };
        let ordered = booting.ordered.clone();
        let behaviour = self.physics.behaviour(&booting.kernel, &self.class, self.profile.id);
        let evidence = match behaviour {
            KernelBehaviour::HangThenWatchdog { .. } => BootCause::Watchdog,
            _ => BootCause::Panic { evidence: PANIC.to_owned() },
        };
        self.boots = self.boots.wrapping_add(1);
        self.firmware(at, evidence, ordered, out);
    }

    fn come_up(&mut self, at: Moment, out: &mut Vec<HostOutput>) {
        let power = std::mem::replace(&mut self.power, Power::Hung);
        let Power::Booting(booting) = power else {
            self.power = power;
            return;
        };
        let Booting { kernel, method, evidence, ordered } = *booting;
        let id = BootId(self.dice.roll_wide());
        let (by, wanted) = ordered.unzip();
        out.push(HostOutput::Truth(Truth::Booted { boot: id, kernel: kernel.clone(), by, wanted }));
        if let KernelBehaviour::CrashLoop { after } =
            self.physics.behaviour(&kernel, &self.class, self.profile.id)
        {
            out.push(self.at_boot(at.after(after), Due::Panic));
        }
        self.power = Power::Up(Box::new(Boot {
            id,
            kernel,
            method,
            evidence,
            since: at,
            loaded: None,
            leaving: None,
            checked: false,
            agent: None,
        }));
        let start = self.profile.timing.agent_start.sample(&mut self.dice);
        out.push(self.at_boot(at.after(start), Due::AgentStart));
        let checks = self.profile.timing.checks.sample(&mut self.dice);
        out.push(self.at_boot(at.after(start).after(checks), Due::FirstChecks));
    }

    fn start_agent(&mut self, at: Moment, out: &mut Vec<HostOutput>) {
        let Some(boot) = self.boot() else { return };
        if boot.agent.is_some() || boot.leaving.is_some() {
            return;
        }
        let (boot_id, kernel, method, evidence) =
            (boot.id, boot.kernel.clone(), boot.method, boot.evidence.clone());
        let (ledger, ledger_damaged) = self.disk.read();
        let start = Start {
            boot_id,
            kernel,
            started_by: Some(method),
            evidence,
            ledger,
            ledger_damaged,
            nonce_seed: self.dice.roll(),
        };
        let now = self.now(at);
        let (machine, effects) = Machine::start(self.profile.id, start, self.profile.config, now);
        self.runs = self.runs.wrapping_add(1);
        let agent = Agent {
            machine,
            report: None,
            ticking: false,
            blind: true,
            looking: false,
            staging: None,
            arming: None,
            confirming: None,
        };
        if let Some(boot) = self.boot_mut() {
            boot.agent = Some(Box::new(agent));
        }
        out.push(HostOutput::Truth(Truth::AgentStarted { damaged: ledger_damaged }));
        out.push(HostOutput::AgentUp);
        self.perform(at, effects, out);
        let first_look = self.profile.timing.loader.sample(&mut self.dice);
        let blind = std::mem::take(&mut self.faults.blind_start);
        out.push(self.at_run(at.after(first_look).after(blind), Due::FirstLook));
        self.make_report(at, out);
    }
}

/// What the simulated pstore holds after a panic.
const PANIC: &str = "Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b";
