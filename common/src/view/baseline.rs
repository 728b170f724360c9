//! What a host was like.

use serde::{Deserialize, Serialize};

use super::host::HostRef;
use crate::baseline::{Better, MetricId, SlotValue, Unit};
use crate::id::BootId;
use crate::kernel::KernelRelease;
use crate::time::Timestamp;

/// One metric in a few numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BaselineValue {
    /// Which.
    pub metric: MetricId,
    /// What its numbers count.
    pub unit: Unit,
    /// Which direction does good.
    pub better: Better,
    /// The numbers.
    #[serde(flatten)]
    pub value: SlotValue,
}

impl BaselineValue {
    /// The numbers of a metric.
    #[must_use]
    pub fn new(metric: MetricId, value: SlotValue) -> Self {
        Self { metric, unit: metric.unit(), better: metric.better(), value }
    }
}

/// One boot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaselineBoot {
    /// Which.
    pub boot_id: BootId,
    /// Its kernel.
    pub kernel: KernelRelease,
    /// When its first slot began, by the host's clock.
    pub first: Timestamp,
    /// When its last slot began.
    pub last: Timestamp,
    /// How many slots of five minutes there are.
    pub slots: u64,
    /// What was measured in all of them together.
    pub metrics: Vec<BaselineValue>,
}

/// The last boots of a host, the newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaselineView {
    /// Which host.
    pub host: HostRef,
    /// Its boots.
    pub boots: Vec<BaselineBoot>,
}
