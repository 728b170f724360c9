//! The first gate: counts of hosts that went wrong, against thresholds.

use std::collections::{BTreeMap, BTreeSet};

use wavegate_common::{
    FailureDomain, Finding, GateRule, HostClass, HostId, Metric, Scope, Verdict,
};

use crate::interval::share_ppm;

/// A host that went wrong and that no person has acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadHost {
    /// Which.
    pub host: HostId,
    /// What went wrong.
    pub metric: Metric,
    /// Where it stands.
    pub domains: Vec<FailureDomain>,
}

/// One class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassEvidence {
    /// Which.
    pub class: HostClass,
    /// Hosts of it that were told to boot the new kernel, over all waves so far.
    pub moved: u64,
    /// Hosts of it that this wave counts on.
    pub expected: u64,
    /// Of those, confirmed on the new kernel.
    pub good: u64,
    /// Hosts of it, over all waves, that went wrong.
    pub bad: Vec<BadHost>,
}

/// What is known when a gate is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaveEvidence {
    /// Which wave; 0 is the canary stage.
    pub wave: u16,
    /// Hosts of this wave that are still under way, or about to.
    pub open: u64,
    /// Hosts of this wave that were confirmed on the new kernel.
    pub good: u64,
    /// Of those, with a fresh report.
    pub reporting: u64,
    /// Class by class; only classes with hosts that moved or are expected to.
    pub classes: Vec<ClassEvidence>,
}

/// What the gate of a wave says. `Fail` does not wait for the wave to be complete; `Pass` does,
/// and it wants to see every host that was confirmed.
#[must_use]
pub fn judge(rule: &GateRule, at_least: u32, evidence: &WaveEvidence) -> Verdict {
    if let Some(verdict) = failures(rule, evidence) {
        return verdict;
    }
    if evidence.open > 0 {
        return Verdict::Extend { missing: format!("{} hosts are not through", evidence.open) };
    }
    if evidence.good == 0 {
        return Verdict::Extend { missing: "no host has moved in this wave".to_owned() };
    }
    if evidence.wave == 0
        && let Some(missing) = canaries_missing(at_least, evidence)
    {
        return Verdict::Extend { missing };
    }
    if evidence.reporting < rule.reporting.of_rounded_up(evidence.good) {
        let missing = format!(
            "{} of {} hosts of the wave have reported lately, {} are needed",
            evidence.reporting, evidence.good, rule.reporting
        );
        return Verdict::Extend { missing };
    }
    Verdict::Pass
}

fn failures(rule: &GateRule, evidence: &WaveEvidence) -> Option<Verdict> {
    let moved: u64 = evidence.classes.iter().map(|class| class.moved).sum();
    let bad: u64 = evidence.classes.iter().map(|class| class.bad.len() as u64).sum();
    let allowed = if evidence.wave == 0 { rule.canary_failures } else { rule.class_failures };
    let over = |class: &&ClassEvidence| class.bad.len() as u64 > allowed;
    let in_classes: Vec<&ClassEvidence> = evidence.classes.iter().filter(over).collect();
    let over_all = bad > rule.failures.of(moved).max(1);
    let guilty: Vec<&ClassEvidence> = if !in_classes.is_empty() {
        in_classes
    } else if over_all {
        evidence.classes.iter().filter(|class| !class.bad.is_empty()).collect()
    } else {
        return None;
    };
    let findings = guilty.iter().flat_map(|class| class_findings(class)).collect();
    Some(Verdict::Fail { scope: scope(&guilty), findings })
}

/// One finding per class and metric.
fn class_findings(class: &ClassEvidence) -> Vec<Finding> {
    let mut by_metric: BTreeMap<Metric, Vec<HostId>> = BTreeMap::new();
    for bad in &class.bad {
        by_metric.entry(bad.metric).or_default().push(bad.host);
    }
    by_metric
        .into_iter()
        .map(|(metric, hosts)| {
            let (bad, moved) = (hosts.len() as u64, class.moved.max(hosts.len() as u64));
            let (low, high) = share_ppm(bad, moved);
            Finding {
                metric,
                class: Some(class.class.clone()),
                name: None,
                effect_ppm: (bad * 1_000_000 / moved.max(1)).cast_signed(),
                interval_ppm: (low.cast_signed(), high.cast_signed()),
                evidence: format!("{bad} of {moved} hosts of {} {}", class.class, metric.says()),
                hosts,
            }
        })
        .collect()
}

/// The narrowest thing that the bad hosts share: their class, else a failure domain.
fn scope(guilty: &[&ClassEvidence]) -> Scope {
    if let [one] = guilty {
        return Scope::Class(one.class.clone());
    }
    let mut bad = guilty.iter().flat_map(|class| &class.bad);
    let Some(first) = bad.next() else { return Scope::Rollout };
    let mut shared: BTreeSet<&FailureDomain> = first.domains.iter().collect();
    for host in bad {
        shared.retain(|domain| host.domains.contains(domain));
    }
    // The smallest domain says most; without their sizes, the last by name stands for it.
    shared.into_iter().next_back().map_or(Scope::Rollout, |domain| Scope::Domain(domain.clone()))
}

/// Classes whose canaries are too few to say anything.
fn canaries_missing(at_least: u32, evidence: &WaveEvidence) -> Option<String> {
    evidence
        .classes
        .iter()
        .filter(|class| class.expected > 0)
        .find(|class| class.good < u64::from(at_least).min(class.expected))
        .map(|class| {
            let needed = u64::from(at_least).min(class.expected);
            format!("{} of {needed} canaries of {} are confirmed", class.good, class.class)
        })
}

#[cfg(test)]
#[path = "boot_tests.rs"]
mod tests;
