//! One simulated host around the machine: it keeps what is durable and passes time.

use wavegate_common::{
    Action, BootCause, BootId, BootMethod, BootOrder, CheckResult, Command, CommandId, Generation,
    Health, HostId, KernelRelease, Millis, PermitAnswer, PermitDecision, PermitRequest,
    Precondition, Release, ReleaseName, ReleaseSource, RolloutId, Timestamp, TransactionStep,
};

use crate::machine::{
    Done, DrainOutcome, Effect, Input, Machine, MachineConfig, Now, Record, Start, Status,
    Surroundings,
};

pub(super) const OLD: &str = "6.1.0-55";
pub(super) const NEW: &str = "6.1.0-56";
pub(super) const HOST: HostId = HostId(7);
pub(super) const DAY: Millis = Millis::hours(24);

pub(super) struct Bench {
    pub(super) machine: Machine,
    pub(super) disk: Vec<Record>,
    pub(super) damaged: bool,
    pub(super) config: MachineConfig,
    pub(super) boot: u128,
    pub(super) kernel: String,
    pub(super) boottime: Millis,
    pub(super) wall: i64,
    pub(super) starts: u64,
    pub(super) seen: Surroundings,
    /// Every effect since the bench was made.
    pub(super) log: Vec<Effect>,
}

impl Bench {
    /// A host that has been up for a day on the old kernel, seen by its agent before.
    pub(super) fn new() -> Self {
        Self::with(MachineConfig::default())
    }

    pub(super) fn with(config: MachineConfig) -> Self {
        let start = start_of(1, OLD, BootCause::Unknown, Vec::new(), false, 0);
        let now = Now { boottime: DAY, wall: Timestamp(1_000_000_000) };
        let (machine, effects) = Machine::start(HOST, start, config, now);
        let mut bench = Self {
            machine,
            disk: Vec::new(),
            damaged: false,
            config,
            boot: 1,
            kernel: OLD.to_owned(),
            boottime: DAY,
            wall: 1_000_000_000,
            starts: 0,
            seen: Surroundings {
                installed: vec![OLD.into()],
                default_kernel: Some(OLD.into()),
                health: healthy(),
                ..Surroundings::default()
            },
            log: Vec::new(),
        };
        bench.carry_out(effects);
        bench.look();
        bench
    }

    fn carry_out(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        for effect in &effects {
            if let Effect::Append(record) = effect {
                assert!(!self.damaged, "a ledger with a hole is left alone");
                self.disk.push(record.clone());
            }
        }
        self.log.extend(effects.iter().cloned());
        effects
    }

    pub(super) fn now(&self) -> Now {
        Now { boottime: self.boottime, wall: Timestamp(self.wall) }
    }

    pub(super) fn feed(&mut self, input: Input) -> Vec<Effect> {
        let effects = self.machine.step(input, self.now());
        self.carry_out(effects)
    }

    /// Feeds something and leaves out of the answer what only tells.
    pub(super) fn acts(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = self.feed(input);
        effects.retain(|effect| !matches!(effect, Effect::Report | Effect::Log(_)));
        effects
    }

    pub(super) fn look(&mut self) -> Vec<Effect> {
        self.acts(Input::Surroundings(Box::new(self.seen.clone())))
    }

    pub(super) fn done(&mut self, done: Done) -> Vec<Effect> {
        self.acts(Input::Done(done))
    }

    /// Lets time go by and ticks once.
    pub(super) fn pass(&mut self, span: Millis) -> Vec<Effect> {
        self.boottime.0 += span.0;
        self.wall += i64::try_from(span.0).unwrap();
        self.acts(Input::Tick)
    }

    /// Starts the agent anew in the same boot and looks around.
    pub(super) fn restart(&mut self) -> Vec<Effect> {
        let mut effects = self.start(BootCause::Unknown);
        effects.extend(self.look());
        effects.retain(|effect| !matches!(effect, Effect::Report | Effect::Log(_)));
        effects
    }

    pub(super) fn start(&mut self, evidence: BootCause) -> Vec<Effect> {
        self.starts += 1;
        let disk = self.disk.clone();
        let start = start_of(self.boot, &self.kernel, evidence, disk, self.damaged, self.starts);
        let (machine, effects) = Machine::start(HOST, start, self.config, self.now());
        self.machine = machine;
        self.carry_out(effects)
    }

    /// A new boot, up for half a minute when its agent starts.
    pub(super) fn boot(&mut self, kernel: &str, evidence: BootCause) -> Vec<Effect> {
        self.boot += 1;
        self.kernel = kernel.to_owned();
        self.boottime = Millis::secs(30);
        self.wall += 120_000;
        self.start(evidence)
    }

    pub(super) fn status(&self) -> Status {
        self.machine.status()
    }

