//! One simulated host: what happens to it from outside, and its agent.
//!
//! How it boots is in `boot`, what it does for its agent in `perform`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wavegate_agent::machine::{Input, Machine, Now, Surroundings};
use wavegate_common::{
    BootCause, BootId, BootMethod, CheckResult, CommandId, ControllerMessage, Generation, Health,
    HealthState, HostClass, HostReport, KernelRelease, Millis, Release,
};

use crate::dice::Dice;
use crate::disk::Disk;
use crate::event::{Due, Fault, HostEvent, HostOutput, Timer, Truth};
use crate::physics::Physics;
use crate::profile::HostProfile;
use crate::timing::Moment;

/// One simulated machine with the shipping agent.
#[derive(Debug, Clone)]
pub struct SimHost {
    pub(crate) profile: HostProfile,
    pub(crate) class: HostClass,
    pub(crate) physics: Arc<Physics>,
    pub(crate) dice: Dice,
    pub(crate) disk: Disk,
    pub(crate) power: Power,
    pub(crate) default: KernelRelease,
    pub(crate) installed: BTreeSet<KernelRelease>,
    /// The boot entry that firmware takes once instead of the default.
    pub(crate) one_shot: Option<KernelRelease>,
    /// Whether hooks have taken the workload away and not brought it back.
    pub(crate) away: bool,
    pub(crate) faults: Faults,
    pub(crate) clock_offset: i64,
    /// Counts boots and runs of the agent: timers of those before do nothing.
    pub(crate) boots: u32,
    pub(crate) runs: u32,
    /// Orders by which it left a boot, for telling a second time.
    pub(crate) switched: BTreeMap<CommandId, u32>,
    /// What its checks said last.
    pub(crate) checks: HealthState,
    /// The order whose intent to leave the boot is in the ledger.
    pub(crate) intended: Option<CommandId>,
    /// The highest generation its agent has told of.
    pub(crate) generation: Generation,
}

/// Whether the machine runs.
#[derive(Debug, Clone)]
pub(crate) enum Power {
    /// Dark until somebody presses the button.
    Hung,
    /// On its way up.
    Booting(Box<Booting>),
    /// Running.
    Up(Box<Boot>),
}

/// A boot that has not come up yet.
#[derive(Debug, Clone)]
pub(crate) struct Booting {
    pub(crate) kernel: KernelRelease,
    pub(crate) method: BootMethod,
    pub(crate) evidence: BootCause,
    pub(crate) ordered: Option<(CommandId, KernelRelease)>,
}

/// A boot that is up.
#[derive(Debug, Clone)]
pub(crate) struct Boot {
    pub(crate) id: BootId,
    pub(crate) kernel: KernelRelease,
    pub(crate) method: BootMethod,
    pub(crate) evidence: BootCause,
    pub(crate) since: Moment,
    /// Loaded for kexec.
    pub(crate) loaded: Option<KernelRelease>,
    /// The machine is stopping its services to leave this boot.
    pub(crate) leaving: Option<Leaving>,
    pub(crate) checked: bool,
    pub(crate) agent: Option<Box<Agent>>,
}

/// How a boot will end.
#[derive(Debug, Clone)]
pub(crate) struct Leaving {
    pub(crate) method: BootMethod,
    pub(crate) ordered: Option<(CommandId, KernelRelease)>,
}

/// A run of the agent.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) machine: Machine,
    pub(crate) report: Option<Arc<HostReport>>,
    pub(crate) ticking: bool,
    /// It will look around again soon, for a reason not to reboot may pass.
    pub(crate) looking: bool,
    /// It has not looked around yet.
    pub(crate) blind: bool,
    pub(crate) staging: Option<Release>,
    pub(crate) arming: Option<(KernelRelease, BootMethod)>,
    pub(crate) confirming: Option<KernelRelease>,
}

/// What is wrong with it, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    pub(crate) unhealthy: Option<String>,
    pub(crate) guard: Vec<String>,
    pub(crate) drift: Vec<String>,
    pub(crate) drain_busy: Option<String>,
    pub(crate) drain_fails: Option<String>,
    pub(crate) stage_fails: Option<String>,
    pub(crate) blind_start: Millis,
    pub(crate) sticky_entry: u32,
}

