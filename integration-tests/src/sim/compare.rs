//! What comparison would say, from what really is: simulated hosts measure nothing, so a seed
//! decides how a release does on each class, and the answer comes when the class is at rest.

use std::collections::BTreeMap;

use wavegate_common::order::stable_hash;
use wavegate_common::{
    Assessment, ClassAssessment, Digest, Finding, HostClass, HostPhase, Metric, Scope, Timestamp,
    Verdict,
};
use wavegate_core::Rollout;

use super::store::Store;

/// How a release does on a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    /// As the kernel before.
    Alike,
    /// Worse.
    Worse,
    /// It cannot be told, ever.
    Unclear,
}

/// What is true of a release on a class.
pub(super) fn likeness(seed: u64, rollout: &Rollout, class: &HostClass) -> Likeness {
    let text = format!("{} {class}", rollout.release.name);
    let words = text.bytes().map(u128::from).collect::<Vec<_>>();
    match stable_hash(seed, &words) % 10 {
        0 | 1 => Likeness::Worse,
        2 => Likeness::Unclear,
        _ => Likeness::Alike,
    }
}

/// What is said of every open rollout that is compared.
pub(super) fn assessments(
    seed: u64,
    store: &Store,
    at: Timestamp,
) -> BTreeMap<wavegate_common::RolloutId, Assessment> {
    let compared = store.rollouts.iter().filter(|rollout| rollout.spec.is_compared());
    let one = |rollout: &Rollout| {
        let classes = rollout.classes.iter().zip(0u32..).filter_map(|(class, index)| {
            let of = || rollout.hosts.iter().filter(move |host| host.class == index);
            let moved = of().any(|host| matches!(host.phase, HostPhase::Updated { .. }));
            let moving = of().any(|host| host.phase.holds_slot());
            let verdict = match likeness(seed, rollout, class) {
                _ if moving => Verdict::Extend { missing: "a host is under way".to_owned() },
                Likeness::Alike => Verdict::Pass,
                Likeness::Unclear => Verdict::Inconclusive { why: "too few hosts".to_owned() },
                Likeness::Worse => worse(class),
            };
            moved.then(|| ClassAssessment { class: class.clone(), verdict, metrics: Vec::new() })
        });
        let evidence = Digest([0; 32]);
        (rollout.id, Assessment { at, evidence, classes: classes.collect() })
    };
    compared.map(one).collect()
}

fn worse(class: &HostClass) -> Verdict {
    let finding = Finding {
        metric: Metric::Performance,
        class: Some(class.clone()),
        name: None,
        effect_ppm: 50_000,
        interval_ppm: (20_000, 80_000),
        evidence: format!("{class} is 5 % slower"),
        hosts: Vec::new(),
    };
    Verdict::Fail { scope: Scope::Class(class.clone()), findings: vec![finding] }
}
