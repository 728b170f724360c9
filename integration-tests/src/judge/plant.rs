//! What is wrong with a kernel, if anything.

use wavegate_common::order::stable_hash;

/// What is planted in one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plant {
    /// One metric is worse by so many millionths.
    Slower { metric: usize, by_ppm: u64 },
    /// Hosts reboot unasked so many times as often.
    Reboots { times: u32 },
}

impl Plant {
    /// The kind, for people.
    pub(super) fn says(self) -> String {
        match self {
            Self::Slower { by_ppm, .. } => format!("one metric {} % worse", by_ppm / 10_000),
            Self::Reboots { times } => format!("{times} times the reboots"),
        }
    }

    /// What is planted in a rollout: nothing in every second one.
    pub(super) fn of(seed: u64, metrics: usize) -> Option<Self> {
        if seed.is_multiple_of(2) {
            return None;
        }
        let metric = stable_hash(seed, &[4]) as usize % metrics.max(1);
        Some(match seed / 2 % 2 {
            0 => Self::Slower { metric, by_ppm: 50_000 },
            _ => Self::Reboots { times: 10 },
        })
    }
}
