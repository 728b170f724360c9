//! When to come back.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// Limits of the link's patience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// For each of: connect, open the stream, be welcomed.
    pub connect_deadline: Duration,
    /// The least that the random wait before coming back is drawn from.
    pub retry_floor: Duration,
    /// The most.
    pub retry_cap: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            connect_deadline: Duration::from_secs(10),
            retry_floor: Duration::from_secs(1),
            retry_cap: Duration::from_secs(60),
        }
    }
}

impl Pace {
    /// How long to wait: a random part of a span that begins with what the controller asked for
    /// and doubles with every failure since the last welcome. Drawing from the whole span, and
    /// not only from its end, is what spreads a fleet evenly.
    #[must_use]
    pub(super) fn wait(&self, window: Duration, failures: u32, random: u64) -> Duration {
        let first = window.max(self.retry_floor);
        let span = first.saturating_mul(1u32 << failures.min(16)).min(self.retry_cap.max(first));
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(random % millis.saturating_add(1))
    }
}

/// A number that another host does not have at the same moment. It is no secret, so the seed
/// that the standard library takes for its maps is good enough.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_spread_over_the_whole_span_and_end_at_the_cap() {
        let pace = Pace::default();
        let window = Duration::from_secs(5);
        assert_eq!(pace.wait(window, 0, 0), Duration::ZERO);
        assert_eq!(pace.wait(window, 0, 5_000), window);
        assert_eq!(pace.wait(window, 1, 10_000), Duration::from_secs(10));
        assert_eq!(pace.wait(window, 31, 60_000), pace.retry_cap);
        assert_eq!(pace.wait(Duration::ZERO, 0, 1_000), pace.retry_floor);
        let long = Duration::from_secs(300);
        assert_eq!(
            pace.wait(long, 9, 300_000),
            long,
            "the controller may ask for more than the cap"
        );
        for _ in 0..1_000 {
            assert!(pace.wait(window, 2, random()) <= Duration::from_secs(20));
        }
    }
}
