//! What the gate's statistics say of a rollout: class by class, metric by metric, from evidence
//! that is stored beside it, so that everything here can be computed again.

use serde::{Deserialize, Serialize};

use crate::host::HostClass;
use crate::id::{Digest, HostId};
use crate::judge::MetricName;
use crate::time::Timestamp;
use crate::verdict::Verdict;

/// What one look at all the evidence says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// When the evidence was gathered.
    pub at: Timestamp,
    /// Digest of the evidence.
    pub evidence: Digest,
    /// Every class of which a host runs the new kernel.
    pub classes: Vec<ClassAssessment>,
}

impl Assessment {
    /// What it says of one class.
    #[must_use]
    pub fn class(&self, class: &HostClass) -> Option<&ClassAssessment> {
        self.classes.iter().find(|known| known.class == *class)
    }
}

/// What is said of one class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassAssessment {
    /// Which.
    pub class: HostClass,
    /// All metrics together: it fails if one does, and passes only if all do.
    pub verdict: Verdict,
    /// Metric by metric, in the order of the rule.
    pub metrics: Vec<MetricAssessment>,
}

/// One word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// As good as before, within the margin.
    Pass,
    /// Worse.
    Fail,
    /// Data is missing that may still come.
    Extend,
    /// It cannot be told, and waiting will not help.
    Inconclusive,
}

impl Says {
    /// The word in lower case, as in JSON and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Extend => "extend",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// What is said of one metric in one class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricAssessment {
    /// Which metric.
    pub metric: MetricName,
    /// What is said.
    pub says: Says,
    /// The change against hosts on the old kernel, in millionths; above zero is more.
    pub effect_ppm: Option<i64>,
    /// An interval of it that covers at every look, in millionths.
    pub interval_ppm: Option<(i64, i64)>,
    /// The smallest change for the worse that could have been found, in millionths.
    pub detectable_ppm: Option<u64>,
    /// Hosts on the new kernel that were used.
    pub hosts_used: u64,
    /// Hosts on the old kernel that were used.
    pub controls_used: u64,
    /// At which host of the class it was decided, counted from 1.
    pub decided_at_host: Option<u64>,
    /// The evidence in words: odds against chance, looks spent, vetoes.
    pub evidence: String,
    /// The hosts that drove it, the worst first.
    pub worst: Vec<HostId>,
}
