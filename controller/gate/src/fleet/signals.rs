//! Errors of applications, as an outside source counts them: hosts on the new kernel against hosts
//! of their class on the old one, in the same window of time.

use wavegate_common::{
    ClassAssessment, Finding, HostClass, HostId, Metric, MetricAssessment, Says, Scope, Verdict,
};

use super::evidence::{Evidence, SignalHost, SignalMeasures};
use crate::counts::{HostCounts, Rules, Slot, judge};
use crate::reboots::{Arm, Outcome};

/// Adds what sources say to what else is said of each class. A source that says too little keeps
/// every class from passing: silence is not health.
pub(super) fn add(evidence: &Evidence, alpha: f64, classes: &mut [ClassAssessment]) {
    let tests = (evidence.signals.len() * evidence.classes.len()).max(1);
    for signal in &evidence.signals {
        for class in classes.iter_mut() {
            let metric = of_class(signal, &class.class, alpha / tests as f64);
            combine(class, &metric);
            class.metrics.push(metric);
        }
    }
}

fn of_class(signal: &SignalMeasures, class: &HostClass, alpha: f64) -> MetricAssessment {
    let here: Vec<&SignalHost> = signal.hosts.iter().filter(|host| host.class == *class).collect();
    let (new, old) = (sum(&here, true), sum(&here, false));
    let counts: Vec<HostCounts> = here
        .iter()
        .map(|host| HostCounts {
            arm: if host.moved { Arm::Canary } else { Arm::Control },
            slots: vec![Slot { errors: host.errors, requests: host.requests }],
        })
        .collect();
    let said = judge(&counts, &Rules { alpha, ..Rules::default() });
    let times = rate(new) / rate(old);
    let (says, words) = match &signal.missing {
        Some(missing) => (Says::Extend, missing.clone()),
        None if said.outcome == Outcome::Fail => (Says::Fail, said.why.clone()),
        None if said.outcome == Outcome::Pass => (Says::Pass, said.why.clone()),
        // Too little was seen for any verdict.
        None if new.requests == 0 || old.requests == 0 => (Says::Extend, said.why.clone()),
        None if times <= signal.margin_ppm as f64 / 1e6 => {
            let words = format!("{times:.2} times the errors of hosts on the old kernel");
            (Says::Pass, words)
        }
        None => {
            let most = signal.margin_ppm as f64 / 1e6;
            let words =
                format!("{times:.2} times the errors, {most:.2} are let through: {}", said.why);
            (Says::Extend, words)
        }
    };
    let used = |moved| here.iter().filter(|host| host.moved == moved).count() as u64;
    let bad: Vec<HostId> = said
        .bad
        .iter()
        .filter_map(|at| here.get(*at))
        .filter(|host| host.moved)
        .map(|host| host.host)
        .collect();
    MetricAssessment {
        metric: signal.source.clone(),
        says,
        effect_ppm: times.is_finite().then_some(((times - 1.0) * 1e6) as i64),
        interval_ppm: None,
        detectable_ppm: None,
        hosts_used: used(true),
        controls_used: used(false),
        decided_at_host: None,
        evidence: words,
        worst: if says == Says::Fail { bad } else { Vec::new() },
    }
}

fn sum(hosts: &[&SignalHost], moved: bool) -> Slot {
    hosts.iter().filter(|host| host.moved == moved).fold(Slot::default(), |sum, host| Slot {
        errors: sum.errors + host.errors,
        requests: sum.requests + host.requests,
    })
}

/// With half an error more, so that none is not taken for never.
fn rate(sum: Slot) -> f64 {
    (sum.errors as f64 + 0.5) / (sum.requests as f64 + 0.5)
}

fn combine(class: &mut ClassAssessment, metric: &MetricAssessment) {
    let text = || format!("{}: {}", metric.metric, metric.evidence);
    match (metric.says, &mut class.verdict) {
        (Says::Fail, Verdict::Fail { findings, .. }) => {
            findings.push(finding(&class.class, metric));
        }
        (Says::Fail, other) => {
            let findings = vec![finding(&class.class, metric)];
            *other = Verdict::Fail { scope: Scope::Class(class.class.clone()), findings };
        }
        (Says::Extend, other @ (Verdict::Pass | Verdict::Inconclusive { .. })) => {
            *other = Verdict::Extend { missing: text() };
        }
        (Says::Inconclusive, other @ Verdict::Pass) => {
            *other = Verdict::Inconclusive { why: text() };
        }
        _ => {}
    }
}

fn finding(class: &HostClass, metric: &MetricAssessment) -> Finding {
    Finding {
        metric: Metric::Errors,
        class: Some(class.clone()),
        name: Some(metric.metric.clone()),
        effect_ppm: metric.effect_ppm.unwrap_or(0),
        interval_ppm: (i64::MIN, i64::MAX),
        evidence: format!("hosts of {class} {}: {}", Metric::Errors.says(), metric.evidence),
        hosts: metric.worst.clone(),
    }
}
