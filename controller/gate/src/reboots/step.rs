//! One thing that happened to the hosts of a class: a failure, several at once, or a burst.

use crate::ambient::BURST_LEVEL;
use crate::hypergeometric::Draw;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Hosts failed at one instant, mostly one.
    Failures,
    /// A burst that hit canaries no harder than controls: one event, for which the host that
    /// failed first stands. The others stay at risk, for their labels were not looked at.
    Ambient,
    /// A burst that hit the canaries; every host counts. It is a burst from `from` canaries on.
    Guilty {
        /// The fewest canaries at which the burst would have been blamed.
        from: u64,
    },
}

/// One step of the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// From when on it is settled what this was, in milliseconds.
    pub settled: i64,
    /// What happened.
    pub kind: Kind,
    /// Who was at risk, and how many failed (1 for an ambient burst).
    pub draw: Draw,
    /// How many of those were canaries.
    pub canaries: u64,
    /// The hosts that failed, by index; for an ambient burst all that were in it.
    pub hosts: Vec<usize>,
}

impl Step {
    /// ln of the factor that the evidence for these odds changes by. Under random labels its
    /// expectation is at most 1 for every kind taken together: [`BURST_LEVEL`] of the stake of a
    /// burst is on its being blamed, and the rest on its not being blamed.
    #[must_use]
    pub fn ln_factor(&self, odds: f64) -> f64 {
        match self.kind {
            Kind::Failures => self.draw.ln_ratio(self.canaries, odds),
            Kind::Ambient => (1.0 - BURST_LEVEL).ln() + self.draw.ln_ratio(self.canaries, odds),
            Kind::Guilty { from } => {
                BURST_LEVEL.ln() + self.draw.ln_ratio_given(self.canaries, odds, from)
            }
        }
    }

    /// ln of the likelihood of these odds, up to a constant, for the interval.
    #[must_use]
    pub fn ln_likelihood(&self, odds: f64) -> f64 {
        self.draw.ln_ratio(self.canaries, odds)
    }
}
