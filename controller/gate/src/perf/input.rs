//! What the performance gate is given.

use serde::{Deserialize, Serialize};

/// What was done to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arm {
    /// Rebooted onto the new kernel.
    Canary,
    /// Left alone.
    Control,
    /// Rebooted onto the kernel that it ran already.
    Placebo,
}

/// Which way a metric should go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// As latencies.
    Lower,
    /// As throughputs.
    Higher,
}

/// One row: a value of either phase in one slot of time, in the metric's own unit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sample {
    /// Which slot; the same number is the same time on every host. 0 where there are no slots.
    pub slot: u32,
    /// On the old kernel; none, or not finite, is no data.
    pub before: Option<f64>,
    /// After the reboot, or at the same time on hosts that did not reboot.
    pub after: Option<f64>,
}

/// One host-boot.
#[derive(Debug, Clone, PartialEq)]
pub struct HostRows {
    /// Its name.
    pub host: String,
    /// What was done to it.
    pub arm: Arm,
    /// When a canary arrived; only the order counts.
    pub order: Option<u64>,
    /// Its rows.
    pub samples: Vec<Sample>,
}

/// One metric of one class.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassRows {
    /// Its name.
    pub class: String,
    /// Whether samples have slots.
    pub slotted: bool,
    /// Its hosts.
    pub hosts: Vec<HostRows>,
    /// What is wrong with the data and was found where they were read; keeps from `pass`.
    pub faults: Vec<String>,
}

/// How one metric is judged. Frozen before a rollout begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Which way is better.
    pub better: Better,
    /// A change for the worse up to this share is nobody's concern: 0.005 is 0.5 %.
    pub min_effect: f64,
    /// `pass` says that it is not worse by this share.
    pub margin: f64,
    /// Chance of a `fail` where nothing is worse by more than `min_effect`, over all looks.
    pub alpha: f64,
    /// Chance that `pass` is said though it is worse by `margin`, over all looks.
    pub beta: f64,
    /// At how many canaries to look; rising.
    pub looks: Vec<usize>,
    /// Fixes what is drawn for ties in the sequential test.
    pub seed: u64,
}

impl Plan {
    /// The defaults of the specification for a metric.
    #[must_use]
    pub fn new(better: Better) -> Self {
        Self {
            better,
            min_effect: 0.0,
            margin: 0.05,
            alpha: 0.01,
            beta: 0.1,
            looks: vec![3, 5, 10, 20],
            seed: 0,
        }
    }

    /// What cannot be judged by: the field and why.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let share = |name, value: f64, most: f64| {
            let good = value.is_finite() && value >= 0.0 && value < most;
            if good { Ok(()) } else { Err((name, format!("must be at least 0 and below {most}"))) }
        };
        share("min-effect", self.min_effect, 1.0)?;
        share("margin", self.margin, 1.0)?;
        share("alpha", self.alpha, 0.5)?;
        share("beta", self.beta, 0.5)?;
        if self.alpha <= 0.0 || self.beta <= 0.0 {
            return Err(("alpha", "must be above 0".to_owned()));
        }
        if self.margin <= self.min_effect {
            return Err(("margin", "must be larger than min-effect".to_owned()));
        }
        if self.looks.is_empty() || self.looks.first() < Some(&super::FEWEST_CANARIES) {
            return Err(("looks", "need numbers of canaries, the first at least 3".to_owned()));
        }
        if self.looks.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(("looks", "must rise".to_owned()));
        }
        Ok(())
    }
}
