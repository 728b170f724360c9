//! The task around it all.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use wavegate_common::baseline::{BaselineSlot, NumberedSlot, SLOT};
use wavegate_common::{BootId, KernelRelease, Millis};

use super::builder::{Moment, SlotBuilder};
use super::courier::Courier;
use super::sampler::Sampler;
use super::services::{ServiceTools, Services};
use super::spool::{Opened, Spool};
use crate::observe::clocks;
use crate::root::Root;

/// The file in the state directory.
const FILE: &str = "baselines";
/// The most that is kept on disk, in bytes: a week or so without a controller.
const BOUND: u64 = 2 << 20;
/// What one message takes with it, in slots and in bytes.
const MESSAGE: (usize, usize) = (16, 128 << 10);
/// Services are asked for the first time after this.
const FIRST_ASK: Duration = Duration::from_secs(30);

/// What is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaselineRules {
    /// How often; none measures nothing.
    pub every: Option<Millis>,
    /// Whom to ask of services.
    pub tools: ServiceTools,
}

/// What the recorder learns of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// There is a stream, and slots may be sent once in this span; never, if it is zero.
    Up(Millis),
    /// There is none.
    Down,
    /// The controller has every slot up to this number.
    Acked(u64),
}

type Asking = Pin<Box<dyn Future<Output = Services> + Send>>;

/// Measures, keeps, and sends.
pub struct Recorder {
    every: Duration,
    sampler: Sampler,
    builder: SlotBuilder,
    spool: Spool,
    courier: Courier,
    tools: ServiceTools,
    asking: Option<Asking>,
    asked: Moment,
    answered: Option<(Services, Moment)>,
    next_sample: Instant,
    next_ask: Instant,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("every", &self.every).finish_non_exhaustive()
    }
}

impl Recorder {
    /// Opens files and spool; none if nothing is to be measured, or the spool cannot be opened.
    #[must_use]
    pub fn open(
        rules: &BaselineRules,
        root: &Root,
        state_dir: &Path,
        boot: BootId,
        kernel: KernelRelease,
    ) -> Option<Self> {
        let every = Duration::from_millis(rules.every?.0);
        let path = state_dir.join(FILE);
        let Opened { mut spool, begun } = Spool::open(&path, BOUND)
            .inspect_err(|error| {
                tracing::warn!(%error, path = %path.display(), "no baselines without their spool");
            })
            .ok()?;
        let mut builder = SlotBuilder::new(boot, kernel);
        if let Some(over) = begun.and_then(|begun| builder.resume(begun, moment())) {
            keep(&mut spool, over);
        }
        let now = Instant::now();
        Some(Self {
            every,
            sampler: Sampler::open(root),
            builder,
            spool,
            courier: Courier::default(),
            tools: rules.tools.clone(),
            asking: None,
            asked: moment(),
            answered: None,
            next_sample: now,
            next_ask: now + FIRST_ASK,
        })
    }

    /// Measures until it is dropped. `told` says how the link is; slots go out by `out`.
    pub async fn run(
        &mut self,
        told: &mut mpsc::Receiver<Told>,
        out: &mpsc::Sender<Vec<NumberedSlot>>,
    ) {
        loop {
            let due = self.courier.due();
            tokio::select! {
                () = sleep_until(self.next_sample) => self.sample(),
                heard = told.recv() => match heard {
                    Some(heard) => self.hear(heard),
                    None => return std::future::pending().await,
                },
                () = wait_until(due), if due.is_some() => self.send(out),
                () = sleep_until(self.next_ask), if self.asking.is_none() => self.ask(),
                answer = pending(&mut self.asking), if self.asking.is_some() => {
                    self.asking = None;
                    self.take(answer);
                }
            }
        }
    }

    /// Keeps what has begun, for the next start.
    pub fn stop(mut self) {
        let begun = self.builder.take();
        if let Err(error) = self.spool.stop(begun) {
            tracing::warn!(%error, "the slot that had begun is lost");
        }
    }

    fn sample(&mut self) {
        // A late sample is not followed by one that comes too soon.
        self.next_sample = Instant::now() + self.every;
        self.sampler.read();
        let (builder, sampler) = (&mut self.builder, &self.sampler);
        let now = moment();
        if let Some(slot) = builder.observe(now, |metrics, span| sampler.count(metrics, span)) {
            keep(&mut self.spool, slot);
            self.courier.news(now.boottime, random());
        }
    }

    fn hear(&mut self, told: Told) {
        let now = clocks().boottime;
        match told {
            Told::Up(every) => self.courier.up(every, now, random()),
            Told::Down => self.courier.down(),
            Told::Acked(up_to) => {
                if let Err(error) = self.spool.acked(up_to) {
                    tracing::debug!(%error, "it was not noted which slots the controller has");
                }
                self.courier.acked(up_to, !self.spool.is_empty(), now);
            }
        }
    }

    fn send(&mut self, out: &mpsc::Sender<Vec<NumberedSlot>>) {
        let now = clocks().boottime;
        if !self.courier.is_due(now) {
            return;
        }
        let slots = self.spool.oldest(MESSAGE.0, MESSAGE.1);
        let up_to = slots.last().map(|slot| slot.seq);
        if up_to.is_some() {
            // If the link is busy or gone, the same slots are sent again later.
            let _ = out.try_send(slots);
        }
        self.courier.sent(up_to, now);
    }

    fn ask(&mut self) {
        let slot = Duration::from_millis(SLOT.0);
        self.next_ask = Instant::now() + slot;
        if self.tools == ServiceTools::default() {
            return;
        }
        let now = moment();
        self.asking = Some(Box::pin(self.tools.clone().ask(self.asked.wall)));
        self.asked = now;
    }

    fn take(&mut self, answer: Services) {
        let at = self.asked;
        let before = self.answered.replace((answer, at));
        self.builder.note(|metrics| {
            let before = before.as_ref().map(|(services, then)| {
                let span = at.monotonic.0.saturating_sub(then.monotonic.0);
                (services, Millis(span))
            });
            answer.count(before, metrics);
        });
    }
}

fn keep(spool: &mut Spool, slot: BaselineSlot) {
    if let Err(error) = spool.push(slot) {
        tracing::warn!(%error, "a slot of baselines is lost");
    }
}

/// Waits for a moment of CLOCK_BOOTTIME.
async fn wait_until(at: Option<Millis>) {
    let wait = at.map_or(0, |at| at.0.saturating_sub(clocks().boottime.0));
    sleep(Duration::from_millis(wait)).await;
}

async fn pending(asking: &mut Option<Asking>) -> Services {
    match asking {
        Some(asking) => asking.await,
        None => std::future::pending().await,
    }
}

fn moment() -> Moment {
    let now = clocks();
    let monotonic = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(now.boottime, |time| {
        let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
        Millis(seconds * 1_000 + u64::try_from(time.tv_nsec()).unwrap_or(0) / 1_000_000)
    });
    Moment { wall: now.wall, boottime: now.boottime, monotonic }
}

/// Another host draws another number; it is no secret.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