impl SimHost {
    /// A host that is off; [`HostEvent::PowerOn`] boots it. Hosts of one seed differ by their
    /// identity.
    #[must_use]
    pub fn new(profile: HostProfile, physics: Arc<Physics>, seed: u64) -> Self {
        let id = profile.id.0;
        let dice = Dice::new(seed).fork((id >> 64) as u64 ^ id as u64);
        Self {
            class: profile.class(),
            physics,
            dice,
            disk: Disk::default(),
            power: Power::Hung,
            default: profile.kernel.clone(),
            installed: BTreeSet::from([profile.kernel.clone()]),
            one_shot: None,
            away: false,
            faults: Faults::default(),
            clock_offset: profile.clock_offset,
            boots: 0,
            runs: 0,
            switched: BTreeMap::new(),
            intended: None,
            checks: HealthState::Unknown,
            generation: Generation(0),
            profile,
        }
    }

    /// What it is.
    #[must_use]
    pub fn profile(&self) -> &HostProfile {
        &self.profile
    }

    /// Its class.
    #[must_use]
    pub fn class(&self) -> &HostClass {
        &self.class
    }

    /// The kernel that really runs, if the machine does.
    #[must_use]
    pub fn running(&self) -> Option<&KernelRelease> {
        self.boot().map(|boot| &boot.kernel)
    }

    /// The boot that really runs.
    #[must_use]
    pub fn boot_id(&self) -> Option<BootId> {
        self.boot().map(|boot| boot.id)
    }

    /// Whether it is dark until somebody presses the button.
    #[must_use]
    pub fn is_hung(&self) -> bool {
        matches!(self.power, Power::Hung)
    }

    /// The kernel of the default boot entry.
    #[must_use]
    pub fn default_kernel(&self) -> &KernelRelease {
        &self.default
    }

    /// Kernels on its disk.
    #[must_use]
    pub fn installed(&self) -> &BTreeSet<KernelRelease> {
        &self.installed
    }

