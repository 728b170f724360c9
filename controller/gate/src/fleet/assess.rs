//! From evidence to an assessment.

use wavegate_common::{
    Assessment, ClassAssessment, Finding, HostId, Metric, MetricAssessment, MetricRule, Says,
    Scope, Verdict,
};

use super::evidence::{Arm, ClassMeasures, Evidence, HostMeasures};
use crate::perf::ranksum::Nulls;
use crate::perf::{self, Better, Call, ClassRows, HostRows, Judged, Plan, Sample, Task};

/// Hosts named in a finding.
const NAMED: usize = 20;
/// Share of the chance of error that reboots have where they are watched.
const REBOOTS: f64 = 0.3;
/// And that errors of applications have.
const ERRORS: f64 = 0.25;
/// Chance, over all looks, that a metric passes although it is worse by its margin.
const MISS: f64 = 0.1;

/// Judges everything that was measured. `nulls` keeps null distributions from call to call; it
/// changes how long it takes and nothing else.
#[must_use]
pub fn assess(nulls: &mut Nulls, evidence: &Evidence) -> Assessment {
    let plans: Vec<Plan> =
        evidence.rule.metrics.iter().map(|metric| plan(evidence, metric)).collect();
    let rows: Vec<Vec<ClassRows>> = evidence
        .classes
        .iter()
        .map(|class| (0..plans.len()).map(|at| rows_of(evidence, class, at)).collect())
        .collect();
    let tasks: Vec<Task<'_>> = rows
        .iter()
        .flat_map(|of_class| of_class.iter().zip(&plans))
        .map(|(rows, plan)| Task { plan, rows })
        .collect();
    let alpha = share(evidence.rule.alpha);
    let reboots = if evidence.risks.is_empty() { 0.0 } else { REBOOTS };
    let errors = if evidence.signals.is_empty() { 0.0 } else { ERRORS };
    let rest = 1.0 - reboots - errors;
    let mut judged = perf::judge_family(nulls, alpha * rest, &tasks).into_iter();
    let mut classes = Vec::new();
    for class in &evidence.classes {
        let of_class: Vec<Judged> = judged.by_ref().take(plans.len()).collect();
        // Once its last host has moved there is nobody left to compare with: what was said stands.
        if moved(class) > 0 && moved(class) < class.hosts.len() {
            classes.push(class_says(evidence, class, &of_class));
        }
    }
    super::reboots::add(evidence, alpha * reboots, &mut classes);
    super::signals::add(evidence, alpha * errors, &mut classes);
    Assessment { at: evidence.at, evidence: evidence.digest(), classes }
}

fn share(share: wavegate_common::Share) -> f64 {
    f64::from(share.0) / 1e6
}

fn plan(evidence: &Evidence, metric: &MetricRule) -> Plan {
    let better = match metric.better {
        wavegate_common::Goal::Lower => Better::Lower,
        wavegate_common::Goal::Higher => Better::Higher,
    };
    Plan {
        better,
        min_effect: share(metric.min_effect),
        margin: share(metric.margin),
        alpha: share(evidence.rule.alpha),
        beta: MISS,
        looks: evidence.rule.looks.iter().map(|look| *look as usize).collect(),
        seed: evidence.seed,
    }
}

fn moved(class: &ClassMeasures) -> usize {
    class.hosts.iter().filter(|host| matches!(host.arm, Arm::Moved(_))).count()
}

/// One metric of one class as the tests want it. Between two looks the class stands as it did at
/// the last one, so hosts beyond it wait for the next; after the last look all of them count.
fn rows_of(evidence: &Evidence, class: &ClassMeasures, metric: usize) -> ClassRows {
    let mut orders: Vec<u64> = class
        .hosts
        .iter()
        .filter(|host| measured(host, metric))
        .filter_map(|host| match host.arm {
            Arm::Moved(order) => Some(order),
            Arm::Control | Arm::Placebo => None,
        })
        .collect();
    orders.sort_unstable();
    let have = orders.len();
    let looks = evidence.rule.looks.iter().map(|look| *look as usize);
    let (reached, next) = (looks.clone().filter(|l| *l <= have).max(), looks.max());
    let cut = match reached {
        Some(look) if next.is_some_and(|last| have < last) => orders.get(look - 1).copied(),
        _ => None,
    };
    let row = |host: &HostMeasures| {
        let pair = host.values.get(metric).copied().flatten();
        let sample = pair.map_or_else(Sample::default, |pair| Sample {
            slot: 0,
            before: Some(pair.before),
            after: Some(pair.after),
        });
        let (arm, order) = match host.arm {
            Arm::Moved(order) => (perf::Arm::Canary, Some(order)),
            Arm::Control => (perf::Arm::Control, None),
            Arm::Placebo => (perf::Arm::Placebo, None),
        };
        HostRows { host: host.host.to_string(), arm, order, samples: vec![sample] }
    };
    let counts = |host: &&HostMeasures| match (host.arm, cut) {
        (Arm::Moved(order), Some(cut)) => order <= cut,
        _ => true,
    };
    ClassRows {
        class: class.class.as_str().to_owned(),
        slotted: false,
        hosts: class.hosts.iter().filter(counts).map(row).collect(),
        faults: Vec::new(),
    }
}

