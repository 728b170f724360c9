//! Drives one simulated host on a real clock, over its own connection.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use wavegate_agent::link::{Identity, LinkConfig, LinkEnds, LinkEvent, Pace, Renewal, run_link};
use wavegate_common::{HostReport, Millis, NumberedSlot, PermitRequest, Timestamp};
use wavegate_simfleet::{HostEvent, HostOutput, Moment, SimHost, Timer};

use super::ground::Ground;
use super::measures::{Disks, SLOT, slot};
use crate::clock;

/// No step of the very first boot takes longer: powering up is not what people came to see.
const HURRY: Millis = Millis(400);

/// What all hosts of a demo share.
#[derive(Debug, Clone)]
pub(super) struct World {
    /// When the demo began: moment zero.
    pub(super) begun: Instant,
    /// `host:port` of the controller.
    pub(super) controller: String,
    /// What really happens is written down here.
    pub(super) ground: Arc<Ground>,
    /// The rack that is cut off now, if one is.
    pub(super) cut: watch::Receiver<Option<String>>,
    /// From which everything random follows.
    pub(super) seed: u64,
    /// What disks are like, if hosts measure them.
    pub(super) disks: Option<Arc<Disks>>,
}

impl World {
    fn now(&self) -> Moment {
        Moment(u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn instant(&self, at: Moment) -> Instant {
        self.begun + Duration::from_millis(at.0)
    }

    fn link_config(&self) -> LinkConfig {
        LinkConfig {
            controllers: vec![self.controller.clone()],
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pace: Pace {
                connect_deadline: Duration::from_secs(5),
                retry_floor: Duration::from_millis(300),
                retry_cap: Duration::from_secs(2),
            },
            renewal: Renewal::Never,
        }
    }
}

/// The far ends of a link.
struct Line {
    report: watch::Sender<Arc<HostReport>>,
    permits: mpsc::Sender<PermitRequest>,
    baselines: mpsc::Sender<Vec<NumberedSlot>>,
    events: mpsc::Receiver<LinkEvent>,
    /// Polled here: the host's task is the only one it has.
    running: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// One host on its way through the demo.
pub(super) struct Driver {
    host: SimHost,
    identity: Identity,
    world: World,
    timers: BinaryHeap<Reverse<(Moment, Timer)>>,
    /// It has come up once.
    powered: bool,
    /// The agent runs.
    agent: bool,
    report: Option<Arc<HostReport>>,
    line: Option<Line>,
    /// Slots measured so far.
    slots: u64,
}

impl Driver {
    /// A host that is off, with the identity it enrolled with.
    pub(super) fn new(host: SimHost, identity: Identity, world: World) -> Self {
        let timers = BinaryHeap::new();
        let (powered, agent) = (false, false);
        Self { host, identity, world, timers, powered, agent, report: None, line: None, slots: 0 }
    }

    /// Powers the host up after a while and drives it until the task is dropped.
    pub(super) async fn run(mut self, power_on: Duration) {
        tokio::time::sleep(power_on).await;
        self.feed(HostEvent::PowerOn);
        let mut cut = self.world.cut.clone();
        let mut next_slot = slot_ends();
        loop {
            let due = self.timers.peek().map(|Reverse((at, timer))| (*at, *timer));
            tokio::select! {
                () = wait(&self.world, due.map(|(at, _)| at)) => {
                    if let Some((_, timer)) = due {
                        self.timers.pop();
                        self.feed(HostEvent::Timer(timer));
                    }
                }
                event = next_event(&mut self.line) => self.linked(event),
                () = sleep_until(next_slot), if self.world.disks.is_some() => {
                    next_slot += Duration::from_millis(SLOT.0);
                    self.measure();
                }
                changed = cut.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.connect();
                }
            }
        }
    }

    /// Sends what the disk was like in the slot that has just ended.
    fn measure(&mut self) {
        let (Some(disks), Some(line)) = (&self.world.disks, &self.line) else { return };
        let length = i64::try_from(SLOT.0).unwrap_or(i64::MAX);
        let start = Timestamp(clock::now().0 / length * length - length);
        self.slots += 1;
        if let Some(slot) = slot(&self.host, disks, self.world.seed, start, self.slots) {
            // A link that is behind loses a slot, as a spool that is full would.
            let _ = line.baselines.try_send(vec![slot]);
        }
    }

    fn linked(&mut self, event: Option<LinkEvent>) {
        match event {
            Some(LinkEvent::Message(message)) => {
                self.feed(HostEvent::Receive(Box::new(message)));
            }
            Some(LinkEvent::Renewed(identity)) => self.identity = identity,
            Some(LinkEvent::Up { .. } | LinkEvent::Down { .. }) => {}
            None => self.line = None,
        }
    }

    fn feed(&mut self, event: HostEvent) {
        let outputs = self.host.handle(self.world.now(), event);
        for output in outputs {
            match output {
                HostOutput::At(at, timer) => {
                    let at = if self.powered { at } else { at.min(self.world.now().after(HURRY)) };
                    self.timers.push(Reverse((at, timer)));
                }
                HostOutput::AgentUp => (self.agent, self.powered) = (true, true),
                HostOutput::AgentDown => {
                    self.agent = false;
                    (self.report, self.line) = (None, None);
                }
                HostOutput::Report(report) => {
                    self.report = Some(Arc::clone(&report));
                    match &self.line {
                        Some(line) => {
                            line.report.send_replace(report);
                        }
                        None => self.connect(),
                    }
                }
                HostOutput::Permit(request) => {
                    if let Some(line) = &self.line {
                        let _ = line.permits.try_send(request);
                    }
                }
                HostOutput::Truth(truth) => self.world.ground.record(self.host.profile(), &truth),
            }
        }
    }

    /// Opens the link of an agent that runs, or takes it away from a rack that is cut off.
    fn connect(&mut self) {
        let rack = self.host.profile().labels.get("rack").cloned();
        if rack.is_some() && *self.world.cut.borrow() == rack {
            self.line = None;
            return;
        }
        let Some(report) = self.report.clone().filter(|_| self.agent && self.line.is_none()) else {
            return;
        };
        let (report_end, report) = watch::channel(report);
        let (permits_end, permits) = mpsc::channel(4);
        let (baselines_end, baselines) = mpsc::channel(4);
        let (events, events_end) = mpsc::channel(64);
        let ends = LinkEnds { report, permits, baselines, events };
        let link = run_link(self.world.link_config(), self.identity.clone(), ends);
        self.line = Some(Line {
            report: report_end,
            permits: permits_end,
            baselines: baselines_end,
            events: events_end,
            running: Box::pin(link),
        });
    }
}

/// When the slot that runs ends: at the same time on every host, as clocks that are kept in step
/// make it.
fn slot_ends() -> Instant {
    let length = SLOT.0.max(1);
    let now = clock::now().0.unsigned_abs();
    Instant::now() + Duration::from_millis(length - now % length + 50)
}

async fn wait(world: &World, at: Option<Moment>) {
    match at {
        Some(at) => sleep_until(world.instant(at)).await,
        None => std::future::pending().await,
    }
}

/// The next thing that happens on the line; none if the link has ended.
async fn next_event(line: &mut Option<Line>) -> Option<LinkEvent> {
    let Some(line) = line else { return std::future::pending().await };
    tokio::select! {
        biased;
        event = line.events.recv() => event,
        () = &mut line.running => None,
    }
}
