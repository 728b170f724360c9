//! Unexpected reboots of a whole rollout: which classes are stopped for them.

use wavegate_common::{
    ClassAssessment, Finding, HostId, Metric, MetricAssessment, MetricName, Says, Scope, Verdict,
};

use super::evidence::{Evidence, HostRisk};
use crate::reboots::{Arm, ClassReport, HostLog, Outcome, Settings, Span, judge};

/// The name under which they are shown.
const NAME: &str = "reboots";

/// Adds what reboots say to what else is said of each class. They can stop a class; that they
/// are rare is shown, and holds nothing up: a wave is too short to prove it.
pub(super) fn add(evidence: &Evidence, alpha: f64, classes: &mut [ClassAssessment]) {
    let Ok(name) = NAME.parse::<MetricName>() else { return };
    if evidence.risks.is_empty() {
        return;
    }
    let logs: Vec<HostLog> = evidence.risks.iter().map(log).collect();
    let report = judge(&logs, evidence.at.0, &Settings { alpha, ..Settings::default() });
    let named = report.classes.iter().any(|class| class.outcome == Outcome::Fail);
    // Hosts of all classes together reboot too often, and no class stands out.
    let all = report.outcome == Outcome::Fail && !named;
    for class in classes {
        let Some(of) = report.classes.iter().find(|of| of.class == class.class) else { continue };
        let worst: Vec<HostId> =
            of.drivers.iter().filter_map(|at| evidence.risks.get(*at)).map(|r| r.host).collect();
        let fails = of.outcome == Outcome::Fail || (all && of.canaries > 0);
        let says = match (&of.outcome, fails) {
            (_, true) => Says::Fail,
            (Outcome::Pass, _) => Says::Pass,
            (Outcome::Inconclusive, _) => Says::Inconclusive,
            (Outcome::Extend | Outcome::Fail, _) => Says::Extend,
        };
        let metric = shown(name.clone(), says, of, worst);
        if fails {
            stop(class, &metric);
        }
        class.metrics.push(metric);
    }
}

fn log(risk: &HostRisk) -> HostLog {
    let (start, end) = risk.on_old;
    let end = end.or(risk.on_new).map(|at| at.0);
    let mut spans = vec![Span { arm: Arm::Control, start: start.0, end }];
    spans.extend(risk.on_new.map(|at| Span { arm: Arm::Canary, start: at.0, end: None }));
    HostLog {
        class: risk.class.clone(),
        domains: risk.domains.clone(),
        spans,
        reboots: risk.reboots.iter().map(|at| at.0).collect(),
    }
}

fn shown(name: MetricName, says: Says, of: &ClassReport, worst: Vec<HostId>) -> MetricAssessment {
    // A rate that cannot be bounded is no number: the cast saturates.
    let ppm = |ratio: f64| ((ratio - 1.0) * 1e6) as i64;
    MetricAssessment {
        metric: name,
        says,
        effect_ppm: of.ratio.estimate.map(ppm),
        interval_ppm: Some((ppm(of.ratio.low), ppm(of.ratio.high))),
        detectable_ppm: of.detectable.map(|ratio| ppm(ratio).unsigned_abs()),
        hosts_used: of.canaries,
        controls_used: of.controls,
        decided_at_host: None,
        evidence: of.why.clone(),
        worst,
    }
}

fn stop(class: &mut ClassAssessment, metric: &MetricAssessment) {
    let finding = Finding {
        metric: Metric::Reboots,
        class: Some(class.class.clone()),
        name: Some(metric.metric.clone()),
        effect_ppm: metric.effect_ppm.unwrap_or(0),
        interval_ppm: metric.interval_ppm.unwrap_or((i64::MIN, i64::MAX)),
        evidence: format!(
            "hosts of {} {}: {}",
            class.class,
            Metric::Reboots.says(),
            metric.evidence
        ),
        hosts: metric.worst.clone(),
    };
    match &mut class.verdict {
        Verdict::Fail { findings, .. } => findings.push(finding),
        other => {
            let scope = Scope::Class(class.class.clone());
            *other = Verdict::Fail { scope, findings: vec![finding] };
        }
    }
}
