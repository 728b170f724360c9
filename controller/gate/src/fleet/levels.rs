//! From what hosts measured slot by slot to one number per host.
//!
//! Load goes up and down with the time of day, for the whole class alike. So a host's number is
//! its distance from the middle of its class in the same slots, as a factor: 1.02 is 2 % more
//! than its class. Slots that fewer than three hosts saw say nothing of the class.

use std::collections::BTreeMap;

use wavegate_common::{HostId, Timestamp};

/// Hosts that must have seen a slot.
const SEEN_BY: usize = 3;

/// One metric of one class in one span of time: host, slot, value.
pub type Readings = Vec<(HostId, Timestamp, f64)>;

/// The factor of each host against its class. Values that are not above zero count as the
/// smallest that was seen: a latency of nothing is a clock that does not resolve it.
#[must_use]
pub fn levels(readings: &Readings) -> BTreeMap<HostId, f64> {
    let positive = readings.iter().map(|(_, _, value)| *value).filter(|value| *value > 0.0);
    let Some(least) = positive.min_by(f64::total_cmp) else {
        // Nothing but zeros: everybody is like everybody.
        return readings.iter().map(|(host, ..)| (*host, 1.0)).collect();
    };
    let mut by_slot: BTreeMap<Timestamp, Vec<(HostId, f64)>> = BTreeMap::new();
    for (host, slot, value) in readings {
        if value.is_finite() {
            by_slot.entry(*slot).or_default().push((*host, value.max(least).ln()));
        }
    }
    let mut away: BTreeMap<HostId, Vec<f64>> = BTreeMap::new();
    for seen in by_slot.into_values().filter(|seen| seen.len() >= SEEN_BY) {
        let middle = median(seen.iter().map(|(_, value)| *value).collect());
        for (host, value) in seen {
            away.entry(host).or_default().push(value - middle);
        }
    }
    away.into_iter().map(|(host, values)| (host, median(values).exp())).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = values.len() / 2;
    let upper = values.get(at).copied().unwrap_or_default();
    if values.len() % 2 == 1 {
        return upper;
    }
    let lower = at.checked_sub(1).and_then(|at| values.get(at)).copied().unwrap_or(upper);
    f64::midpoint(lower, upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_day_falls_out() {
        let mut readings = Readings::new();
        for slot in 0..12 {
            for host in 0..5u128 {
                let load = 100.0 + 50.0 * f64::from(slot % 6);
                let own = if host == 4 { 1.1 } else { 1.0 };
                // Host 3 was away at first.
                if host != 3 || slot > 4 {
                    readings.push((HostId(host), Timestamp(slot.into()), load * own));
                }
            }
        }
        let levels = levels(&readings);
        assert!((levels[&HostId(0)] - 1.0).abs() < 1e-12);
        assert!((levels[&HostId(3)] - 1.0).abs() < 1e-12);
        assert!((levels[&HostId(4)] - 1.1).abs() < 1e-12);
    }

    #[test]
    fn a_slot_seen_by_few_says_nothing_and_zeros_do_no_harm() {
        let few = vec![(HostId(1), Timestamp(0), 5.0), (HostId(2), Timestamp(0), 9.0)];
        assert!(levels(&few).is_empty());
        let zeros: Readings = (0..4).map(|n| (HostId(n), Timestamp(0), 0.0)).collect();
        assert!(levels(&zeros).values().all(|level| *level == 1.0));
        let mixed: Readings =
            (0..4).map(|n| (HostId(n), Timestamp(0), if n == 0 { 0.0 } else { 2.0 })).collect();
        assert!(levels(&mixed).values().all(|level| level.is_finite()));
    }
}