    pub(super) fn step(&self) -> TransactionStep {
        self.status().transaction.expect("a transaction").step
    }

    pub(super) fn order(&self, id: u128, action: Action) -> Command {
        Command {
            id: CommandId(id),
            host: HOST,
            rollout: RolloutId(1),
            generation: Generation(5),
            precondition: Precondition {
                boot_id: BootId(self.boot),
                running: self.kernel.as_str().into(),
                ttl: Millis::mins(1),
            },
            action,
        }
    }

    pub(super) fn send(&mut self, command: Command) -> Vec<Effect> {
        self.acts(Input::Command(Box::new(command)))
    }

    pub(super) fn activate(&mut self, id: u128) -> Vec<Effect> {
        let order = self.order(id, Action::Activate(boot_order()));
        self.send(order)
    }

    pub(super) fn cancel(&mut self, id: u128) -> Vec<Effect> {
        let order = self.order(id, Action::Cancel);
        self.send(order)
    }

    pub(super) fn confirm(&mut self, id: u128) -> Vec<Effect> {
        let order = self.order(id, Action::Confirm { kernel: self.kernel.as_str().into() });
        self.send(order)
    }

    /// As far as the question for the permit.
    pub(super) fn until_question(&mut self, id: u128) -> PermitRequest {
        self.activate(id);
        self.done(Done::Drained(DrainOutcome::Drained));
        let effects = self.done(Done::Armed(Ok(BootMethod::Kexec)));
        asked(&effects).unwrap_or_else(|| panic!("no question in {effects:?}"))
    }

    pub(super) fn grant(&mut self, request: &PermitRequest) -> Vec<Effect> {
        let decision = PermitDecision::Granted { valid_for: Millis::secs(5) };
        self.acts(Input::Permit(answer(request, decision)))
    }

    /// As far as the trial of the new kernel.
    pub(super) fn until_trial(&mut self, id: u128) {
        let request = self.until_question(id);
        let effects = self.grant(&request);
        assert!(switches(&effects), "{effects:?}");
        self.boot(NEW, BootCause::Unknown);
        assert_eq!(self.step(), TransactionStep::Trial);
        self.look();
    }

    pub(super) fn until_verified(&mut self, id: u128) {
        self.until_trial(id);
        self.pass(boot_order().soak);
        self.look();
        assert_eq!(self.step(), TransactionStep::Verified);
    }

    pub(super) fn until_confirmed(&mut self, id: u128, confirm: u128) {
        self.until_verified(id);
        self.confirm(confirm);
        self.done(Done::Confirmed(Ok(())));
        self.done(Done::Undrained(Ok(())));
        self.seen.default_kernel = Some(self.kernel.as_str().into());
        self.look();
        assert_eq!(self.step(), TransactionStep::Confirmed);
    }
}

fn start_of(
    boot: u128,
    kernel: &str,
    evidence: BootCause,
    ledger: Vec<Record>,
    ledger_damaged: bool,
    nonce_seed: u64,
) -> Start {
    Start {
        boot_id: BootId(boot),
        kernel: kernel.into(),
        started_by: None,
        evidence,
        ledger,
        ledger_damaged,
        nonce_seed,
    }
}

pub(super) fn healthy() -> Health {
    Health::of(vec![CheckResult { name: "units".into(), ok: true, detail: String::new() }])
}

pub(super) fn unhealthy() -> Health {
    Health::of(vec![CheckResult { name: "units".into(), ok: false, detail: String::new() }])
}

pub(super) fn release(kernel: &str) -> Release {
    Release {
        name: ReleaseName::from(kernel),
        kernel: KernelRelease::from(kernel),
        source: ReleaseSource::Package { package: format!("linux-image-{kernel}"), version: None },
        append: Vec::new(),
    }
}

pub(super) fn boot_order() -> BootOrder {
    BootOrder {
        release: release(NEW),
        method: BootMethod::Auto,
        drain_timeout: Millis::mins(5),
        verify_timeout: Millis::mins(10),
        soak: Millis::secs(60),
    }
}

pub(super) fn answer(request: &PermitRequest, decision: PermitDecision) -> PermitAnswer {
    PermitAnswer {
        host: request.host,
        command: request.command,
        nonce: request.nonce,
        boot_id: request.boot_id,
        decision,
    }
}

pub(super) fn asked(effects: &[Effect]) -> Option<PermitRequest> {
    effects.iter().find_map(|effect| match effect {
        Effect::AskPermit(request) => Some(request.clone()),
        _ => None,
    })
}

pub(super) fn switches(effects: &[Effect]) -> bool {
    matches!(effects, [.., Effect::Append(Record::SwitchBegun { .. }), Effect::Switch { .. }])
}

pub(super) fn is_aborted(step: &TransactionStep, words: &str) -> bool {
    matches!(step, TransactionStep::Aborted { reason } if reason.contains(words))
}
