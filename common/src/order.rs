//! A stable hash: the same on every machine and in every release, so that what is "random" in a
//! plan follows from its recorded seed.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::id::{CommandId, HostId, RolloutId};

/// SipHash-1-3 of some numbers under a seed.
#[must_use]
pub fn stable_hash(seed: u64, parts: &[u128]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(seed, 0x7761_7665_6761_7465);
    for part in parts {
        hasher.write(&part.to_le_bytes());
    }
    hasher.finish()
}

/// Where a host stands in the order of a rollout: smaller goes first.
#[must_use]
pub fn host_order(seed: u64, rollout: RolloutId, host: HostId) -> u64 {
    stable_hash(seed, &[u128::from(rollout.0), host.0])
}

/// The id of one order: equal for the same order planned twice.
#[must_use]
pub fn command_id(rollout: RolloutId, host: HostId, attempt: u32, kind: u8) -> CommandId {
    let parts = [u128::from(rollout.0), host.0, u128::from(attempt), u128::from(kind)];
    let high = stable_hash(1, &parts);
    let low = stable_hash(2, &parts);
    CommandId(u128::from(high) << 64 | u128::from(low))
}
