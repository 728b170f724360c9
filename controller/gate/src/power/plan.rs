//! What every class and wave of a rollout can find, before it starts.

use wavegate_common::HostClass;

use super::reboots::{Exposure, Test, smallest_ratio};
use super::scores::{Errors, can_judge, canaries_for, smallest_shift};

/// A class as it will be rolled out.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassPlan {
    /// Which.
    pub class: HostClass,
    /// Its hosts.
    pub hosts: u64,
    /// Of those, on the new kernel after each wave, the canary stage first; cumulative.
    pub moved: Vec<u64>,
    /// Per metric its name and the standard deviation of its score between boots of one host, as
    /// a share; none if it was never measured.
    pub metrics: Vec<(String, Option<f64>)>,
}

/// What is wanted of the whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted {
    /// Errors of the comparison of metrics; its tests are counted here, not there.
    pub alpha: f64,
    /// Of the test on reboots.
    pub alpha_reboots: f64,
    /// Chance of finding an effect.
    pub power: f64,
    /// A shift that should be found, as a share.
    pub shift: f64,
    /// Unexpected reboots per host and day, from the fleet's history.
    pub reboots_per_day: f64,
    /// How long each wave is watched, in days.
    pub soak_days: f64,
}

/// What a metric of a class can show after a wave.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricPower {
    /// Its name.
    pub metric: String,
    /// The smallest shift that is found after each wave, as a share; none where nothing is.
    pub smallest: Vec<Option<f64>>,
    /// The canaries that the wanted shift takes, with the rest of the class as controls; none if
    /// no number does.
    pub canaries: Option<u64>,
}

/// What a class can show.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassPower {
    /// Which.
    pub class: HostClass,
    /// Whether its canaries alone can be judged at all; if not it must be pooled, or a person
    /// must answer for it.
    pub judged: bool,
    /// Metric by metric.
    pub metrics: Vec<MetricPower>,
}

/// What a rollout can show.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanPower {
    /// Class by class, as given.
    pub classes: Vec<ClassPower>,
    /// The smallest reboot-rate ratio that is found after each wave, over all classes; none
    /// where none up to 10,000 is.
    pub reboots: Vec<Option<f64>>,
}

/// Works out what is found with the chance that is wanted.
#[must_use]
pub fn plan(classes: &[ClassPlan], wanted: &Wanted) -> PlanPower {
    let tests = classes.iter().map(|class| class.metrics.len()).sum::<usize>();
    let errors = Errors {
        alpha: wanted.alpha,
        tests: u32::try_from(tests).unwrap_or(u32::MAX),
        power: wanted.power,
    };
    PlanPower {
        classes: classes.iter().map(|class| class_power(class, wanted, &errors)).collect(),
        reboots: reboots(classes, wanted),
    }
}

fn class_power(plan: &ClassPlan, wanted: &Wanted, errors: &Errors) -> ClassPower {
    let canaries = plan.moved.first().copied().unwrap_or(0);
    let controls = |moved: u64| plan.hosts.saturating_sub(moved);
    let metrics = plan.metrics.iter().map(|(metric, sd)| MetricPower {
        metric: metric.clone(),
        smallest: plan
            .moved
            .iter()
            .map(|&moved| smallest_shift((*sd)?, moved, controls(moved), errors))
            .collect(),
        canaries: sd.and_then(|sd| {
            // Every canary more is a control fewer.
            let needed = canaries_for(wanted.shift, sd, controls(canaries), errors)?;
            let finds = |n: &u64| {
                let found = smallest_shift(sd, *n, controls(*n), errors);
                found.is_some_and(|found| found <= wanted.shift)
            };
            (needed.saturating_sub(1)..plan.hosts).find(finds)
        }),
    });
    ClassPower {
        class: plan.class.clone(),
        judged: can_judge(canaries, controls(canaries), errors),
        metrics: metrics.collect(),
    }
}

/// Exposure adds up over waves: evidence is never reset.
fn reboots(classes: &[ClassPlan], wanted: &Wanted) -> Vec<Option<f64>> {
    let waves = classes.iter().map(|class| class.moved.len()).max().unwrap_or(0);
    let hosts: u64 = classes.iter().map(|class| class.hosts).sum();
    let mut exposure = Exposure { canary_days: 0.0, control_days: 0.0 };
    let mut found = Vec::with_capacity(waves);
    for wave in 0..waves {
        let moved = |class: &ClassPlan| class.moved.get(wave).or(class.moved.last()).copied();
        let moved: u64 = classes.iter().filter_map(moved).sum();
        exposure.canary_days += moved as f64 * wanted.soak_days;
        exposure.control_days += hosts.saturating_sub(moved) as f64 * wanted.soak_days;
        let test = Test::Sequential;
        found.push(smallest_ratio(test, &exposure, wanted.reboots_per_day, wanted.alpha_reboots));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Wanted = Wanted {
        alpha: 0.0025,
        alpha_reboots: 0.003,
        power: 0.9,
        shift: 0.02,
        reboots_per_day: 1.0 / 365.0,
        soak_days: 1.0,
    };

    fn class(name: &str, hosts: u64, canaries: u64) -> ClassPlan {
        let moved = vec![canaries, hosts / 20, hosts / 4, hosts * 19 / 20];
        let metrics = vec![("cpu".to_owned(), Some(0.005)), ("new".to_owned(), None)];
        ClassPlan { class: name.into(), hosts, moved, metrics }
    }

    #[test]
    fn says_what_every_class_and_wave_finds() {
        let found = plan(&[class("web", 2_000, 5), class("odd", 8, 3)], &WANTED);
        let [web, odd] = &found.classes[..] else { panic!("two classes") };
        assert!(web.judged && !odd.judged);
        let smallest: Vec<f64> = web.metrics[0].smallest.iter().map(|s| s.unwrap()).collect();
        assert!(smallest[0] < 0.02 && smallest[1] < smallest[0], "{smallest:?}");
        // What was never measured promises nothing.
        assert!(web.metrics[1].smallest.iter().all(Option::is_none));
        assert_eq!((web.metrics[1].canaries, odd.metrics[0].smallest[0]), (None, None));
        let ratios: Vec<f64> = found.reboots.iter().map(|r| r.unwrap()).collect();
        assert!(ratios.is_sorted_by(|a, b| a > b), "{ratios:?}");
    }

    #[test]
    fn the_canaries_it_asks_for_find_the_shift() {
        let plans = [class("web", 2_000, 5)];
        let needed = plan(&plans, &WANTED).classes[0].metrics[0].canaries.unwrap();
        let mut enough = plans.clone();
        enough[0].moved[0] = needed;
        let smallest = |plans: &[ClassPlan]| plan(plans, &WANTED).classes[0].metrics[0].smallest[0];
        assert!(smallest(&enough).unwrap() <= 0.02);
        enough[0].moved[0] = needed - 1;
        assert!(smallest(&enough).is_none_or(|shift| shift > 0.02), "{needed}");
    }

    #[test]
    fn nothing_planned_finds_nothing() {
        assert_eq!(plan(&[], &WANTED), PlanPower { classes: vec![], reboots: vec![] });
    }
}
