//! The closed list of reasons why a host or a rollout is not moving.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::host::{FailureDomain, HostClass};
use crate::time::Timestamp;

macro_rules! waiting {
    ($( $(#[$doc:meta])* $name:ident $({ $($(#[$fdoc:meta])* $field:ident: $type:ty),* $(,)? })? = $kind:literal ),* $(,)?) => {
        /// Why a host or a rollout is not moving. Exactly one per host that does not move.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub enum WaitingOn {
            $( $(#[$doc])* $name $({ $($(#[$fdoc])* $field: $type),* })? ),*
        }

        impl WaitingOn {
            /// Every kind there is.
            pub const KINDS: &'static [&'static str] = &[$($kind),*];

            /// The reason as one word with underscores, as in JSON.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self { $( Self::$name $({ $($field: _),* })? => $kind ),* }
            }
        }
    };
}

waiting! {
    /// The wave before was let through; it is watched for a while.
    Bake {
        /// Until when.
        until: Timestamp,
    } = "bake",
    /// As many hosts as allowed are down already under this budget.
    DisruptionBudget {
        /// The selector of the budget.
        budget: String,
        /// Hosts down now, by our doing or not.
        down: u64,
        /// How many may be.
        max: u64,
    } = "disruption_budget",
    /// As many hosts as allowed are down already in this failure domain.
    FailureDomainBusy {
        /// Which.
        domain: FailureDomain,
        /// Hosts down now, by our doing or not.
        down: u64,
        /// How many may be.
        max: u64,
    } = "failure_domain_busy",
    /// Most hosts of this failure domain are out of sight: the network, most likely.
    FailureDomainDark {
        /// Which.
        domain: FailureDomain,
    } = "failure_domain_dark",
    /// Outside the maintenance windows.
    Window {
        /// When the next one opens, if one does within a year.
        opens: Option<Timestamp>,
    } = "window",
    /// A freeze is in force.
    Freeze {
        /// Its name.
        name: String,
        /// When it ends.
        until: Timestamp,
    } = "freeze",
    /// The canaries of the class have not all been judged.
    CanaryVerdict {
        /// Which class.
        class: HostClass,
    } = "canary_verdict",
    /// In its class one host at a time goes ahead until some have proved the kernel.
    ClassRamp {
        /// Which class.
        class: HostClass,
        /// Hosts of the class under way now.
        under_way: u64,
        /// How many may be.
        max: u64,
    } = "class_ramp",
    /// The gate of this wave lacks data.
    GateData {
        /// Which wave.
        wave: u16,
        /// What is missing.
        missing: String,
    } = "gate_data",
    /// An earlier wave goes first.
    EarlierWave {
        /// The wave that moves now.
        current: u16,
        /// The wave of the host.
        own: u16,
    } = "earlier_wave",
    /// Kept on the old kernel as a control until every wave is through.
    Holdback = "holdback",
    /// The controller runs on it: it goes last, alone.
    ControllerHostLast = "controller_host_last",
    /// Nothing was heard of it lately, so nothing is known of it.
    NoRecentReport {
        /// When it was last heard of.
        last: Option<Timestamp>,
    } = "no_recent_report",
    /// Most of the fleet is out of sight: assume our own fault and touch nothing.
    LostSight {
        /// Hosts out of sight, in millionths.
        unseen_ppm: u64,
    } = "lost_sight",
    /// Its configuration differs from what is declared, in ways a person must judge.
    Drift {
        /// Which items.
        items: Vec<String>,
    } = "drift",
    /// Its own checks fail, before we touched it.
    Unhealthy {
        /// Which.
        checks: String,
    } = "unhealthy",
    /// The agent's own guard refuses.
    HostGuard {
        /// Why.
        reasons: Vec<String>,
    } = "host_guard",
    /// A person holds the host.
    Held {
        /// Who.
        by: String,
        /// Their words.
        reason: String,
    } = "held",
    /// Somebody must say yes first.
    Approval {
        /// To what.
        to: String,
    } = "approval",
    /// This release went wrong in its class before; a person or a new artifact can clear it.
    KnownBad {
        /// What went wrong.
        what: String,
    } = "known_bad",
    /// The kernel is on its way onto the host.
    Staging = "staging",
    /// The workload is being taken away.
    Drain {
        /// What a hook said when it asked to be tried later.
        waiting: Option<String>,
    } = "drain",
    /// It reboots.
    RebootInProgress {
        /// When it should be back.
        deadline: Timestamp,
    } = "reboot_in_progress",
    /// The new kernel runs; its checks are not through.
    Verification = "verification",
    /// It has not come back; a person must look, or evidence must come.
    HostLost = "host_lost",
    /// The rollout is paused.
    Paused {
        /// Why.
        reason: String,
    } = "paused",
    /// It failed; a person decides.
    Failed {
        /// What went wrong.
        what: String,
    } = "failed",
}

impl fmt::Display for WaitingOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bake { .. } => f.write_str("the wave before is being watched"),
            Self::DisruptionBudget { budget, down, max } => {
                write!(f, "{down} of at most {max} hosts are down under the budget for {budget}")
            }
            Self::FailureDomainBusy { domain, down, max } => {
                write!(f, "{down} of at most {max} hosts are down in {domain}")
            }
            Self::FailureDomainDark { domain } => {
                write!(f, "most hosts of {domain} are out of sight")
            }
            Self::Window { opens: Some(_) } => f.write_str("outside the maintenance windows"),
            Self::Window { opens: None } => {
                f.write_str("no maintenance window opens within a year")
            }
            Self::Freeze { name, .. } => write!(f, "the freeze `{name}` is in force"),
            Self::CanaryVerdict { class } => write!(f, "canaries of {class} are not judged yet"),
            Self::ClassRamp { class, under_way, max } => {
                write!(f, "{under_way} of at most {max} hosts of {class} are under way")
            }
            Self::GateData { wave, missing } => {
                write!(f, "the gate of wave {wave} lacks data: {missing}")
            }
            Self::EarlierWave { current, own } => {
                write!(f, "wave {current} moves now, the host is in wave {own}")
            }
            Self::Holdback => f.write_str("kept on the old kernel as a control until the end"),
            Self::ControllerHostLast => f.write_str("the controller runs on it, so it goes last"),
            Self::NoRecentReport { last: Some(_) } => f.write_str("not heard of lately"),
            Self::NoRecentReport { last: None } => f.write_str("never heard of"),
            Self::LostSight { unseen_ppm } => {
                write!(f, "{} % of the fleet is out of sight", unseen_ppm / 10_000)
            }
            Self::Drift { items } => write!(f, "risky drift: {}", items.join(", ")),
            Self::Unhealthy { checks } => write!(f, "its own checks fail: {checks}"),
            Self::HostGuard { reasons } => write!(f, "its agent refuses: {}", reasons.join(", ")),
            Self::Held { by, reason } => write!(f, "{by} holds it: {reason}"),
            Self::Approval { to } => write!(f, "somebody must approve {to}"),
            Self::KnownBad { what } => write!(f, "known bad: {what}"),
            Self::Staging => f.write_str("the kernel is being put onto it"),
            Self::Drain { waiting: None } => f.write_str("its workload is being taken away"),
            Self::Drain { waiting: Some(what) } => write!(f, "a drain hook asks to wait: {what}"),
            Self::RebootInProgress { .. } => f.write_str("it reboots"),
            Self::Verification => f.write_str("its checks on the new kernel are not through"),
            Self::HostLost => f.write_str("it did not come back"),
            Self::Paused { reason } => write!(f, "the rollout is paused: {reason}"),
            Self::Failed { what } => f.write_str(what),
        }
    }
}