fn measured(host: &HostMeasures, metric: usize) -> bool {
    host.values.get(metric).is_some_and(Option::is_some)
}

fn class_says(evidence: &Evidence, class: &ClassMeasures, judged: &[Judged]) -> ClassAssessment {
    let metrics: Vec<MetricAssessment> = evidence
        .rule
        .metrics
        .iter()
        .zip(judged)
        .map(|(rule, judged)| metric_says(evidence, class, rule, judged))
        .collect();
    let first = |says: Says| metrics.iter().find(|metric| metric.says == says);
    let verdict = if first(Says::Fail).is_some() {
        let worse = metrics.iter().filter(|metric| metric.says == Says::Fail);
        let findings = worse.map(|metric| finding(class, metric)).collect();
        Verdict::Fail { scope: Scope::Class(class.class.clone()), findings }
    } else if let Some(open) = first(Says::Extend) {
        Verdict::Extend { missing: format!("{}: {}", open.metric, open.evidence) }
    } else if let Some(unclear) = first(Says::Inconclusive) {
        Verdict::Inconclusive { why: format!("{}: {}", unclear.metric, unclear.evidence) }
    } else {
        Verdict::Pass
    };
    ClassAssessment { class: class.class.clone(), verdict, metrics }
}

fn metric_says(
    evidence: &Evidence,
    class: &ClassMeasures,
    rule: &MetricRule,
    judged: &Judged,
) -> MetricAssessment {
    let first = evidence.rule.looks.first().copied().unwrap_or(1) as usize;
    // Nobody is left who could bring the class to its first look.
    let too_small = class.open == 0 && moved(class) < first;
    let says = match judged.verdict {
        Call::Pass => Says::Pass,
        Call::Fail => Says::Fail,
        Call::Extend if too_small => Says::Inconclusive,
        Call::Extend => Says::Extend,
        Call::Inconclusive => Says::Inconclusive,
    };
    let bound = |bound: Option<f64>, open: i64| bound.map_or(open, ppm);
    let (low, high) = judged.interval;
    let worst = worst(class, judged);
    MetricAssessment {
        metric: rule.name.clone(),
        says,
        effect_ppm: judged.effect.map(ppm),
        interval_ppm: judged.effect.map(|_| (bound(low, i64::MIN), bound(high, i64::MAX))),
        detectable_ppm: judged.detectable_effect.map(|effect| ppm(effect).unsigned_abs()),
        hosts_used: judged.hosts_used as u64,
        controls_used: judged.controls_used as u64,
        decided_at_host: judged.decided_at_host.map(|at| at as u64),
        evidence: judged.why.clone(),
        worst,
    }
}

/// The hosts that changed most for the worse on the new kernel.
fn worst(class: &ClassMeasures, judged: &Judged) -> Vec<HostId> {
    let bad: Vec<HostId> = class
        .hosts
        .iter()
        .map(|host| host.host)
        .filter(|id| judged.bad_hosts.iter().any(|bad| *bad == id.to_string()))
        .collect();
    if !bad.is_empty() || judged.verdict != Call::Fail {
        return bad.into_iter().take(NAMED).collect();
    }
    let moved = class.hosts.iter().filter(|host| matches!(host.arm, Arm::Moved(_)));
    moved.map(|host| host.host).take(NAMED).collect()
}

fn ppm(relative: f64) -> i64 {
    // The cast saturates, and makes nothing of what is not a number.
    (relative * 1e6).round() as i64
}

fn finding(class: &ClassMeasures, metric: &MetricAssessment) -> Finding {
    let effect = metric.effect_ppm.unwrap_or(0);
    let percent = effect as f64 / 1e4;
    Finding {
        metric: Metric::Performance,
        class: Some(class.class.clone()),
        name: Some(metric.metric.clone()),
        effect_ppm: effect,
        interval_ppm: metric.interval_ppm.unwrap_or((i64::MIN, i64::MAX)),
        evidence: format!(
            "{} of {} changed by {percent:+.2} % on {} hosts against {} controls: {}",
            metric.metric, class.class, metric.hosts_used, metric.controls_used, metric.evidence
        ),
        hosts: metric.worst.clone(),
    }
}
