//! What breaks, and when.

use wavegate_common::Millis;
use wavegate_simfleet::{Dice, Fault, HostEvent, Moment};

use super::controller::Running;
use super::operator::OperatorStep;
use super::step::Step;
use super::world::World;

/// One thing that breaks, or is mended.
#[derive(Debug, Clone)]
pub(super) enum FaultStep {
    /// A random agent dies.
    AgentCrash,
    /// A random host's next ledger write is cut short.
    TornWrite,
    /// A random host goes down.
    HostCrash,
    /// A random rack is cut off for a while.
    CutRack,
    /// Most hosts are cut off for a while.
    CutMost,
    /// This host is cut off for so long.
    Cut(u32, Millis),
    /// These hosts are reachable again.
    Mend(Vec<u32>),
    /// A random host's clock jumps.
    HostClock,
    /// A controller's clock jumps.
    ControllerClock,
    /// A controller is killed.
    Kill,
    /// A copy of the database is taken that will be restored later.
    Copy,
    /// The copy is restored, and the controllers start on it.
    Restore,
    /// A byte in the middle of a random host's ledger goes bad, and its agent dies.
    RotLedger,
    /// A random host complains about something.
    Complain,
    /// A random host's firmware cannot clear its next one-shot entry.
    StickyEntry,
    /// The host has nothing to complain of any more.
    Content(u32, Fault),
}

impl World {
    /// Strews the faults of the options over the safety phase.
    pub(super) fn schedule_faults(&mut self) {
        use FaultStep as F;
        let counts = self.options.faults;
        let kinds = [
            (counts.agent_crashes, F::AgentCrash),
            (counts.torn_writes, F::TornWrite),
            (counts.host_crashes, F::HostCrash),
            (counts.rack_partitions, F::CutRack),
            (counts.wide_partitions, F::CutMost),
            (counts.host_clocks, F::HostClock),
            (counts.controller_clocks, F::ControllerClock),
            (counts.kills, F::Kill),
            (counts.restores, F::Copy),
            (counts.rotten_ledgers, F::RotLedger),
            (counts.complaints, F::Complain),
            (counts.sticky_entries, F::StickyEntry),
        ];
        let mut dice = self.dice.fork(31);
        let latest = self.options.heal_at.0;
        for (count, fault) in kinds {
            for _ in 0..count {
                let at = Moment(dice.between(latest / 20, latest.saturating_sub(1)));
                self.queue.push(at, Step::Fault(fault.clone()));
            }
        }
        for _ in 0..self.options.operator_acts {
            let at = Moment(dice.between(latest / 10, latest.saturating_sub(1)));
            let step = OperatorStep::Anything(dice.roll());
            self.queue.push(at, Step::Operator(step));
        }
    }

    pub(super) fn fault(&mut self, fault: FaultStep) {
        use FaultStep as F;
        let mut dice = self.dice.fork(self.steps);
        let host = u32::try_from(dice.below(self.seats.len() as u64)).unwrap_or(0);
        self.trace.hash(&[u64::from(host)]);
        match fault {
            F::AgentCrash => self.host_event(host, HostEvent::AgentCrash),
            F::TornWrite => {
                let percent = *dice.pick(&[0, 1, 50, 99, 100, 100, 100]).unwrap_or(&100);
                self.host_event(host, HostEvent::Fault(Fault::TearNextAppend(percent)));
            }
            F::HostCrash => self.host_event(host, HostEvent::Crash),
            F::CutRack => {
                let hosts = self.rack_of(host);
                self.cut(hosts, Millis::secs(dice.between(30, 2_400)));
            }
            F::CutMost => {
                let hosts = if dice.chance(500_000) {
                    (0..self.seats.len() as u32).filter(|_| dice.chance(800_000)).collect()
                } else {
                    self.beyond(host)
                };
                self.cut(hosts, Millis::secs(dice.between(30, 1_800)));
            }
            F::Cut(host, span) => self.cut(vec![host], span),
            F::Mend(hosts) => self.mend(&hosts),
            F::HostClock => self.host_event(host, HostEvent::ClockJump(jump(&mut dice))),
            F::ControllerClock => {
                let at = self.some_place(&mut dice);
                let by = jump(&mut dice);
                if let Some(controller) = self.controllers.get_mut(at) {
                    controller.clock_offset = by;
                }
                let differ = self.controllers.iter().any(|c| c.clock_offset != by);
                self.judge.clock_leapt(differ, self.now);
                self.say(None, || format!("clock of controller {at} is wrong by {by} ms"));
            }
            F::Kill => {
                let at = self.some_place(&mut dice);
                self.crash_controller(at);
            }
            F::Copy => self.copy_store(&mut dice),
            F::Restore => self.restore_store(),
            F::RotLedger => {
                self.host_event(host, HostEvent::Fault(Fault::RotLedger));
                self.host_event(host, HostEvent::AgentCrash);
                self.rotten.push(host);
            }
            F::Complain => self.complain(host, &mut dice),
            F::StickyEntry => {
                let times = u32::try_from(dice.between(1, 3)).unwrap_or(1);
                self.host_event(host, HostEvent::Fault(Fault::StickyEntry(times)));
            }
            F::Content(host, fault) => {
                // An agent whose ledger could not be written starts anew to find it mended.
                let restart = fault == Fault::DiskFull(false);
                self.host_event(host, HostEvent::Fault(fault));
                if restart {
                    self.host_event(host, HostEvent::AgentCrash);
                }
            }
        }
    }

    fn some_place(&self, dice: &mut Dice) -> usize {
        usize::try_from(dice.below(self.controllers.len() as u64)).unwrap_or(0)
    }

