//! What is known of the hosts of a rollout when it is judged.

use serde::{Deserialize, Serialize};
use wavegate_common::{Digest, FailureDomain, HostClass, HostId, JudgeRule, MetricName, Timestamp};

/// Which kernel a host runs, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// The new one. The number grows with the time it was confirmed.
    Moved(u64),
    /// The old one, left alone.
    Control,
    /// The old one, into which it was rebooted like a canary.
    Placebo,
}

/// One number of a host on the old kernel, and the same on the kernel it runs now, against what
/// its class showed at the same times. In the unit of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// On the old kernel.
    pub before: f64,
    /// Since.
    pub after: f64,
}

/// One host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostMeasures {
    /// Which.
    pub host: HostId,
    /// What was done to it.
    pub arm: Arm,
    /// One entry per metric of the rule, in its order; none where nothing was measured.
    pub values: Vec<Option<Pair>>,
}

/// When a host could have rebooted unasked on which kernel, and when it did. In milliseconds of
/// the controller's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRisk {
    /// Which.
    pub host: HostId,
    /// Its class.
    pub class: HostClass,
    /// Where it stands.
    pub domains: Vec<FailureDomain>,
    /// Until when it was watched on the old kernel, and from when.
    pub on_old: (Timestamp, Option<Timestamp>),
    /// Since when it has run the new one.
    pub on_new: Option<Timestamp>,
    /// Reboots that nobody asked for.
    pub reboots: Vec<Timestamp>,
}

/// What a source counted on one host in its window of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalHost {
    /// Which.
    pub host: HostId,
    /// Its class.
    pub class: HostClass,
    /// Whether it runs the new kernel.
    pub moved: bool,
    /// What went wrong.
    pub errors: u64,
    /// Of so many requests.
    pub requests: u64,
}

/// What one source says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalMeasures {
    /// The source, as `signal/NAME`.
    pub source: MetricName,
    /// So many times as many errors are let through, in millionths.
    pub margin_ppm: u64,
    /// Why it cannot carry a verdict, if it cannot.
    pub missing: Option<String>,
    /// Host by host.
    pub hosts: Vec<SignalHost>,
}

/// One class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassMeasures {
    /// Which.
    pub class: HostClass,
    /// Hosts of it that may still move. None are left when a class has only canaries.
    pub open: u64,
    /// Its hosts, sorted.
    pub hosts: Vec<HostMeasures>,
}

/// All that is looked at, with how it is looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// When it was gathered.
    pub at: Timestamp,
    /// The seed of the rollout: ties of the sequential test follow from it.
    pub seed: u64,
    /// The frozen rule.
    pub rule: JudgeRule,
    /// Every class of the rollout, also those of which nothing has moved: the chance of error is
    /// shared by all of them from the start.
    pub classes: Vec<ClassMeasures>,
    /// Hosts whose reboots are watched; empty if nobody watches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risks: Vec<HostRisk>,
    /// What outside sources say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<SignalMeasures>,
}

impl Evidence {
    /// Stands for everything but the time: equal evidence gives an equal assessment.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let Self { at: _, seed, rule, classes, risks, signals } = self;
        Digest::of(&serde_json::to_vec(&(seed, rule, classes, risks, signals)).unwrap_or_default())
    }
}
