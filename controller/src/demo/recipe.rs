//! The configuration and the specification that the demo gives to its controller: those of a real
//! fleet with the clock turned up. The life of a permit stays what it is.

use wavegate_common::spec::{Bound, Limits, Share};
use wavegate_common::{
    Budget, CanaryRule, GateRule, Goal, JudgeRule, MetricRule, Millis, Release, ReleaseName,
    ReleaseSource, RolloutSpec, Selector, Wave,
};
use wavegate_core::Policy;

/// Checks must pass for so long.
pub(super) const SOAK: Millis = Millis(1_200);
/// A host that is not back after so long is lost.
pub(super) const BOOT_LIMIT: Millis = Millis::secs(28);
/// Hosts of a rack that may be down together.
pub(super) const RACK_BUDGET: u64 = 3;

/// The kernel that the demo rolls out.
pub(super) fn release() -> Release {
    Release {
        name: ReleaseName::from("6.1.0-56"),
        kernel: "6.1.0-56-amd64".into(),
        source: ReleaseSource::Package {
            package: "linux-image-6.1.0-56-amd64".to_owned(),
            version: None,
        },
        append: Vec::new(),
    }
}

/// What is rolled out, to whom, how.
/// With `judged`, hosts are compared: then there are more canaries, and some hosts stay behind as
/// controls until the end.
pub(super) fn spec(selector: Selector, judged: bool) -> RolloutSpec {
    let per_class = if judged { 5 } else { 3 };
    RolloutSpec {
        name: "first-light".to_owned(),
        release: release().name,
        selector,
        canary: CanaryRule { per_class, at_least: 3, waive: Vec::new() },
        waves: [200_000, 500_000, 1_000_000].map(|ppm| Wave(Share(ppm))).to_vec(),
        holdback: Share(if judged { 150_000 } else { 0 }),
        bake: Millis::secs(2),
        gate: GateRule::default(),
        judge: judged.then(rule),
        signals: Vec::new(),
        budgets: Vec::new(),
        windows: Vec::new(),
        method: wavegate_common::BootMethod::Auto,
        limits: Limits {
            drain: Millis::secs(20),
            boot: BOOT_LIMIT,
            verify: Millis::secs(20),
            soak: SOAK,
            order: Millis::secs(60),
        },
        rollback: wavegate_common::RollbackRule::Manual,
    }
}

/// Both the usual and the slow reads of disks are compared, once per class.
fn rule() -> JudgeRule {
    let (min_effect, margin) = (Share(5_000), Share(100_000));
    let metric = |name: &str| {
        Some(MetricRule { name: name.parse().ok()?, better: Goal::Lower, min_effect, margin })
    };
    let names = ["io.read_latency/p50", "io.read_latency/p99"];
    JudgeRule {
        metrics: names.into_iter().filter_map(metric).collect(),
        looks: vec![5],
        warm_up: Millis(500),
        max_wait: Millis::mins(2),
        ..JudgeRule::default()
    }
}

/// The policy of the demo's controller.
pub(super) fn policy() -> Policy {
    Policy {
        budgets: vec![Budget::PerDomain {
            key: "rack".to_owned(),
            max_down: Bound::Count(RACK_BUDGET),
        }],
        stale_after: Millis::secs(5),
        settle: Millis::secs(3),
        retry_after: Millis::secs(1),
        attempts: 20,
        ..Policy::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_is_fit() {
        for judged in [false, true] {
            let spec = spec("*".parse().unwrap(), judged);
            assert_eq!(spec.problems(), vec![]);
            assert!(spec.judge.iter().flat_map(crate::assess::unknown).next().is_none());
        }
    }

    #[test]
    fn permits_live_as_long_as_in_a_real_fleet() {
        assert_eq!(policy().permit_life, Policy::default().permit_life);
    }
}
