//! Whether a host does its work.

use serde::{Deserialize, Serialize};

/// The host's own view of itself. `Unknown` is never healthy and never yet failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthState {
    /// No check has run yet, or none could.
    #[default]
    Unknown,
    /// Every check passed.
    Healthy,
    /// At least one check failed.
    Unhealthy,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CheckResult {
    /// Name of the check, for example `units` or the file name of a hook.
    pub name: String,
    /// Whether it passed.
    pub ok: bool,
    /// What it said, one line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// All checks of a host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Health {
    /// The sum.
    pub state: HealthState,
    /// The parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckResult>,
}

impl Health {
    /// The sum of some checks; no checks at all is `Unknown`.
    #[must_use]
    pub fn of(checks: Vec<CheckResult>) -> Self {
        let state = if checks.is_empty() {
            HealthState::Unknown
        } else if checks.iter().all(|check| check.ok) {
            HealthState::Healthy
        } else {
            HealthState::Unhealthy
        };
        Self { state, checks }
    }

    /// The check by which an agent says that the workload stays away because the last order to
    /// change kernels failed.
    pub const PARKED: &str = "parked";

    /// Whether nothing fails but that: another order may well mend the host.
    #[must_use]
    pub fn is_parked_only(&self) -> bool {
        let mut failed = self.checks.iter().filter(|check| !check.ok).peekable();
        failed.peek().is_some() && failed.all(|check| check.name == Self::PARKED)
    }

    /// Names of the checks that failed, with commas.
    #[must_use]
    pub fn failed(&self) -> String {
        let names: Vec<&str> =
            self.checks.iter().filter(|c| !c.ok).map(|c| c.name.as_str()).collect();
        names.join(", ")
    }
}
