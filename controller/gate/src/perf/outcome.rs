//! What the performance gate says about one metric of one class.

use std::fmt;

use serde::Serialize;

use super::shape::Shape;

/// One of four; no data is never `Pass`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Call {
    /// Worse by more than is tolerated: stop.
    Fail,
    /// Wait for data.
    Extend,
    /// It cannot be told, and waiting will not help.
    Inconclusive,
    /// Not worse by the margin: go on.
    Pass,
}

impl Call {
    /// The gravest of several; nothing judged is `Extend`.
    #[must_use]
    pub fn gravest(calls: impl IntoIterator<Item = Self>) -> Self {
        let rank = |call: &Self| match call {
            Self::Fail => 0,
            Self::Extend => 1,
            Self::Inconclusive => 2,
            Self::Pass => 3,
        };
        calls.into_iter().min_by_key(rank).unwrap_or(Self::Extend)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fail => "fail",
            Self::Extend => "extend",
            Self::Inconclusive => "inconclusive",
            Self::Pass => "pass",
        })
    }
}

/// Which test spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// Canaries are shifted for the worse: exact rank-sum test.
    Location,
    /// A shape of the samples is.
    Shape(Shape),
    /// Hosts far out are canaries too often.
    BadHosts,
    /// The sequential rank test over all canaries.
    Stream,
}

impl Test {
    /// In words.
    #[must_use]
    pub fn says(self) -> &'static str {
        match self {
            Self::Location => "canaries are worse",
            Self::Shape(shape) => shape.says(),
            Self::BadHosts => "too many canaries are far beyond all others",
            Self::Stream => "canaries are worse, one after another",
        }
    }
}

/// A planned look that was taken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Look {
    /// How many canaries were in.
    pub hosts: usize,
    /// Evidence for a shift: one-sided p-value.
    pub p: f64,
    /// The level it was held against.
    pub level: f64,
    /// Relative change at this look.
    pub effect: Option<f64>,
}

/// One metric of one class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// Which class.
    pub class: String,
    /// What is said.
    pub verdict: Call,
    /// Relative change of the value by the new kernel, Hodges–Lehmann: 0.05 is 5 % more.
    pub effect: Option<f64>,
    /// Relative change: the harmful side holds with 1 − β and the other with 1 − α, over all
    /// looks. Null where hosts are too few for a bound.
    pub interval: (Option<f64>, Option<f64>),
    /// −log10 of the p-value over all looks and tests of this class; 2 is one in a hundred.
    pub evidence: f64,
    /// Which test gave it.
    pub test: Option<Test>,
    /// Why, in words.
    pub why: String,
    /// Canaries with data.
    pub hosts_used: usize,
    /// Hosts that they were compared with.
    pub controls_used: usize,
    /// Whom they were compared with.
    pub compared_with: String,
    /// How many canaries it took to decide; none while undecided.
    pub decided_at_host: Option<usize>,
    /// The smallest change for the worse found in nine of ten cases at the last look taken, as
    /// an absolute relative change; none if no change could be.
    pub detectable_effect: Option<f64>,
    /// Canaries that are far beyond the others: bad hosts, unless the verdict is a fail.
    pub bad_hosts: Vec<String>,
    /// Better beyond chance: often a broken measurement.
    pub too_good: bool,
    /// θ of the scores.
    pub theta: f64,
    /// Looks taken.
    pub looks: Vec<Look>,
    /// What is missing or doubtful.
    pub faults: Vec<String>,
    /// What else a reader should know.
    pub notes: Vec<String>,
}
