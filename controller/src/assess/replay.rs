//! A verdict computed again from what it was made from.

use wavegate_common::view::{ReplayedClass, ReplayedVerdict};
use wavegate_common::{Assessment, HostClass, JudgeRule};
use wavegate_gate::fleet::{Evidence, assess};
use wavegate_gate::perf::ranksum::Nulls;

use crate::store::{StoreError, StoredEvidence};

/// Assesses stored evidence once more, by its own rule or by another.
///
/// # Errors
/// If what is stored cannot be read.
pub(crate) fn again(
    nulls: &mut Nulls,
    stored: &StoredEvidence,
    rule: Option<&JudgeRule>,
) -> Result<ReplayedVerdict, StoreError> {
    let broken = |error: serde_json::Error| {
        StoreError::Refused(format!("evidence {} cannot be read: {error}", stored.id))
    };
    let mut evidence: Evidence = serde_json::from_str(&stored.evidence).map_err(broken)?;
    let then: Assessment = serde_json::from_str(&stored.assessment).map_err(broken)?;
    if let Some(rule) = rule {
        evidence = by_another_rule(evidence, rule);
    }
    let now = assess(nulls, &evidence);
    let word = |says: &Assessment, class: &HostClass| {
        says.class(class).map_or_else(|| "-".to_owned(), |known| known.verdict.name().to_owned())
    };
    let classes = then.classes.iter().map(|known| ReplayedClass {
        class: known.class.clone(),
        stored: known.verdict.name().to_owned(),
        replayed: word(&now, &known.class),
    });
    Ok(ReplayedVerdict {
        at: then.at,
        evidence: then.evidence,
        identical: now == then,
        classes: classes.collect(),
    })
}

/// The same measurements under another rule; what the frozen rule did not measure is not there.
fn by_another_rule(mut evidence: Evidence, rule: &JudgeRule) -> Evidence {
    let places: Vec<Option<usize>> = rule
        .metrics
        .iter()
        .map(|metric| evidence.rule.metrics.iter().position(|known| known.name == metric.name))
        .collect();
    for host in evidence.classes.iter_mut().flat_map(|class| &mut class.hosts) {
        let value =
            |place: &Option<usize>| place.and_then(|at| host.values.get(at).copied().flatten());
        host.values = places.iter().map(value).collect();
    }
    evidence.rule = rule.clone();
    evidence
}
