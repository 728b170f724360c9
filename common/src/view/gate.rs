//! The gate's statistics, for operators.

use serde::{Deserialize, Serialize};

use crate::assess::Assessment;
use crate::host::HostClass;
use crate::id::Digest;
use crate::time::Timestamp;

/// What the gate's statistics say of a rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateView {
    /// Its name.
    pub rollout: String,
    /// Classes for which a person answers.
    pub accepted: Vec<AcceptedClass>,
    /// What is said; none before anything was looked at.
    pub assessment: Option<Assessment>,
}

/// A class for which a person answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedClass {
    /// Which.
    pub class: HostClass,
    /// Who, and their words.
    pub words: String,
}

/// Verdicts computed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayView {
    /// Name of the rollout.
    pub rollout: String,
    /// The oldest first.
    pub verdicts: Vec<ReplayedVerdict>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayedVerdict {
    /// When the evidence was gathered.
    pub at: Timestamp,
    /// Its digest.
    pub evidence: Digest,
    /// Whether what is said now is what was said then, to the last bit.
    pub identical: bool,
    /// Class by class, in one word each.
    pub classes: Vec<ReplayedClass>,
}

/// One class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayedClass {
    /// Which.
    pub class: HostClass,
    /// What was said.
    pub stored: String,
    /// What is said now.
    pub replayed: String,
}
