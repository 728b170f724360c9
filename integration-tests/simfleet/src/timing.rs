//! True time, and how long things take.

use wavegate_common::{Millis, Timestamp};

use crate::dice::Dice;

/// What every wall clock shows at [`Moment`] zero unless it is wrong: 2026-06-01T06:00:00Z, a
/// Monday.
pub const EPOCH: Timestamp = Timestamp(1_780_293_600_000);

/// True time: milliseconds since the simulation began. No simulated program can read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(pub u64);

impl Moment {
    /// This much later; saturates.
    #[must_use]
    pub const fn after(self, span: Millis) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The span since `earlier`; zero if that is in fact later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }

    /// What a wall clock that is wrong by `offset` milliseconds shows.
    #[must_use]
    pub const fn wall(self, offset: i64) -> Timestamp {
        let now = EPOCH.after(Millis(self.0));
        Timestamp(now.0.saturating_add(offset))
    }
}

/// How long something takes: between two bounds, each length as likely as the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// At least.
    pub min: Millis,
    /// At most.
    pub max: Millis,
}

impl Span {
    /// From so many milliseconds to so many.
    #[must_use]
    pub const fn millis(min: u64, max: u64) -> Self {
        Self { min: Millis(min), max: Millis(max) }
    }

    /// From so many seconds to so many.
    #[must_use]
    pub const fn secs(min: u64, max: u64) -> Self {
        Self { min: Millis::secs(min), max: Millis::secs(max) }
    }

    /// One length.
    pub const fn sample(self, dice: &mut Dice) -> Millis {
        Millis(dice.between(self.min.0, self.max.0))
    }

    const fn divided(self, by: u64) -> Self {
        Self::millis(self.min.0 / by, self.max.0 / by)
    }
}

/// How long the steps of a host take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Getting a kernel onto the host.
    pub stage: Span,
    /// Drain hooks.
    pub drain: Span,
    /// Undrain hooks.
    pub undrain: Span,
    /// Loading the kernel, or arming, disarming and confirming a boot entry.
    pub loader: Span,
    /// Stopping services before the switch.
    pub shutdown: Span,
    /// From the switch by kexec until the agent's file system is there.
    pub kexec: Span,
    /// The same through firmware and boot loader.
    pub firmware: Span,
    /// From there until the agent runs; also how long a crashed agent stays away.
    pub agent_start: Span,
    /// From there until its health checks have run once.
    pub checks: Span,
    /// How often the agent's machine is told that time went by while an order is open.
    pub tick: Millis,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            stage: Span::secs(20, 90),
            drain: Span::secs(5, 60),
            undrain: Span::secs(1, 10),
            loader: Span::millis(200, 2_000),
            shutdown: Span::secs(2, 15),
            kexec: Span::secs(8, 25),
            firmware: Span::secs(90, 240),
            agent_start: Span::secs(2, 8),
            checks: Span::secs(3, 20),
            tick: Millis::secs(1),
        }
    }
}

impl Timing {
    /// Everything this many times faster; nothing becomes slower by a factor of 0 or 1. The tick
    /// stays, unless it would be longer than a step.
    #[must_use]
    pub fn faster(self, by: u64) -> Self {
        let by = by.max(1);
        Self {
            stage: self.stage.divided(by),
            drain: self.drain.divided(by),
            undrain: self.undrain.divided(by),
            loader: self.loader.divided(by),
            shutdown: self.shutdown.divided(by),
            kexec: self.kexec.divided(by),
            firmware: self.firmware.divided(by),
            agent_start: self.agent_start.divided(by),
            checks: self.checks.divided(by),
            tick: Millis((self.tick.0 / by).max(50)).min(self.tick),
        }
    }
}
