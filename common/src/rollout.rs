//! Where a rollout and each of its hosts stand. State in variants, data where it is valid.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::host::{FailureDomain, HostClass};
use crate::id::{BootId, CommandId, Generation, HostId};
use crate::kernel::KernelRelease;
use crate::time::Timestamp;
use crate::verdict::Finding;

/// Where a rollout stands. Wave 0 is the canary stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutPhase {
    /// Made, not started: it waits for an approval.
    Draft,
    /// Canaries of every class go first.
    Canary,
    /// A wave is being let through.
    Rolling {
        /// Its index, from 1.
        wave: u16,
    },
    /// Every host of the wave is done; watch them for a while.
    Baking {
        /// Its index; 0 is the canary stage.
        wave: u16,
        /// When the gate may open.
        until: Timestamp,
    },
    /// Nothing begins.
    Paused {
        /// Where it goes on.
        resume_to: Box<RolloutPhase>,
        /// Why.
        reason: PauseReason,
    },
    /// Hosts go back to the kernel each came from.
    RollingBack,
    /// Every host is done.
    Succeeded,
    /// Ended by a person, or rolled back.
    Aborted {
        /// Why.
        reason: AbortReason,
    },
}

impl RolloutPhase {
    /// The last wave whose hosts may act in this phase, if any may. While a wave bakes, hosts of
    /// it that could not act before may catch up.
    #[must_use]
    pub fn open_wave(&self) -> Option<u16> {
        match self {
            Self::Canary => Some(0),
            Self::Rolling { wave } | Self::Baking { wave, .. } => Some(*wave),
            Self::Draft
            | Self::Paused { .. }
            | Self::RollingBack
            | Self::Succeeded
            | Self::Aborted { .. } => None,
        }
    }

    /// Whether nothing will ever happen to it again.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Succeeded | Self::Aborted { .. })
    }

    /// The phase as one lower-case word, as in JSON and tables.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Canary => "canary",
            Self::Rolling { .. } => "rolling",
            Self::Baking { .. } => "baking",
            Self::Paused { .. } => "paused",
            Self::RollingBack => "rolling_back",
            Self::Succeeded => "succeeded",
            Self::Aborted { .. } => "aborted",
        }
    }
}

/// What a pause is about: the narrowest thing that the bad hosts share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// No structure was found.
    Rollout,
    /// All bad hosts are of one class.
    Class(HostClass),
    /// All bad hosts are in one failure domain.
    Domain(FailureDomain),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rollout => f.write_str("rollout"),
            Self::Class(class) => write!(f, "class {class}"),
            Self::Domain(domain) => write!(f, "domain {domain}"),
        }
    }
}

/// Why nothing begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// A gate closed.
    Gate {
        /// The wave whose gate it was.
        wave: u16,
        /// The narrowest thing that the bad hosts share.
        scope: Scope,
        /// The evidence.
        findings: Vec<Finding>,
    },
    /// A person said so.
    Operator {
        /// Who.
        by: String,
        /// Their words.
        reason: String,
    },
    /// A plan broke an invariant and was not carried out.
    Violation {
        /// Which, and how.
        text: String,
    },
}

impl fmt::Display for PauseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gate { wave, scope, findings } => {
                write!(f, "the gate of wave {wave} closed for {scope}")?;
                for (i, finding) in findings.iter().enumerate() {
                    write!(f, "{} {finding}", if i == 0 { ":" } else { ";" })?;
                }
                Ok(())
            }
            Self::Operator { by, reason } => write!(f, "{by} paused it: {reason}"),
            Self::Violation { text } => write!(f, "a plan broke an invariant: {text}"),
        }
    }
}

/// Why it ended before its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbortReason {
    /// A person said so.
    Operator {
        /// Who.
        by: String,
        /// Their words.
        reason: String,
    },
    /// Every host that moved has gone back.
    RolledBack,
}

impl fmt::Display for AbortReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator { by, reason } => write!(f, "{by} aborted it: {reason}"),
            Self::RolledBack => f.write_str("every host that had moved went back"),
        }
    }
}

/// At which step of a host something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailStep {
    /// Getting the kernel onto the host.
    Stage,
    /// Taking the workload away.
    Drain,
    /// Arming the boot entry or loading the kernel.
    Arm,
    /// Leaving the old kernel.
    Switch,
    /// Booting the new one.
    Boot,
    /// Checks on the new one.
    Verify,
    /// Making it the default.
    Confirm,
}

impl fmt::Display for FailStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stage => "stage",
            Self::Drain => "drain",
            Self::Arm => "arm",
            Self::Switch => "switch",
            Self::Boot => "boot",
            Self::Verify => "verify",
            Self::Confirm => "confirm",
        })
    }
}

/// Why a host failed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailReason {
    /// It came back on the kernel it left.
    FellBack {
        /// Panic text, watchdog, or what is known.
        evidence: String,
    },
    /// It came back on a kernel that is neither the old nor the new one.
    WrongKernel {
        /// What runs.
        running: KernelRelease,
    },
    /// It rebooted without being asked while it was watched.
    UnexpectedReboot {
        /// What is known of the reason.
        evidence: String,
    },
    /// Its checks fail on the new kernel.
    HealthChecks {
        /// Which.
        failed: String,
    },
    /// The agent could not do the step.
    Step {
        /// What it said.
        error: String,
    },
}

impl fmt::Display for FailReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FellBack { evidence } => write!(f, "came back on the old kernel ({evidence})"),
            Self::WrongKernel { running } => write!(f, "came back on {running}"),
            Self::UnexpectedReboot { evidence } => write!(f, "rebooted unasked ({evidence})"),
            Self::HealthChecks { failed } => write!(f, "checks fail on the new kernel: {failed}"),
            Self::Step { error } => f.write_str(error),
        }
    }
}

