//! Whether the data can bear a `pass`. Silence is not health: whatever is missing, stale or
//! doubtful is named here, and keeps a class from passing.

use super::input::{Arm, ClassRows, HostRows, Sample};

/// Share of hosts or slots of an arm that may be missing.
const MISSING_MOST: f64 = 0.1;
/// Slots that canaries and others must share.
const COMMON_SLOTS_LEAST: usize = 6;
/// Share of an arm's hosts that repeat their value from before, from which its source is stuck.
const STUCK_FROM: f64 = 0.8;

/// What can be used, and what is wrong.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quality {
    /// Host by host, in the order of the class.
    pub(crate) usable: Vec<bool>,
    /// Why the class cannot pass.
    pub(crate) faults: Vec<String>,
}

impl Quality {
    pub(crate) fn of(rows: &ClassRows) -> Self {
        let usable = rows.hosts.iter().map(|h| has_both(h) && !is_frozen(h)).collect();
        let mut quality = Self { usable, faults: rows.faults.clone() };
        quality.frozen_hosts(rows);
        for canaries in [true, false] {
            quality.stuck_arm(rows, canaries);
            quality.missing_hosts(rows, canaries);
        }
        if rows.slotted {
            quality.slots(rows, "after", |s| s.after);
            quality.slots(rows, "before", |s| s.before);
        }
        quality
    }

    fn frozen_hosts(&mut self, rows: &ClassRows) {
        let frozen = rows.hosts.iter().filter(|h| has_both(h) && is_frozen(h)).count();
        if frozen > 0 {
            self.faults.push(format!(
                "{frozen} hosts report one value over and over since the change: their source \
                 looks frozen"
            ));
        }
    }

    /// A source that stopped: hosts of an arm all repeat what they said before, or all say the
    /// same though they differed before. Such values are no data.
    fn stuck_arm(&mut self, rows: &ClassRows, canaries: bool) {
        let of_arm = |(i, host): &(usize, &HostRows)| {
            self.usable[*i] && (host.arm == Arm::Canary) == canaries
        };
        let hosts: Vec<(usize, &HostRows)> = rows.hosts.iter().enumerate().filter(of_arm).collect();
        let firsts = |pick: fn(&Sample) -> Option<f64>| -> Vec<f64> {
            hosts.iter().filter_map(|(_, h)| h.samples.iter().find_map(pick)).collect()
        };
        if hosts.len() < 2 || same(&firsts(|s| s.before)) {
            return;
        }
        let repeats = |host: &HostRows| {
            let mut pairs = host.samples.iter().filter_map(|s| s.before.zip(s.after)).peekable();
            pairs.peek().is_some() && pairs.all(|(before, after)| before == after && before != 0.0)
        };
        let stuck: Vec<usize> = hosts.iter().filter(|(_, h)| repeats(h)).map(|&(i, _)| i).collect();
        let one_value = hosts.len() >= 3
            && same(&firsts(|s| s.after))
            && hosts.iter().all(|(_, h)| same_after(h))
            && firsts(|s| s.after).first() != Some(&0.0);
        let arm = arm_name(canaries);
        if stuck.len() as f64 >= STUCK_FROM * hosts.len() as f64 {
            self.faults.push(format!("{} {arm} repeat their values from before", stuck.len()));
            stuck.iter().for_each(|&i| self.usable[i] = false);
        } else if one_value {
            self.faults.push(format!("all {arm} report the same value since the change"));
            hosts.iter().for_each(|&(i, _)| self.usable[i] = false);
        }
    }

    fn missing_hosts(&mut self, rows: &ClassRows, canaries: bool) {
        let of_arm = |host: &HostRows| (host.arm == Arm::Canary) == canaries;
        let all = rows.hosts.iter().filter(|h| of_arm(h)).count();
        let have = rows.hosts.iter().zip(&self.usable).filter(|(h, u)| of_arm(h) && **u).count();
        if (all - have) as f64 > MISSING_MOST * all as f64 {
            let arm = arm_name(canaries);
            self.faults.push(format!("{} of {all} {arm} have no usable data", all - have));
        }
    }

