//! Baselines.

use wavegate_common::baseline::SlotValue;
use wavegate_common::view::{BaselineBoot, BaselineValue, BaselineView, HostRef};

use crate::store::StoredBoot;

/// What a host was like in the boots that are kept.
#[must_use]
pub fn baseline(host: HostRef, boots: &[StoredBoot]) -> BaselineView {
    let boots = boots.iter().map(|boot| BaselineBoot {
        boot_id: boot.boot,
        kernel: boot.kernel.clone(),
        first: boot.first,
        last: boot.last,
        slots: boot.slots,
        metrics: boot
            .whole
            .iter()
            .filter_map(|(metric, all)| Some(BaselineValue::new(metric, SlotValue::of(all)?)))
            .collect(),
    });
    BaselineView { host, boots: boots.collect() }
}