/// Why a host takes no part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExcludeReason {
    /// A person said so.
    Operator {
        /// Who.
        by: String,
        /// Their words.
        reason: String,
    },
    /// It ran the release already when the rollout was made.
    AlreadyThere,
    /// This release, this host or its class: it went wrong before.
    KnownBad {
        /// What went wrong then.
        what: String,
    },
    /// The rollout ended before the host's turn.
    Ended,
}

impl fmt::Display for ExcludeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator { by, reason } => write!(f, "{by} excluded it: {reason}"),
            Self::AlreadyThere => f.write_str("it runs this kernel already"),
            Self::KnownBad { what } => write!(f, "known bad: {what}"),
            Self::Ended => f.write_str("the rollout ended before its turn"),
        }
    }
}

/// Where a host of a rollout stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostPhase {
    /// Its turn has not come.
    Pending,
    /// The kernel is on its way onto the host.
    Staging {
        /// Since when.
        since: Timestamp,
    },
    /// The kernel is there.
    Staged,
    /// Told to drain and to ask for a permit. Holds a slot from here on.
    Draining {
        /// Since when.
        since: Timestamp,
    },
    /// A permit was given.
    Rebooting {
        /// The boot it leaves.
        from: BootId,
        /// When it should be back.
        deadline: Timestamp,
    },
    /// Back on the wanted kernel; its checks are not through.
    Verifying {
        /// Since when.
        since: Timestamp,
        /// The boot it is in.
        boot: BootId,
    },
    /// Done: confirmed on the wanted kernel, workload back.
    Updated {
        /// When.
        at: Timestamp,
        /// The boot that was confirmed.
        boot: BootId,
    },
    /// Back on the kernel it came from, by our order.
    RolledBack,
    /// Something went wrong; a person decides.
    Failed {
        /// Where.
        step: FailStep,
        /// Why.
        reason: FailReason,
    },
    /// Not heard of since its reboot; holds its slot until evidence comes.
    Lost,
    /// Takes no part.
    Excluded {
        /// Why.
        reason: ExcludeReason,
    },
}

impl HostPhase {
    /// The phase as one lower-case word.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Staging { .. } => "staging",
            Self::Staged => "staged",
            Self::Draining { .. } => "draining",
            Self::Rebooting { .. } => "rebooting",
            Self::Verifying { .. } => "verifying",
            Self::Updated { .. } => "updated",
            Self::RolledBack => "rolled_back",
            Self::Failed { .. } => "failed",
            Self::Lost => "lost",
            Self::Excluded { .. } => "excluded",
        }
    }

    /// Whether the host is, or may be, away from its work by our doing: it holds a slot of every
    /// disruption budget it falls under.
    #[must_use]
    pub fn holds_slot(&self) -> bool {
        matches!(
            self,
            Self::Draining { .. } | Self::Rebooting { .. } | Self::Verifying { .. } | Self::Lost
        )
    }

    /// Whether nothing more will happen to it in this rollout, unless a person says so.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(
            self,
            Self::Updated { .. } | Self::RolledBack | Self::Failed { .. } | Self::Excluded { .. }
        )
    }

    /// Whether the host was harmed: failed, or lost.
    #[must_use]
    pub fn is_harmed(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Lost)
    }
}

/// Which way a host goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To the rollout's release.
    #[default]
    Forward,
    /// To the kernel it came from.
    Back,
}

/// What kind of order is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderKind {
    /// Get the kernel onto the host.
    Stage,
    /// Drain, ask, switch, verify.
    Activate,
    /// Make it the default.
    Confirm,
    /// Give up what is not irreversible.
    Cancel,
}

/// The order that is open for a host. With the rollout it gives the whole [`crate::Command`], so
/// the order itself need not be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrder {
    /// Its id.
    pub id: CommandId,
    /// Its kind.
    pub kind: OrderKind,
    /// Of which plan.
    pub generation: Generation,
    /// The boot the planner saw when it gave the order.
    pub boot_id: BootId,
    /// The kernel it saw running.
    pub running: KernelRelease,
}

/// A host in a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutHost {
    /// Which.
    pub host: HostId,
    /// Its class when the rollout was made: an index into the rollout's list of classes.
    pub class: u32,
    /// Its wave; 0 is the canary stage.
    pub wave: u16,
    /// Where it stands.
    pub phase: HostPhase,
    /// Which way it goes.
    pub direction: Direction,
    /// The kernel it ran when the rollout first touched it: the way back.
    pub came_from: Option<KernelRelease>,
    /// The order that is open, if one is.
    pub order: Option<OpenOrder>,
    /// How often an order was given anew; part of the order's id.
    pub attempt: u32,
    /// How often the host gave an order up without being told to.
    pub given_up: u32,
    /// After an attempt that was given up: nothing begins before this.
    pub not_before: Option<Timestamp>,
    /// Permits given: boots we asked for.
    pub boots: u8,
    /// A person has seen that it failed and let the rollout go on; the gate no longer counts it.
    pub acknowledged: bool,
}

impl RolloutHost {
    /// A host whose turn has not come.
    #[must_use]
    pub fn new(host: HostId, class: u32, wave: u16) -> Self {
        Self {
            host,
            class,
            wave,
            phase: HostPhase::Pending,
            direction: Direction::Forward,
            came_from: None,
            order: None,
            attempt: 0,
            given_up: 0,
            not_before: None,
            boots: 0,
            acknowledged: false,
        }
    }
}
