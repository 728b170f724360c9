//! What hosts were like before a rollout.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wavegate_common::{HostId, MetricName};

/// The level of each host against its class, metric by metric, when the rollout began.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Before {
    /// By metric, then by host.
    pub levels: BTreeMap<String, BTreeMap<HostId, f64>>,
}

impl Before {
    pub(super) fn level(&self, metric: &MetricName, host: HostId) -> Option<f64> {
        self.levels.get(metric.as_str())?.get(&host).copied()
    }
}
