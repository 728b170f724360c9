//! What holds for every rollout of a controller.

use serde::{Deserialize, Serialize};
use wavegate_common::spec::{Bound, Share};
use wavegate_common::{Budget, Freeze, HostId, Millis};

/// What holds for every rollout. Part of the controller's configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Labels that name failure domains, for example `rack`, `power`, `site`.
    pub domain_keys: Vec<String>,
    /// The label that names the workload; part of the host class.
    pub workload_key: String,
    /// Budgets over all rollouts, besides those of the specification.
    pub budgets: Vec<Budget>,
    /// Spans in which nothing begins.
    pub freezes: Vec<Freeze>,
    /// A host not heard of for this long is out of sight.
    pub stale_after: Millis,
    /// After the controller starts, nothing is concluded from silence for this long.
    pub settle: Millis,
    /// If more than this share of all hosts is out of sight, assume our own fault.
    pub lost_sight: Share,
    /// If at least this share of a failure domain (and three hosts) is out of sight, assume the
    /// network there.
    pub dark_domain: Share,
    /// How long after an attempt was given up the next may begin.
    pub retry_after: Millis,
    /// How often an attempt may be given up before the host counts as failed.
    pub attempts: u32,
    /// A rollout of more hosts than this needs the approval of a second person; none if absent.
    pub approval_above: Option<u64>,
    /// The host that the controller runs on, if it is managed too: it goes last.
    pub controller_host: Option<HostId>,
    /// The life of a permit; never more than 5 s.
    pub permit_life: Millis,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            domain_keys: vec!["rack".to_owned(), "power".to_owned()],
            workload_key: "role".to_owned(),
            budgets: vec![Budget::PerDomain {
                key: "rack".to_owned(),
                max_down: Bound::Share(Share(100_000)),
            }],
            freezes: Vec::new(),
            stale_after: Millis::secs(60),
            settle: Millis::secs(60),
            lost_sight: Share(550_000),
            dark_domain: Share(500_000),
            retry_after: Millis::mins(2),
            attempts: 5,
            approval_above: None,
            controller_host: None,
            permit_life: wavegate_common::command::PERMIT_LIFE,
        }
    }
}