    pub(super) fn rack_of(&self, host: u32) -> Vec<u32> {
        let rack = |seat: &super::world::Seat| seat.host.profile().labels.get("rack").cloned();
        let wanted = self.seats.get(host as usize).and_then(rack);
        let all = self.seats.iter().zip(0u32..);
        all.filter(|(seat, _)| rack(seat) == wanted).map(|(_, at)| at).collect()
    }

    /// Hosts of all other power feeds: where the rest is in full sight.
    fn beyond(&self, host: u32) -> Vec<u32> {
        let feed = |seat: &super::world::Seat| seat.host.profile().labels.get("power").cloned();
        let own = self.seats.get(host as usize).and_then(feed);
        let all = self.seats.iter().zip(0u32..);
        all.filter(|(seat, _)| feed(seat) != own).map(|(_, at)| at).collect()
    }

    /// Cuts hosts off for a while.
    pub(super) fn cut(&mut self, hosts: Vec<u32>, span: Millis) {
        self.say(None, || format!("{} hosts are cut off for {span}", hosts.len()));
        for host in &hosts {
            self.network.set_cut(*host, true);
            self.hang_up(*host);
        }
        self.later(span, Step::Fault(FaultStep::Mend(hosts)));
    }

    pub(super) fn mend(&mut self, hosts: &[u32]) {
        self.say(None, || format!("{} hosts are reachable again", hosts.len()));
        for host in hosts {
            self.network.set_cut(*host, false);
        }
    }

    fn copy_store(&mut self, dice: &mut Dice) {
        self.say(None, || "a copy of the database is taken".to_owned());
        self.copy_database();
        let span = Millis::secs(dice.between(60, 3_000));
        let latest = self.options.heal_at.since(self.now);
        self.later(span.min(latest), Step::Fault(FaultStep::Restore));
    }

    pub(super) fn restore_store(&mut self) {
        let Some(copy) = self.copy.take() else { return };
        self.say(None, || "the database is replaced by its copy".to_owned());
        for at in 0..self.controllers.len() {
            self.stop_controller(at);
        }
        self.store = *copy;
        self.judge.restored(&self.seats, &self.store, self.now);
        for at in 0..self.controllers.len() {
            self.start_later(at, Millis::secs(5));
        }
    }

    fn complain(&mut self, host: u32, dice: &mut Dice) {
        let text = || Some("as the dice fell".to_owned());
        let (bad, good) = match dice.below(8) {
            0 => (Fault::Unhealthy(text()), Fault::Unhealthy(None)),
            1 => (Fault::Guard(vec!["hold file".to_owned()]), Fault::Guard(Vec::new())),
            2 => (Fault::Drift(vec!["sysctl".to_owned()]), Fault::Drift(Vec::new())),
            3 => (Fault::DrainBusy(text()), Fault::DrainBusy(None)),
            4 => (Fault::DrainFails(text()), Fault::DrainFails(None)),
            5 => (Fault::StageFails(text()), Fault::StageFails(None)),
            6 => (
                Fault::BlindStart(Millis::secs(dice.between(1, 900))),
                Fault::BlindStart(Millis(0)),
            ),
            _ => (Fault::DiskFull(true), Fault::DiskFull(false)),
        };
        self.host_event(host, HostEvent::Fault(bad));
        let span = Millis::secs(dice.between(30, 3_600));
        self.later(span, Step::Fault(FaultStep::Content(host, good)));
    }

    /// Everything that can be mended is: the liveness phase begins.
    pub(super) fn heal(&mut self) {
        self.say(None, || "everything that can be mended is".to_owned());
        self.options.die_ppm = 0;
        self.options.freeze_ppm = 0;
        self.network.mend();
        self.copy = None;
        // Two controllers at once are a fault too: each hears only of the hosts on its own streams.
        for at in 1..self.controllers.len() {
            self.stop_controller(at);
        }
        for at in 0..1 {
            if let Some(controller) = self.controllers.get_mut(at) {
                if controller.clock_offset != 0 {
                    controller.clock_offset = 0;
                    self.judge.clock_leapt(false, self.now);
                }
                if let Running::Frozen(_) = controller.state {
                    controller.state = Running::Up;
                }
            }
            let down = self.controllers.get(at).is_some_and(|c| c.state == Running::Down);
            if down {
                self.start_later(at, Millis::secs(1));
            }
        }
        for host in std::mem::take(&mut self.rotten) {
            self.judge.forget_ledger(host);
            self.host_event(host, HostEvent::Fault(Fault::NewLedger));
            self.host_event(host, HostEvent::AgentCrash);
        }
        let fine = [
            Fault::Unhealthy(None),
            Fault::Guard(Vec::new()),
            Fault::Drift(Vec::new()),
            Fault::DrainBusy(None),
            Fault::DrainFails(None),
            Fault::StageFails(None),
            Fault::DiskFull(false),
            Fault::StickyEntry(0),
        ];
        for host in 0..self.seats.len() as u32 {
            for fault in &fine {
                self.host_event(host, HostEvent::Fault(fault.clone()));
            }
            self.host_event(host, HostEvent::AgentCrash);
        }
        self.later(Millis::mins(3), Step::Operator(OperatorStep::Tidy));
    }
}

fn jump(dice: &mut Dice) -> i64 {
    let size = [30_000, 600_000, 7_200_000, 315_576_000_000];
    let size: i64 = dice.pick(&size).copied().unwrap_or(0);
    if dice.chance(500_000) { size } else { -size }
}