    /// Whether it is away from its work by our doing.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.away
    }

    /// Whether its agent runs.
    #[must_use]
    pub fn has_agent(&self) -> bool {
        self.boot().is_some_and(|boot| boot.agent.is_some())
    }

    /// The agent's current report, if it runs and has made one.
    #[must_use]
    pub fn report(&self) -> Option<&Arc<HostReport>> {
        self.boot()?.agent.as_ref()?.report.as_ref()
    }

    /// Reasons on the host itself not to reboot it now.
    #[must_use]
    pub fn local_reasons(&self) -> &[String] {
        &self.faults.guard
    }

    /// The highest generation that its ledger holds.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Replaces what kernels do, from the next boot on.
    pub fn set_physics(&mut self, physics: Arc<Physics>) {
        self.physics = physics;
    }

    /// Lets something happen, and says what comes of it, in order.
    pub fn handle(&mut self, at: Moment, event: HostEvent) -> Vec<HostOutput> {
        let mut out = Vec::new();
        self.handle_into(at, event, &mut out);
        out
    }

    /// As [`SimHost::handle`], behind what is in the list already.
    pub fn handle_into(&mut self, at: Moment, event: HostEvent, out: &mut Vec<HostOutput>) {
        match event {
            HostEvent::PowerOn => self.reset(at, BootCause::Unknown, "power button", out),
            HostEvent::Crash => {
                if self.boot().is_some() {
                    self.reset(at, BootCause::Unknown, "power lost", out);
                }
            }
            HostEvent::AgentCrash => self.kill_agent(at, out),
            HostEvent::Receive(message) => self.receive(at, *message, out),
            HostEvent::Timer(timer) => self.due(at, timer, out),
            HostEvent::ClockJump(by) => self.clock_offset = self.clock_offset.saturating_add(by),
            HostEvent::Fault(fault) => self.fault(at, fault, out),
        }
    }

    fn receive(&mut self, at: Moment, message: ControllerMessage, out: &mut Vec<HostOutput>) {
        match message {
            ControllerMessage::Command(command) => self.step(at, Input::Command(command), out),
            ControllerMessage::Permit(answer) => self.step(at, Input::Permit(answer), out),
            // The link answers these; the machine never sees them.
            ControllerMessage::Welcome(_)
            | ControllerMessage::SendReport
            | ControllerMessage::BaselineAck { .. } => {}
        }
    }

    fn fault(&mut self, at: Moment, fault: Fault, out: &mut Vec<HostOutput>) {
        match fault {
            Fault::Unhealthy(what) => self.faults.unhealthy = what,
            Fault::Guard(reasons) => self.faults.guard = reasons,
            Fault::Drift(items) => self.faults.drift = items,
            Fault::DrainBusy(what) => self.faults.drain_busy = what,
            Fault::DrainFails(what) => self.faults.drain_fails = what,
            Fault::StageFails(what) => self.faults.stage_fails = what,
            Fault::DiskFull(full) => self.disk.full = full,
            Fault::BlindStart(span) => self.faults.blind_start = span,
            Fault::StickyEntry(times) => self.faults.sticky_entry = times,
            Fault::NewLedger => {
                if std::mem::take(&mut self.away) {
                    out.push(HostOutput::Truth(Truth::Back));
                }
                self.disk = Disk::default();
                self.generation = Generation(0);
            }
            Fault::RotLedger => self.disk.rot(),
            Fault::TearNextAppend(percent) => self.disk.tear_next = Some(percent),
        }
        self.look_around(at, out);
        self.make_report(at, out);
    }

    /// The agent reads its surroundings afresh.
    pub(crate) fn look_around(&mut self, at: Moment, out: &mut Vec<HostOutput>) {
        let checks = self.health().state;
        if checks != self.checks {
            self.checks = checks;
            out.push(HostOutput::Truth(Truth::Checks(checks)));
        }
        if self.agent_mut().is_some_and(|agent| !agent.blind) {
            let seen = self.surroundings();
            self.step(at, Input::Surroundings(Box::new(seen)), out);
        }
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            installed: self.installed.iter().cloned().collect(),
            default_kernel: Some(self.default.clone()),
            guard: self.faults.guard.clone(),
            no_kexec: self.profile.no_kexec.clone(),
            health: self.health(),
        }
    }

    /// What the host's checks say.
    #[must_use]
    pub fn health(&self) -> Health {
        use crate::physics::KernelBehaviour;
        let Some(boot) = self.boot().filter(|boot| boot.checked) else {
            return Health::default();
        };
        let bad_kernel = self.physics.behaviour(&boot.kernel, &self.class, self.profile.id)
            == KernelBehaviour::BadHealth;
        let service = match &self.faults.unhealthy {
            Some(what) => Err(what.clone()),
            None if bad_kernel => Err("requests fail on this kernel".to_owned()),
            None => Ok(()),
        };
        Health::of(vec![
            CheckResult { name: "units".to_owned(), ok: true, detail: String::new() },
            CheckResult {
                name: "service".to_owned(),
                ok: service.is_ok(),
                detail: service.err().unwrap_or_default(),
            },
        ])
    }

    pub(crate) fn boot(&self) -> Option<&Boot> {
        match &self.power {
            Power::Up(boot) => Some(boot),
            Power::Hung | Power::Booting(_) => None,
        }
    }

    pub(crate) fn boot_mut(&mut self) -> Option<&mut Boot> {
        match &mut self.power {
            Power::Up(boot) => Some(boot),
            Power::Hung | Power::Booting(_) => None,
        }
    }

    pub(crate) fn agent_mut(&mut self) -> Option<&mut Agent> {
        self.boot_mut()?.agent.as_deref_mut()
    }

    /// What the agent's clocks show.
    pub(crate) fn now(&self, at: Moment) -> Now {
        let boottime = self.boot().map_or(Millis(0), |boot| at.since(boot.since));
        Now { boottime, wall: at.wall(self.clock_offset) }
    }

    /// A timer of this boot.
    pub(crate) fn at_boot(&self, at: Moment, what: Due) -> HostOutput {
        HostOutput::At(at, Timer { what, of: self.boots })
    }

    /// A timer of this run of the agent.
    pub(crate) fn at_run(&self, at: Moment, what: Due) -> HostOutput {
        HostOutput::At(at, Timer { what, of: self.runs })
    }

    fn kill_agent(&mut self, at: Moment, out: &mut Vec<HostOutput>) {
        let Some(boot) = self.boot_mut() else { return };
        if boot.agent.take().is_none() {
            return;
        }
        out.push(HostOutput::AgentDown);
        out.push(HostOutput::Truth(Truth::AgentStopped));
        let back = self.profile.timing.agent_start.sample(&mut self.dice);
        out.push(self.at_boot(at.after(back), Due::AgentStart));
    }

    /// The agent died in the middle of its work.
    pub(crate) fn agent_died(&mut self, at: Moment, out: &mut Vec<HostOutput>) {
        self.kill_agent(at, out);
    }
}