impl WaitingOn {
    /// What would let it move, in one sentence without a full stop.
    #[must_use]
    pub fn released_by(&self) -> String {
        match self {
            Self::Bake { .. } => "the bake time ends and the gate passes".to_owned(),
            Self::DisruptionBudget { .. } => "a host under the budget is back at work".to_owned(),
            Self::FailureDomainBusy { domain, .. } => {
                format!("a host of {domain} is back at work")
            }
            Self::FailureDomainDark { domain } => format!("hosts of {domain} report again"),
            Self::Window { opens: Some(_) } => "the next maintenance window opens".to_owned(),
            Self::Window { opens: None } => "somebody widens the rollout's windows".to_owned(),
            Self::Freeze { .. } => "the freeze ends".to_owned(),
            Self::CanaryVerdict { class } => format!("the canaries of {class} are through"),
            Self::ClassRamp { .. } => {
                "a host of the class is confirmed on the new kernel".to_owned()
            }
            Self::GateData { .. } => "the missing data arrive".to_owned(),
            Self::EarlierWave { current, .. } => format!("the gate of wave {current} passes"),
            Self::Holdback => "the last wave's gate passes".to_owned(),
            Self::ControllerHostLast => "every other host is done".to_owned(),
            Self::NoRecentReport { .. } => "the host reports again".to_owned(),
            Self::LostSight { .. } => "most of the fleet reports again".to_owned(),
            Self::Drift { .. } => "the drift is repaired or waived".to_owned(),
            Self::Unhealthy { .. } => "the host's checks pass".to_owned(),
            Self::HostGuard { .. } => "the reason on the host goes away".to_owned(),
            Self::Held { .. } => "`wavegate host release`".to_owned(),
            Self::Approval { .. } => "`wavegate rollout approve` by a second person".to_owned(),
            Self::KnownBad { .. } => {
                "a new artifact, or `wavegate rollout resume --retry-class` by a person".to_owned()
            }
            Self::Staging => "the package is installed".to_owned(),
            Self::Drain { .. } => "the drain hooks end".to_owned(),
            Self::RebootInProgress { .. } => "the host comes back with a new boot id".to_owned(),
            Self::Verification => "its checks pass for the soak time".to_owned(),
            Self::HostLost => "the host reports, or `wavegate host exclude`".to_owned(),
            Self::Paused { .. } => "`wavegate rollout resume`".to_owned(),
            Self::Failed { .. } => {
                "`wavegate rollout rollback`, `wavegate host exclude`, or a new release".to_owned()
            }
        }
    }
}
