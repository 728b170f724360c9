//! Guards that a test build can switch off, to prove that the simulator notices.
//!
//! Without the feature `sabotage` every guard is on and `on` is a constant.

/// A rule that keeps the fleet safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guard {
    /// Budgets per failure domain and selector.
    Budget,
    /// Hosts of later waves wait for the gates before them.
    WaveOrder,
    /// The gate itself.
    Gate,
    /// What the gate's statistics say counts.
    Assessment,
    /// A wave is watched before the next.
    BakeTime,
    /// A paused rollout begins nothing.
    Pause,
    /// A paused rollout permits nothing.
    PermitPause,
    /// A permit is for the boot of the order.
    PermitBoot,
    /// A host that fell back is not tried again.
    KnownBad,
    /// A host that was not heard of lately is not touched.
    Freshness,
    /// If most of the fleet is out of sight, nothing is touched.
    LostSight,
    /// A freeze holds.
    Freeze,
    /// The controller's own host goes last.
    ControllerLast,
}

impl Guard {
    /// Every guard there is.
    pub const ALL: &'static [Self] = &[
        Self::Budget,
        Self::WaveOrder,
        Self::Gate,
        Self::Assessment,
        Self::BakeTime,
        Self::Pause,
        Self::PermitPause,
        Self::PermitBoot,
        Self::KnownBad,
        Self::Freshness,
        Self::LostSight,
        Self::Freeze,
        Self::ControllerLast,
    ];

    /// The guard as words with hyphens.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Budget => "core-budget",
            Self::WaveOrder => "core-wave-order",
            Self::Gate => "core-gate",
            Self::Assessment => "core-assessment",
            Self::BakeTime => "core-bake-time",
            Self::Pause => "core-pause",
            Self::PermitPause => "core-permit-pause",
            Self::PermitBoot => "core-permit-boot",
            Self::KnownBad => "core-known-bad",
            Self::Freshness => "core-freshness",
            Self::LostSight => "core-lost-sight",
            Self::Freeze => "core-freeze",
            Self::ControllerLast => "core-controller-last",
        }
    }
}

#[cfg(feature = "sabotage")]
mod switch {
    use std::cell::Cell;

    use super::Guard;

    thread_local! {
        static OFF: Cell<Option<Guard>> = const { Cell::new(None) };
    }

    /// Switches one guard off in this thread, or all on again.
    pub fn set_disabled(guard: Option<Guard>) {
        OFF.with(|off| off.set(guard));
    }

    pub(crate) fn on(guard: Guard) -> bool {
        OFF.with(|off| off.get() != Some(guard))
    }
}

#[cfg(feature = "sabotage")]
pub(crate) use switch::on;
#[cfg(feature = "sabotage")]
pub use switch::set_disabled;

/// Whether a guard holds.
#[cfg(not(feature = "sabotage"))]
pub(crate) const fn on(_guard: Guard) -> bool {
    true
}
