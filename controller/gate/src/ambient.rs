//! What the surroundings do to hosts of both kernels is not blamed on the rollout; what they do
//! not do to controls is. A burst of canaries cannot excuse itself.

use crate::hypergeometric::Draw;

/// Failures within this time of each other may be a burst, in milliseconds.
pub const BURST_WITHIN: i64 = 600_000;
/// A burst hits at least one of this many hosts of what it is a burst of.
pub const BURST_ONE_OF: u64 = 10;
/// And at least so many: what a few hosts do is counted one by one.
pub const BURST_HOSTS: u64 = 5;
/// A burst is blamed on the rollout if its share of canaries would come about by chance less
/// often than this.
pub const BURST_LEVEL: f64 = 0.01;
/// From this share of unhealthy hosts on the fault is more likely our own, in percent.
pub const OWN_FAULT_PERCENT: u64 = 55;

/// Whether `failed` of the `total` hosts of a domain, within [`BURST_WITHIN`], are a burst.
#[must_use]
pub fn is_burst(failed: u64, total: u64) -> bool {
    failed >= BURST_HOSTS && failed.saturating_mul(BURST_ONE_OF) >= total
}

/// Whom a burst is put down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// It hit canaries no harder than controls: the surroundings.
    Surroundings,
    /// It hit canaries harder; it would have been blamed from `from` canaries on.
    Canaries {
        /// The fewest canaries at which that is so.
        from: u64,
    },
}

/// Whom to blame for a burst: by the exact one-sided test of the canaries' share in it.
#[must_use]
pub fn blame(burst: &Draw, canaries: u64) -> Blame {
    match burst.first_significant(BURST_LEVEL) {
        Some(from) if canaries >= from => Blame::Canaries { from },
        _ => Blame::Surroundings,
    }
}

/// Whether so many hosts look unhealthy that the fault is more likely in what looks at them, or
/// in the network to them: then nothing is done to any host. Nothing known is such a case too.
#[must_use]
pub fn is_own_fault(unhealthy: u64, total: u64) -> bool {
    unhealthy.saturating_mul(100) >= total.saturating_mul(OWN_FAULT_PERCENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_a_tenth_and_five_hosts() {
        assert!(is_burst(5, 50) && !is_burst(5, 51) && !is_burst(4, 4) && is_burst(20, 20));
    }

    #[test]
    fn a_burst_alike_is_the_surroundings() {
        let power_cut = Draw { canaries: 50, controls: 950, failed: 300 };
        assert_eq!(blame(&power_cut, 15), Blame::Surroundings);
        // scipy.stats.hypergeom(1000, 50, 300): sf(22) = .01045, sf(23) = .00457.
        assert_eq!(blame(&power_cut, 23), Blame::Surroundings);
        assert_eq!(blame(&power_cut, 24), Blame::Canaries { from: 24 });
    }

    #[test]
    fn a_burst_of_canaries_cannot_excuse_itself() {
        for canaries in 5..=60 {
            let burst = Draw { canaries, controls: 500, failed: canaries };
            assert!(matches!(blame(&burst, canaries), Blame::Canaries { .. }), "{canaries}");
        }
    }

    #[test]
    fn more_than_half_unhealthy_is_our_own_fault() {
        assert!(!is_own_fault(54, 100) && is_own_fault(55, 100) && is_own_fault(0, 0));
    }
}
