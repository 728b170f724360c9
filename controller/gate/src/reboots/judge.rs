//! The verdict on unexpected reboots.

use std::collections::BTreeMap;

use wavegate_common::HostClass;

use super::evidence::{Evidence, Ratio, ratio};
use super::input::{Arm, HostLog};
use super::step::{Kind, Step};
use super::timeline;
use crate::family::ln_mean;
use crate::power::reboots::{Exposure, detectable_ratio};

/// What the gate is asked for; frozen before it starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Chance of ever stopping a harmless rollout for its reboots.
    pub alpha: f64,
    /// A class passes when a rate this many times that of the controls is ruled out.
    pub ratio: f64,
    /// Chance that the interval of a class ever misses the true rate ratio; so it bounds the
    /// chance of passing a class that is worse than `ratio`.
    pub miss: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { alpha: 0.003, ratio: 10.0, miss: 0.05 }
    }
}

/// What is said of a class, or of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A rate ratio of [`Settings::ratio`] is ruled out.
    Pass,
    /// Canaries fail sooner than controls.
    Fail,
    /// More exposure is needed.
    Extend,
    /// It cannot be told, and waiting does not help.
    Inconclusive,
}

/// One class.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassReport {
    /// Which.
    pub class: HostClass,
    /// What is said of it.
    pub outcome: Outcome,
    /// Why, in words.
    pub why: String,
    /// Rate of canaries over rate of controls.
    pub ratio: Ratio,
    /// The e-value, at the decision or at the end: odds against "nothing changed".
    pub evidence: f64,
    /// Canaries that were ever at risk.
    pub canaries: u64,
    /// Controls that were ever at risk.
    pub controls: u64,
    /// Canaries whose first failure counted.
    pub failed_canaries: u64,
    /// Controls whose first failure counted.
    pub failed_controls: u64,
    /// Host-days of canaries and of controls.
    pub exposure: Exposure,
    /// The rate ratio that would have been found at 90 %, given the exposure.
    pub detectable: Option<f64>,
    /// When the evidence was enough, in milliseconds.
    pub decided_at: Option<i64>,
    /// Bursts that were put down to the surroundings.
    pub bursts: u64,
    /// The canaries that failed, by index.
    pub drivers: Vec<usize>,
}

/// All classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What is said of all together.
    pub outcome: Outcome,
    /// The e-value of all: the mean of the common evidence and of the mean over classes.
    pub evidence: f64,
    /// When the evidence was enough, in milliseconds.
    pub decided_at: Option<i64>,
    /// Canaries that had failed until then.
    pub failed_canaries: u64,
    /// Class by class, by name.
    pub classes: Vec<ClassReport>,
}

/// Judges what is known at `now`, in milliseconds. What happened in the last ten minutes is not
/// counted yet: it may be the beginning of a burst.
#[must_use]
pub fn judge(hosts: &[HostLog], now: i64, settings: &Settings) -> Report {
    let mut classes: BTreeMap<&HostClass, Vec<usize>> = BTreeMap::new();
    for (index, host) in hosts.iter().enumerate() {
        classes.entry(&host.class).or_default().push(index);
    }
    let steps: Vec<Vec<Step>> =
        classes.values().map(|members| timeline::steps(hosts, members, now)).collect();
    let family = Family::over_time(&steps, settings.alpha);
    let reports: Vec<ClassReport> = classes
        .iter()
        .zip(&steps)
        .zip(&family.crossed)
        .map(|(((class, members), steps), &crossed)| {
            let shown = ClassData { hosts, members, steps, now };
            shown.report((*class).clone(), crossed, settings)
        })
        .collect();
    let failed_canaries = steps.iter().flatten().filter(|step| family.counts(step));
    Report {
        outcome: overall(family.decided_at.is_some(), &reports),
        evidence: family.ln_value.exp(),
        decided_at: family.decided_at,
        failed_canaries: failed_canaries.map(|step| step.canaries).sum(),
        classes: reports,
    }
}

/// Pass needs every class; a fault of one is a fault of all.
fn overall(failed: bool, classes: &[ClassReport]) -> Outcome {
    let some = |outcome| classes.iter().any(|class| class.outcome == outcome);
    if failed || some(Outcome::Fail) {
        Outcome::Fail
    } else if classes.is_empty() || some(Outcome::Extend) {
        Outcome::Extend
    } else if some(Outcome::Inconclusive) {
        Outcome::Inconclusive
    } else {
        Outcome::Pass
    }
}

/// The evidence of all classes as it grew.
///
/// A fault of all classes shows soonest if the classes share their odds; a fault of one shows in
/// its own evidence. The mean of e-values is one again, however they depend on each other
/// (V. Vovk and R. Wang, "E-values: calibration, combination and applications", Annals of
/// Statistics 49, 2021), so the mean of the common evidence and the classes' mean is used. A
/// class is named when its own evidence alone carries that mean over the line.
struct Family {
    decided_at: Option<i64>,
    ln_value: f64,
    /// Per class, the number of steps after which it is named, and when.
    crossed: Vec<Option<(usize, i64)>>,
}

