//! How often the gate was right.

use serde::Serialize;

use super::trial::Ended;

/// What came of many rollouts. A stop is right if it names the class in which something was
/// planted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// How many rollouts.
    pub rollouts: u64,
    /// Of them, with something planted.
    pub planted: u64,
    /// Right stops among all stops; 1 if there was none.
    pub precision: f64,
    /// Rollouts with something planted that were stopped for it.
    pub recall: f64,
    /// Clean rollouts that were stopped.
    pub false_pause_share: f64,
    /// Clean rollouts that neither came to their end nor were stopped.
    pub stuck: u64,
    /// Hosts of the bad class that had booted the new kernel when it was stopped: median.
    pub exposed_hosts_p50: u64,
    /// And the 99th percentile.
    pub exposed_hosts_p99: u64,
    /// From the datum that decided to the decision, in seconds: 99th percentile.
    pub decision_s_p99: f64,
    /// How long a clean rollout took, in hours of the fleet: median.
    pub clean_hours_p50: u64,
    /// Invariants that were broken.
    pub violations: u64,
    /// What was planted and how often it was found.
    pub by_kind: Vec<Kind>,
}

/// One kind of plant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kind {
    /// Which.
    pub what: String,
    /// How often it was planted.
    pub planted: u64,
    /// How often it was found.
    pub found: u64,
    /// The most hosts that were exposed to it.
    pub exposed_max: u64,
}

/// Counts.
#[must_use]
pub fn score(all: &[Ended]) -> Score {
    let found =
        |ended: &Ended| ended.planted.as_ref().is_some_and(|class| ended.stopped.contains(class));
    let planted = all.iter().filter(|ended| ended.planted.is_some()).count();
    let clean: Vec<&Ended> = all.iter().filter(|ended| ended.planted.is_none()).collect();
    let right = all.iter().filter(|ended| found(ended)).count();
    let stops: usize = all.iter().map(|ended| ended.stopped.len()).sum();
    let false_pauses = clean.iter().filter(|ended| !ended.stopped.is_empty()).count();
    let stuck =
        clean.iter().filter(|ended| ended.stopped.is_empty() && ended.phase != "succeeded").count();
    let exposed = sorted(all.iter().filter(|ended| found(ended)).map(|ended| ended.exposed));
    let hours = sorted(clean.iter().map(|ended| ended.hours));
    let mut seconds: Vec<f64> =
        all.iter().filter(|ended| found(ended)).map(|ended| ended.decision_s).collect();
    seconds.sort_by(f64::total_cmp);
    Score {
        rollouts: all.len() as u64,
        planted: planted as u64,
        precision: ratio(right, stops),
        recall: ratio(right, planted),
        false_pause_share: if clean.is_empty() { 0.0 } else { ratio(false_pauses, clean.len()) },
        stuck: stuck as u64,
        exposed_hosts_p50: at(&exposed, 50),
        exposed_hosts_p99: at(&exposed, 99),
        decision_s_p99: at(&seconds, 99),
        clean_hours_p50: at(&hours, 50),
        violations: all.iter().map(|ended| ended.violations).sum(),
        by_kind: kinds(all, found),
    }
}

fn kinds(all: &[Ended], found: impl Fn(&Ended) -> bool) -> Vec<Kind> {
    let mut out: std::collections::BTreeMap<String, Kind> = std::collections::BTreeMap::new();
    for ended in all {
        let Some(what) = &ended.what else { continue };
        let kind = out.entry(what.clone()).or_insert_with(|| Kind {
            what: what.clone(),
            planted: 0,
            found: 0,
            exposed_max: 0,
        });
        kind.planted += 1;
        if found(ended) {
            kind.found += 1;
            kind.exposed_max = kind.exposed_max.max(ended.exposed);
        }
    }
    out.into_values().collect()
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

fn sorted(values: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values
}

fn at<T: Copy + Default>(values: &[T], percent: usize) -> T {
    let place = (values.len() * percent / 100).min(values.len().saturating_sub(1));
    values.get(place).copied().unwrap_or_default()
}
