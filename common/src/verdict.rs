//! What a gate says, and on what evidence.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::host::HostClass;
use crate::id::HostId;
use crate::judge::MetricName;
use crate::rollout::Scope;

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Hosts that did not come back in time.
    Lost,
    /// Hosts that came back on the kernel they left, or another.
    FellBack,
    /// Hosts that rebooted without being asked.
    UnexpectedReboot,
    /// Hosts whose checks fail on the new kernel.
    HealthChecks,
    /// Hosts on which a step could not be done.
    StepFailed,
    /// Hosts without a fresh report.
    Reports,
    /// A metric of hosts that changed for the worse.
    Performance,
    /// Reboots that nobody asked for, against hosts on the old kernel.
    Reboots,
    /// Errors of applications on hosts of the new kernel.
    Errors,
}

impl Metric {
    /// Whether it is judged by comparison with other hosts: a finding then says something of the
    /// class it was made in, and other classes go on.
    #[must_use]
    pub fn is_compared(self) -> bool {
        matches!(self, Self::Performance | Self::Reboots | Self::Errors)
    }

    /// The metric as words of a sentence: "2 hosts …".
    #[must_use]
    pub fn says(self) -> &'static str {
        match self {
            Self::Lost => "did not come back in time",
            Self::FellBack => "did not come up on the new kernel",
            Self::UnexpectedReboot => "rebooted unasked on the new kernel",
            Self::HealthChecks => "fail their checks on the new kernel",
            Self::StepFailed => "could not carry out a step",
            Self::Reports => "have no fresh report",
            Self::Performance => "are slower on the new kernel",
            Self::Reboots => "reboot unasked more often on the new kernel",
            Self::Errors => "serve more errors on the new kernel",
        }
    }
}

/// One thing that is wrong, with what shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What was looked at.
    pub metric: Metric,
    /// In which class; none if it spans classes.
    pub class: Option<HostClass>,
    /// What of it, if the metric has a name of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<MetricName>,
    /// The effect in millionths: the share of bad hosts, or the relative change.
    pub effect_ppm: i64,
    /// An interval of it, in millionths: of the share, the 95 % interval of Clopper and Pearson.
    pub interval_ppm: (i64, i64),
    /// The evidence in words.
    pub evidence: String,
    /// The hosts that show it.
    pub hosts: Vec<HostId>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.evidence)
    }
}

/// What a gate says. No data is never `Pass`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Go on.
    Pass,
    /// Stop.
    Fail {
        /// The narrowest thing that the bad hosts share.
        scope: Scope,
        /// The evidence.
        findings: Vec<Finding>,
    },
    /// Wait for what is missing.
    Extend {
        /// What is missing.
        missing: String,
    },
    /// It cannot be told, and waiting will not help.
    Inconclusive {
        /// Why.
        why: String,
    },
}

impl Verdict {
    /// The verdict as one lower-case word.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail { .. } => "fail",
            Self::Extend { .. } => "extend",
            Self::Inconclusive { .. } => "inconclusive",
        }
    }
}