impl Family {
    fn over_time(steps: &[Vec<Step>], alpha: f64) -> Self {
        let mut order: Vec<(i64, usize, usize)> = Vec::new();
        for (class, steps) in steps.iter().enumerate() {
            order.extend(steps.iter().enumerate().map(|(at, step)| (step.settled, class, at)));
        }
        order.sort_unstable();
        let count = steps.len();
        let named = if count > 1 { 2.0 * count as f64 / alpha } else { 1.0 / alpha };
        let mut each = vec![Evidence::default(); count];
        let mut found = Self { decided_at: None, ln_value: 0.0, crossed: vec![None; count] };
        for (settled, class, at) in order {
            let step = steps.get(class).and_then(|steps| steps.get(at));
            let (Some(step), Some(own)) = (step, each.get_mut(class)) else { continue };
            own.add(step);
            if own.ln_value() >= named.ln()
                && let Some(crossed @ None) = found.crossed.get_mut(class)
            {
                *crossed = Some((at + 1, settled));
            }
            if found.decided_at.is_none() {
                found.ln_value = together(&each);
                found.decided_at = (found.ln_value >= -alpha.ln()).then_some(settled);
            }
        }
        found
    }

    fn counts(&self, step: &Step) -> bool {
        self.decided_at.is_none_or(|at| step.settled <= at)
    }
}

/// ln of the mean of the common evidence and of the classes' mean.
fn together(each: &[Evidence]) -> f64 {
    let mut common = Evidence::default();
    for own in each {
        common.join(own);
    }
    let own: Vec<f64> = each.iter().map(Evidence::ln_value).collect();
    ln_mean(&[common.ln_value(), ln_mean(&own)])
}

struct ClassData<'a> {
    hosts: &'a [HostLog],
    members: &'a [usize],
    steps: &'a [Step],
    now: i64,
}

impl ClassData<'_> {
    /// As of the decision if there is one, else as of now.
    fn report(
        &self,
        class: HostClass,
        crossed: Option<(usize, i64)>,
        settings: &Settings,
    ) -> ClassReport {
        let decided_at = crossed.map(|(_, at)| at);
        let steps = crossed.and_then(|(count, _)| self.steps.get(..count)).unwrap_or(self.steps);
        let mut evidence = Evidence::default();
        steps.iter().for_each(|step| evidence.add(step));
        let failed: u64 = steps.iter().map(|step| step.draw.failed).sum();
        let failed_canaries: u64 = steps.iter().map(|step| step.canaries).sum();
        let exposure = self.exposure(decided_at.unwrap_or(self.now));
        let mut report = ClassReport {
            class,
            outcome: Outcome::Fail,
            why: String::new(),
            ratio: ratio(steps, settings.miss),
            evidence: evidence.ln_value().exp(),
            canaries: self.ever(Arm::Canary),
            controls: self.ever(Arm::Control),
            failed_canaries,
            failed_controls: failed - failed_canaries,
            exposure,
            detectable: detectable_ratio(&exposure, failed, settings.alpha),
            decided_at,
            bursts: steps.iter().filter(|step| step.kind == Kind::Ambient).count() as u64,
            drivers: self.drivers(steps),
        };
        (report.outcome, report.why) = verdict(&report, settings);
        report
    }

    fn exposure(&self, now: i64) -> Exposure {
        let spans = self.logs().flat_map(|(_, log)| &log.spans);
        let days = |arm| {
            let ms = spans.clone().filter(|span| span.arm == arm).map(|span| span.length(now));
            ms.sum::<u64>() as f64 / 86_400_000.0
        };
        Exposure { canary_days: days(Arm::Canary), control_days: days(Arm::Control) }
    }

    fn ever(&self, arm: Arm) -> u64 {
        self.logs().filter(|(_, log)| log.was(arm, self.now)).count() as u64
    }

    fn drivers(&self, steps: &[Step]) -> Vec<usize> {
        let counted = steps.iter().filter(|step| step.kind != Kind::Ambient);
        let canary = |host: &usize| {
            let log = self.hosts.get(*host);
            log.is_some_and(|log| log.reboots.iter().any(|&at| log.arm_at(at) == Some(Arm::Canary)))
        };
        counted.flat_map(|step| step.hosts.iter().copied().filter(canary)).collect()
    }

    fn logs(&self) -> impl Iterator<Item = (usize, &HostLog)> + Clone {
        self.members.iter().filter_map(|&host| Some((host, self.hosts.get(host)?)))
    }
}

/// No data is never a pass: it takes failures of controls to know their rate.
fn verdict(report: &ClassReport, settings: &Settings) -> (Outcome, String) {
    let ClassReport { failed_canaries, failed_controls, ratio, exposure, .. } = report;
    if report.decided_at.is_some() {
        let why = format!(
            "{failed_canaries} of {} canaries and {failed_controls} of {} controls rebooted \
             unasked: {:.0} to 1 against chance",
            report.canaries, report.controls, report.evidence
        );
        return (Outcome::Fail, why);
    }
    if report.canaries == 0 {
        return (Outcome::Extend, "no canary runs the new kernel yet".to_owned());
    }
    if report.controls == 0 {
        return (
            Outcome::Inconclusive,
            "no host stays on the old kernel to compare with".to_owned(),
        );
    }
    if ratio.high <= settings.ratio {
        let why = format!(
            "a reboot rate above {:.1} times that of the controls is ruled out",
            ratio.high
        );
        return (Outcome::Pass, why);
    }
    let bound = if ratio.high.is_finite() {
        format!("only a rate above {:.1} times that of the controls is ruled out", ratio.high)
    } else {
        "no rate is ruled out yet".to_owned()
    };
    let why = format!(
        "{bound}, {} is asked for: {:.1} canary-days and {failed_canaries} + {failed_controls} \
         first reboots so far",
        settings.ratio, exposure.canary_days
    );
    (Outcome::Extend, why)
}
