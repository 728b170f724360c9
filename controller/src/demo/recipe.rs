//! The configuration and the specification that the demo gives to its controller: those of a real
//! fleet with the clock turned up. The life of a permit stays what it is.

use wavegate_common::spec::{Bound, Limits, Share};
use wavegate_common::{
    Budget, CanaryRule, GateRule, Millis, Release, ReleaseName, ReleaseSource, RolloutSpec,
    Selector, Wave,
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
pub(super) fn spec(selector: Selector) -> RolloutSpec {
    RolloutSpec {
        name: "first-light".to_owned(),
        release: release().name,
        selector,
        canary: CanaryRule { per_class: 3, at_least: 3, waive: Vec::new() },
        waves: [200_000, 500_000, 1_000_000].map(|ppm| Wave(Share(ppm))).to_vec(),
        holdback: Share(0),
        bake: Millis::secs(2),
        gate: GateRule::default(),
        judge: None,
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
        assert_eq!(spec("*".parse().unwrap()).problems(), vec![]);
    }

    #[test]
    fn permits_live_as_long_as_in_a_real_fleet() {
        assert_eq!(policy().permit_life, Policy::default().permit_life);
    }
}
