//! A host of many accidents: it carries out what the machine says, dies in the middle of it,
//! reboots, runs out of disk, and looks after the promises that must hold all the while.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use wavegate_common::{
    Action, BootCause, BootId, BootMethod, Command, CommandId, Denied, Generation, Health, Millis,
    PermitDecision, PermitRequest, Precondition, Release, RolloutId, Timestamp, TransactionStep,
};

use super::bench::{HOST, NEW, OLD, answer, boot_order, healthy, release, unhealthy};
use crate::ledger::compact;
use crate::machine::{
    Done, DrainOutcome, Effect, Input, Machine, MachineConfig, Now, Record, Start, Surroundings,
};

/// What may happen.
#[derive(Debug, Clone, Copy)]
pub(super) enum Op {
    /// An order: its kind, its id, whether it is made afresh for the host as it is now.
    Send {
        kind: u8,
        id: u8,
        fresh: bool,
        generation: u8,
    },
    /// The shell has done its oldest job; how well.
    Done(u8),
    /// An answer to the last question, or to an older one.
    Permit {
        yes: bool,
        back: u8,
    },
    Pass(u32),
    Look {
        healthy: bool,
        held: bool,
    },
    /// Whatever brings a good world further.
    Further {
        id: u8,
    },
    /// The agent dies after carrying out so many effects of the next batch.
    CrashAfter(u8),
    /// The ledger is shortened.
    Compact,
    /// The next record cannot be written.
    FullDisk,
    Reboot {
        onto_new: bool,
    },
    /// The next switch fails.
    RefuseSwitch,
    /// Power is cut and the disk had kept less than it promised.
    LoseRecords(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Job {
    Stage,
    Drain,
    Undrain,
    Arm,
    Disarm,
    Confirm,
}

pub(super) struct World {
    pub(super) machine: Machine,
    pub(super) disk: Vec<Record>,
    jobs: VecDeque<Job>,
    orders: BTreeMap<u8, Command>,
    questions: Vec<PermitRequest>,
    pub(super) boot: u128,
    pub(super) kernel: &'static str,
    default: &'static str,
    now: Now,
    pub(super) drained: bool,
    full: bool,
    refuse_switch: bool,
    crash_after: Option<usize>,
    starts: u64,
    /// An id is given to one order only.
    pub(super) honest: bool,
    switched: BTreeSet<CommandId>,
    reverted: BTreeSet<CommandId>,
}

impl World {
    pub(super) fn new() -> Self {
        let now = Now { boottime: Millis::hours(24), wall: Timestamp(1 << 40) };
        let start = start_of(1, OLD, Vec::new(), 0);
        let (machine, effects) = Machine::start(HOST, start, MachineConfig::default(), now);
        let mut world = Self {
            machine,
            disk: Vec::new(),
            jobs: VecDeque::new(),
            orders: BTreeMap::new(),
            questions: Vec::new(),
            boot: 1,
            kernel: OLD,
            default: OLD,
            now,
            drained: false,
            full: false,
            refuse_switch: false,
            crash_after: None,
            starts: 0,
            honest: false,
            switched: BTreeSet::new(),
            reverted: BTreeSet::new(),
        };
        world.carry_out(effects);
        world
    }

    fn start(&mut self) {
        self.starts += 1;
        self.jobs.clear();
        self.full = false;
        let start = start_of(self.boot, self.kernel, self.disk.clone(), self.starts);
        let (machine, effects) = Machine::start(HOST, start, MachineConfig::default(), self.now);
        self.machine = machine;
        self.carry_out(effects);
    }

    fn reboot(&mut self, kernel: &'static str) {
        self.boot += 1;
        self.kernel = kernel;
        self.now.boottime = Millis::secs(20);
        self.start();
    }

    fn feed(&mut self, input: Input) {
        let effects = self.machine.step(input, self.now);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        let crash = self.crash_after.take();
        let mut announced = None;
        let count = effects.len();
        for (index, effect) in effects.into_iter().enumerate() {
            if crash == Some(index) {
                return self.start();
            }
            match effect {
                Effect::Append(_) if self.full => {
                    return self.feed(Input::LedgerFailed("disk full".into()));
                }
                Effect::Append(record) => {
                    match &record {
                        Record::SwitchBegun { command, .. }
                        | Record::RevertBegun { command, .. } => announced = Some(*command),
                        _ => {}
                    }
                    self.disk.push(record);
                }
                Effect::Switch { command, kernel, .. } => {
                    assert_eq!(announced, Some(command), "a switch that nothing announced");
                    assert_eq!(index, count - 1, "something follows a switch");
                    assert!(self.switched.insert(command), "two switches for {command}");
                    if std::mem::take(&mut self.refuse_switch) {
                        return self.feed(Input::Done(Done::SwitchFailed("refused".into())));
                    }
                    // One in four falls back.
                    let back = command.0 % 4 == 3;
                    let onto = if kernel.as_str() == NEW && !back { NEW } else { OLD };
                    return self.reboot(onto);
                }
                Effect::Revert { command } => {
                    assert_eq!(announced, Some(command), "a way back that nothing announced");
                    assert!(self.reverted.insert(command), "two ways back for {command}");
                    return self.reboot(self.default);
                }
                Effect::Confirm(kernel) => {
                    assert_eq!(kernel.as_str(), self.kernel, "a kernel that does not run");
                    self.default = self.kernel;
                    self.jobs.push_back(Job::Confirm);
                }
                Effect::AskPermit(request) => self.questions.push(request),
                Effect::Drain { .. } => {
                    self.drained = true;
                    self.jobs.push_back(Job::Drain);
                }
                Effect::Stage(_) => self.jobs.push_back(Job::Stage),
                Effect::Undrain => self.jobs.push_back(Job::Undrain),
                Effect::Arm(_) => self.jobs.push_back(Job::Arm),
                Effect::Disarm => self.jobs.push_back(Job::Disarm),
                Effect::Report | Effect::Log(_) => {}
            }
        }
    }

    fn finish_job(&mut self, how: u8) {
        let Some(job) = self.jobs.pop_front() else { return };
        let result = if how == 0 { Ok(()) } else { Err("no".to_owned()) };
        let done = match job {
            Job::Stage => Done::Staged(result),
            Job::Drain => Done::Drained(match how {
                0 => DrainOutcome::Drained,
                1 => DrainOutcome::TryLater("busy".into()),
                _ => DrainOutcome::Failed("no".into()),
            }),
            Job::Undrain => {
                self.drained &= result.is_err();
                Done::Undrained(result)
            }
            Job::Arm => Done::Armed(result.map(|()| BootMethod::Kexec)),
            Job::Disarm => Done::Disarmed(result),
            Job::Confirm => Done::Confirmed(result),
        };
        self.feed(Input::Done(done));
    }

    fn order(&mut self, kind: u8, id: u8, generation: u8) -> Command {
        let mut back = boot_order();
        back.release = Release::installed(OLD.into());
        let action = match kind {
            0 => Action::Stage { release: release(NEW) },
            1 => Action::Activate(boot_order()),
            2 => Action::Confirm { kernel: self.kernel.into() },
            3 => Action::Cancel,
            _ => Action::Activate(back),
        };
        Command {
            id: CommandId(u128::from(id) + 10 * u128::from(kind)),
            host: HOST,
            rollout: RolloutId(1),
            generation: Generation(generation.into()),
            precondition: Precondition {
                boot_id: BootId(self.boot),
                running: self.kernel.into(),
                ttl: Millis::mins(1),
            },
            action,
        }
    }

    fn look(&mut self, health: Health, held: bool) {
        let guard = if held { vec!["held".to_owned()] } else { Vec::new() };
        let seen = Surroundings {
            default_kernel: Some(self.default.into()),
            health,
            guard,
            ..Surroundings::default()
        };
        self.feed(Input::Surroundings(Box::new(seen)));
    }

    pub(super) fn run(&mut self, op: Op) {
        match op {
            Op::Send { kind, id, fresh, generation } => {
                let made = self.order(kind, id, generation);
                let key = id + 10 * kind;
                if fresh && !self.honest {
                    self.orders.insert(key, made);
                } else {
                    self.orders.entry(key).or_insert(made);
                }
                self.feed(Input::Command(Box::new(self.orders[&key].clone())));
            }
            Op::Done(how) => self.finish_job(how),
            Op::Permit { yes, back } => {
                let asked = self.questions.iter().rev().nth(usize::from(back)).cloned();
                let Some(request) = asked else { return };
                let decision = if yes {
                    PermitDecision::Granted { valid_for: Millis::secs(5) }
                } else {
                    PermitDecision::Denied(Denied::Paused)
                };
                self.feed(Input::Permit(answer(&request, decision)));
            }
            Op::Pass(span) => {
                self.now.boottime.0 += u64::from(span);
                self.feed(Input::Tick);
            }
            Op::Look { healthy: true, held } => self.look(healthy(), held),
            Op::Look { healthy: false, held } => self.look(unhealthy(), held),
            Op::Further { id } => self.further(id),
            Op::CrashAfter(count) => self.crash_after = Some(count.into()),
            Op::Compact => self.disk = compact(&self.disk),
            Op::FullDisk => self.full = true,
            Op::Reboot { onto_new } => self.reboot(if onto_new { NEW } else { self.default }),
            Op::RefuseSwitch => self.refuse_switch = true,
            Op::LoseRecords(count) => {
                let kept = self.disk.len().saturating_sub(usize::from(count) % 16);
                self.disk.truncate(kept);
                self.reboot(self.kernel);
            }
        }
    }

    fn further(&mut self, id: u8) {
        if self.machine.surroundings.is_none() {
            self.look(healthy(), false);
        }
        let step = self.machine.status().transaction.map(|last| last.step);
        let send = |kind| Op::Send { kind, id, fresh: true, generation: 6 };
        match step {
            _ if !self.jobs.is_empty() => self.finish_job(0),
            Some(TransactionStep::AwaitingPermit) => {
                self.run(Op::Pass(6_000));
                self.run(Op::Permit { yes: true, back: 0 });
            }
            Some(TransactionStep::Trial) => {
                self.look(healthy(), false);
                self.run(Op::Pass(61_000));
            }
            Some(TransactionStep::Verified) => self.run(send(2)),
            Some(TransactionStep::Staged) | None if self.kernel == OLD => self.run(send(1)),
            Some(TransactionStep::Confirmed) if self.kernel == NEW => self.run(send(4)),
            _ => {
                self.run(Op::Pass(22_000_000));
                self.run(send(id % 2));
            }
        }
    }

    /// Everything goes well from here on, but nobody orders or permits anything.
    pub(super) fn settle(&mut self) {
        self.crash_after = None;
        self.start();
        for _ in 0..100 {
            self.look(healthy(), false);
            while !self.jobs.is_empty() {
                self.finish_job(0);
            }
            self.now.boottime.0 += 61_000;
            self.feed(Input::Tick);
        }
    }
}

pub(super) fn start_of(boot: u128, kernel: &str, ledger: Vec<Record>, nonce_seed: u64) -> Start {
    Start {
        boot_id: BootId(boot),
        kernel: kernel.into(),
        started_by: None,
        evidence: BootCause::Unknown,
        ledger,
        ledger_damaged: false,
        nonce_seed,
    }
}