    /// Slots that half of an arm saw are expected of every host of both.
    fn slots(&mut self, rows: &ClassRows, phase: &str, pick: fn(&Sample) -> Option<f64>) {
        let hosts = |canaries: bool| {
            rows.hosts.iter().filter(|h| (h.arm == Arm::Canary) == canaries).count()
        };
        let (canaries, others) = (hosts(true), hosts(false));
        let mut seen: Vec<(u32, bool)> = Vec::new();
        for host in &rows.hosts {
            let canary = host.arm == Arm::Canary;
            let slots = host.samples.iter().filter(|s| pick(s).is_some_and(f64::is_finite));
            seen.extend(slots.map(|s| (s.slot, canary)));
        }
        seen.sort_unstable();
        let (mut expected, mut common, mut by_canaries, mut by_others) = (0, 0, 0, 0);
        for slot in seen.chunk_by(|a, b| a.0 == b.0) {
            let of_canaries = slot.iter().filter(|(_, canary)| *canary).count();
            let of_others = slot.len() - of_canaries;
            common += usize::from(of_canaries > 0 && of_others > 0);
            if 2 * of_canaries >= canaries.max(1) || 2 * of_others >= others.max(1) {
                expected += 1;
                by_canaries += of_canaries;
                by_others += of_others;
            }
        }
        if common < COMMON_SLOTS_LEAST {
            self.faults.push(format!(
                "{phase}: canaries and controls share {common} slots, {COMMON_SLOTS_LEAST} are \
                 needed"
            ));
        }
        for (arm, have, hosts) in [(true, by_canaries, canaries), (false, by_others, others)] {
            let wanted = expected * hosts;
            if (wanted.saturating_sub(have)) as f64 > MISSING_MOST * wanted as f64 {
                let percent = 100 * have / wanted.max(1);
                let arm = arm_name(arm);
                self.faults.push(format!("{phase}: {arm} have {percent} % of the slots"));
            }
        }
    }
}

fn arm_name(canaries: bool) -> &'static str {
    if canaries { "canaries" } else { "controls" }
}

fn has_both(host: &HostRows) -> bool {
    let any =
        |pick: fn(&Sample) -> Option<f64>| host.samples.iter().filter_map(pick).any(f64::is_finite);
    any(|s| s.before) && any(|s| s.after)
}

/// At least three values after, all the same, while those before vary.
fn is_frozen(host: &HostRows) -> bool {
    let after = host.samples.iter().filter(|s| s.after.is_some()).count();
    let before: Vec<f64> = host.samples.iter().filter_map(|s| s.before).collect();
    after >= 3 && same_after(host) && !same(&before)
}

fn same_after(host: &HostRows) -> bool {
    let mut after = host.samples.iter().filter_map(|s| s.after);
    let first = after.next();
    after.all(|value| Some(value) == first)
}

fn same(values: &[f64]) -> bool {
    values.windows(2).all(|pair| pair[0] == pair[1])
}

/// Adds a fault to classes whose canaries' orders have gaps: hosts that arrived and are not in
/// the data. Orders count over all classes if no two classes share one, else class by class.
/// Orders far above the number of canaries are times, not counts, and tell nothing.
pub fn find_gaps(classes: &mut [ClassRows]) {
    let orders = |class: &ClassRows| -> Vec<u64> {
        let canaries = class.hosts.iter().filter(|h| h.arm == Arm::Canary);
        canaries.filter_map(|h| h.order).collect()
    };
    let mut all: Vec<u64> = classes.iter().flat_map(&orders).collect();
    all.sort_unstable();
    let shared = all.windows(2).any(|pair| pair[0] == pair[1]);
    let whole = missing(all);
    for class in classes {
        let gaps = if shared { missing(orders(class)) } else { whole };
        let here = class.hosts.iter().any(|h| h.arm == Arm::Canary);
        if let Some(gaps) = gaps.filter(|_| here) {
            class.faults.push(format!("{gaps} canaries are missing: the orders have gaps"));
        }
    }
}

/// How many are missing, if more than may be.
fn missing(mut orders: Vec<u64>) -> Option<u64> {
    orders.sort_unstable();
    orders.dedup();
    let (have, last) = (orders.len() as u64, *orders.last()?);
    let expected = last + u64::from(orders.first() == Some(&0));
    let counts = last <= 50 * have + 50;
    let missing = expected - have;
    (counts && missing as f64 > MISSING_MOST * expected as f64).then_some(missing)
}

#[cfg(test)]
#[path = "quality_tests.rs"]
mod tests;
