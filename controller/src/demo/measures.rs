//! What the disks of simulated hosts are like, slot by slot. Everything follows from the seed.

use wavegate_common::baseline::{BaselineSlot, MetricId, Metrics, NumberedSlot};
use wavegate_common::order::stable_hash;
use wavegate_common::{HostClass, KernelRelease, Millis, Timestamp};
use wavegate_simfleet::SimHost;

/// Length of a slot: real ones are five minutes, and so is the demo's clock turned up.
pub(super) const SLOT: Millis = Millis::secs(2);
/// Reads of a host per slot.
const READS: u64 = 600;
/// Of a hundred reads, so many are slow.
const SLOW: u64 = 4;

/// What is wrong with disks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Disks {
    /// Slow reads take 18 % longer on the new kernel, on one class.
    Slower { class: HostClass, kernel: KernelRelease },
    /// Now and then somebody else's work gets in the way, on either kernel.
    Noisy,
}

/// One slot of a host that is up.
pub(super) fn slot(
    host: &SimHost,
    disks: &Disks,
    seed: u64,
    start: Timestamp,
    seq: u64,
) -> Option<NumberedSlot> {
    let (boot, kernel) = (host.boot_id()?, host.running()?.clone());
    let id = host.profile().id.0;
    let at = u128::from(start.0.unsigned_abs());
    let roll = |salt: u128, n: u64| {
        let hash = stable_hash(seed, &[salt, id, at, u128::from(n)]);
        (hash >> 11) as f64 / (1u64 << 53) as f64
    };
    // Hosts of a class differ by some per cent, always the same.
    let own = 1.0 + 0.04 * (stable_hash(seed, &[7, id]) % 1_000) as f64 / 1_000.0;
    let slower = match disks {
        Disks::Slower { class, kernel: bad } if host.class() == class && kernel == *bad => 1.18,
        Disks::Slower { .. } | Disks::Noisy => 1.0,
    };
    let neighbour = match disks {
        Disks::Noisy if roll(8, 0) < 0.15 => 1.0 + roll(9, 0),
        Disks::Noisy | Disks::Slower { .. } => 1.0,
    };
    let mut metrics = Metrics::default();
    let reads = metrics.of(MetricId::IoReadLatency);
    for n in 0..READS {
        let usual = 180_000.0 * own * neighbour * (0.9 + 0.2 * roll(10, n));
        let late = n % 100 < SLOW;
        reads.record((if late { 6.0 * usual * slower } else { usual }) as u64);
    }
    Some(NumberedSlot { seq, slot: BaselineSlot { boot, kernel, start, covered: SLOT, metrics } })
}
