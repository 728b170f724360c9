//! On which scale values are compared, so that a difference is a relative change and larger is
//! worse.

use super::input::{Better, ClassRows};

/// Share of values at or below zero up to which logarithms are still taken.
const ZEROS_MOST: f64 = 0.2;

/// From values to numbers that are compared, and back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    sign: f64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Logarithms; what is smaller counts as this.
    Log { floor: f64 },
    /// Shares of this value: for metrics that are often zero or negative.
    Share { of: f64 },
}

impl Scale {
    /// Chosen from all values of a class, whichever arm they come from.
    pub(crate) fn of(rows: &ClassRows, better: Better) -> Self {
        let values = rows.hosts.iter().flat_map(|host| &host.samples).flat_map(|sample| {
            [sample.before, sample.after].into_iter().flatten().filter(|v| v.is_finite())
        });
        let (mut all, mut low, mut negative, mut sum) = (0_u64, 0_u64, false, 0.0);
        let mut least = f64::INFINITY;
        for value in values {
            all += 1;
            sum += value.abs();
            negative |= value < 0.0;
            if value > 0.0 {
                least = least.min(value);
            } else {
                low += 1;
            }
        }
        let sign = if better == Better::Lower { 1.0 } else { -1.0 };
        let kind = if negative || low as f64 > ZEROS_MOST * all as f64 {
            let mean = sum / all.max(1) as f64;
            Kind::Share { of: if mean.is_normal() { mean } else { 1.0 } }
        } else {
            let floor = if least.is_finite() { least / 2.0 } else { 1.0 };
            Kind::Log { floor: floor.max(f64::MIN_POSITIVE) }
        };
        Self { sign, kind }
    }

    /// A number that rises as things get worse.
    pub(crate) fn harm(self, value: f64) -> f64 {
        self.sign
            * match self.kind {
                Kind::Log { floor } => value.max(floor).ln(),
                Kind::Share { of } => value / of,
            }
    }

    /// A difference of harm as a relative change of the value: 0.05 is 5 % more.
    pub(crate) fn relative(self, difference: f64) -> f64 {
        match self.kind {
            // Changes beyond a factor of e^500 are all the same and must stay finite.
            Kind::Log { .. } => (self.sign * difference).min(500.0).exp_m1(),
            Kind::Share { .. } => self.sign * difference,
        }
    }

    /// A change for the worse by this share as a difference of harm.
    pub(crate) fn worse_by(self, share: f64) -> f64 {
        match self.kind {
            Kind::Log { .. } if self.sign > 0.0 => share.ln_1p(),
            Kind::Log { .. } => -(-share).ln_1p(),
            Kind::Share { .. } => share,
        }
    }

    /// What the scale means, for people.
    pub(crate) fn says(self) -> Option<&'static str> {
        match self.kind {
            Kind::Log { .. } => None,
            Kind::Share { .. } => {
                Some("values at or below zero: changes are shares of the mean value")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perf::input::{Arm, HostRows, Sample};

    fn rows(values: &[f64]) -> ClassRows {
        let samples =
            values.iter().map(|&v| Sample { slot: 0, before: Some(v), after: None }).collect();
        let host = HostRows { host: "a".into(), arm: Arm::Control, order: None, samples };
        ClassRows { class: "c".into(), slotted: false, hosts: vec![host], faults: vec![] }
    }

    #[test]
    fn a_change_goes_there_and_back() {
        for better in [Better::Lower, Better::Higher] {
            for values in [&[1.0, 2.0][..], &[0.0, 0.0, 1.0], &[-1.0, 3.0]] {
                let scale = Scale::of(&rows(values), better);
                let back = scale.relative(scale.worse_by(0.05));
                let want = if better == Better::Lower { 0.05 } else { -0.05 };
                assert!((back - want).abs() < 1e-12, "{better:?} {values:?}: {back}");
            }
        }
    }

    #[test]
    fn stays_finite() {
        let one_zero = rows(&[0.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0]);
        let scale = Scale::of(&one_zero, Better::Lower);
        assert!(scale.harm(0.0).is_finite() && scale.harm(0.0) < scale.harm(5.0));
        let scale = Scale::of(&rows(&[]), Better::Higher);
        assert!(scale.harm(0.0).is_finite() && scale.relative(-1e9).is_finite());
    }
}
