mod building;
mod measured;
mod sending;
mod services;
mod spooled;

use wavegate_common::baseline::{BaselineSlot, MetricId, Metrics};
use wavegate_common::{BootId, Millis, Timestamp};

/// A slot of this boot with one value.
fn slot(boot: u128, start: i64, value: u64) -> BaselineSlot {
    let mut metrics = Metrics::default();
    metrics.of(MetricId::CpuBusy).record(value);
    BaselineSlot {
        boot: BootId(boot),
        kernel: "6.1.0-47".into(),
        start: Timestamp(start * 300_000),
        covered: Millis::mins(5),
        metrics,
    }
}
