//! What is made of slots for those who compare.

use serde::{Deserialize, Serialize};

use super::histogram::Histogram;
use super::metric::MetricId;
use crate::id::{BootId, HostId};
use crate::kernel::KernelRelease;
use crate::time::{Millis, Timestamp};

/// A distribution in a few numbers, in the unit of its metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SlotValue {
    /// The median.
    pub p50: u64,
    /// What 99 of 100 values do not exceed.
    pub p99: u64,
    /// The distance from the lower to the upper quartile.
    pub iqr: u64,
    /// The mean.
    pub mean: f64,
    /// How many values there are.
    pub count: u64,
}

impl SlotValue {
    /// The numbers of a distribution; none if it is empty.
    #[must_use]
    pub fn of(histogram: &Histogram) -> Option<Self> {
        let quartiles = (histogram.quantile(250_000)?, histogram.quantile(750_000)?);
        Some(Self {
            p50: histogram.quantile(500_000)?,
            p99: histogram.quantile(990_000)?,
            iqr: quartiles.1 - quartiles.0,
            mean: histogram.mean()?,
            count: histogram.count(),
        })
    }
}

/// One metric of one boot of one host.
#[derive(Debug, Clone, PartialEq)]
pub struct HostSeries {
    /// Which host.
    pub host: HostId,
    /// Which boot.
    pub boot: BootId,
    /// The kernel of that boot.
    pub kernel: KernelRelease,
    /// Which metric.
    pub metric: MetricId,
    /// The newest slots in the order of time: start, how much of it was measured, and what.
    pub slots: Vec<(Timestamp, Millis, SlotValue)>,
    /// All slots of the boot together, those that are not kept one by one as well.
    pub whole: SlotValue,
}
