//! From samples to slots. Pure.

use wavegate_common::baseline::{BaselineSlot, Metrics};
use wavegate_common::{BootId, KernelRelease, Millis, Timestamp};

/// The clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock: says which slot it is.
    pub wall: Timestamp,
    /// CLOCK_BOOTTIME: counts suspend.
    pub boottime: Millis,
    /// CLOCK_MONOTONIC: does not.
    pub monotonic: Millis,
}

/// Clocks that differ by more than this over one interval have been set, or the host slept. NTP
/// slews by at most 0.5 ms a second.
const TOLERANCE: i64 = 1_000;
/// An interval longer than this is none: the agent stood still, and nobody knows for what part of
/// it the counters tell.
const LONGEST: Millis = Millis::secs(60);

/// Puts samples of one boot into slots.
#[derive(Debug)]
pub struct SlotBuilder {
    boot: BootId,
    kernel: KernelRelease,
    last: Option<Moment>,
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    start: Timestamp,
    covered: Millis,
    metrics: Metrics,
    /// The clock was set in it: it is never handed out.
    spoiled: bool,
}

impl Current {
    fn begin(start: Timestamp, spoiled: bool) -> Self {
        Self { start, covered: Millis(0), metrics: Metrics::default(), spoiled }
    }
}

/// What lies between two moments.
enum Interval {
    /// So much time, of which the counters tell.
    Fine(Millis),
    /// Nothing is known of it.
    Unknown,
    /// The clock was set, or the host slept.
    Jump,
}

fn between(last: Moment, now: Moment) -> Interval {
    let span = |now: Millis, last: Millis| now.0 as i64 - last.0 as i64;
    let wall = now.wall.0.saturating_sub(last.wall.0);
    let boottime = span(now.boottime, last.boottime);
    let monotonic = span(now.monotonic, last.monotonic);
    if wall.abs_diff(boottime) > TOLERANCE as u64 || boottime - monotonic > TOLERANCE {
        return Interval::Jump;
    }
    match u64::try_from(monotonic) {
        Ok(span) if (1..=LONGEST.0).contains(&span) => Interval::Fine(Millis(span)),
        _ => Interval::Unknown,
    }
}

impl SlotBuilder {
    /// For a boot.
    #[must_use]
    pub fn new(boot: BootId, kernel: KernelRelease) -> Self {
        Self { boot, kernel, last: None, current: None }
    }

    /// Goes on with a slot that an agent of this boot had begun when it was stopped. Gives it
    /// back if it is over, or of another boot: then it is complete as it is.
    pub fn resume(&mut self, begun: BaselineSlot, now: Moment) -> Option<BaselineSlot> {
        if begun.boot != self.boot || begun.start != BaselineSlot::start_of(now.wall) {
            return Some(begun);
        }
        let BaselineSlot { start, covered, metrics, .. } = begun;
        self.current = Some(Current { start, covered, metrics, spoiled: false });
        None
    }

    /// A sample was taken. `count` counts what happened since the one before, if that is known,
    /// in the slot in which that time began. Gives a slot back when it is over.
    pub fn observe(
        &mut self,
        now: Moment,
        count: impl FnOnce(&mut Metrics, Millis),
    ) -> Option<BaselineSlot> {
        let interval = self.last.map_or(Interval::Unknown, |last| between(last, now));
        self.last = Some(now);
        let start = BaselineSlot::start_of(now.wall);
        let spoiled = matches!(interval, Interval::Jump);
        if spoiled {
            // Neither the slot before nor the one that the clock is in now is of one piece.
            self.current = Some(Current::begin(start, true));
            return None;
        }
        let current = self.current.get_or_insert_with(|| Current::begin(start, false));
        if let Interval::Fine(span) = interval {
            count(&mut current.metrics, span);
            current.covered = Millis(current.covered.0.saturating_add(span.0));
        }
        if current.start == start {
            return None;
        }
        let ended = std::mem::replace(current, Current::begin(start, false));
        self.finish(ended)
    }

    /// Something that is not a difference of counters; lost if no slot has begun.
    pub fn note(&mut self, count: impl FnOnce(&mut Metrics)) {
        if let Some(current) = &mut self.current {
            count(&mut current.metrics);
        }
    }

    /// The slot that has begun, as far as it goes: for an agent that stops.
    pub fn take(&mut self) -> Option<BaselineSlot> {
        let current = self.current.take()?;
        self.finish(current)
    }

    fn finish(&self, ended: Current) -> Option<BaselineSlot> {
        let Current { start, covered, metrics, spoiled } = ended;
        let kept = !spoiled && covered > Millis(0);
        let (boot, kernel) = (self.boot, self.kernel.clone());
        kept.then_some(BaselineSlot { boot, kernel, start, covered, metrics })
    }
}
