//! What the gate's statistics say, and the same computed again.

use tonic::Status;
use wavegate_common::view::{AcceptedClass, GateView, ReplayView, ReplayedClass, ReplayedVerdict};
use wavegate_common::{Assessment, HostClass, JudgeRule};
use wavegate_gate::fleet::{Evidence, assess};
use wavegate_gate::perf::ranksum::Nulls;

use super::api::Api;
use super::status::{of_refusal, of_store};
use crate::driver::Refusal;
use crate::store::{StoreError, StoredEvidence};

/// Pieces of evidence that are read at a time.
const READ: u32 = 8;

impl Api {
    pub(super) async fn gate(&self, rollout: &str) -> Result<GateView, Status> {
        let header = self.rollout(rollout).await.map_err(|refusal| of_refusal(&refusal))?;
        let assessment =
            self.driver.store().last_assessment(header.id).await.map_err(|e| of_store(&e))?;
        let accepted = header.accepted.iter().filter_map(|(at, words)| {
            let class = header.classes.get(*at as usize)?.clone();
            Some(AcceptedClass { class, words: words.clone() })
        });
        Ok(GateView { rollout: header.spec.name.clone(), accepted: accepted.collect(), assessment })
    }

    pub(super) async fn replay(
        &self,
        rollout: &str,
        rule: Option<JudgeRule>,
    ) -> Result<ReplayView, Status> {
        let header = self.rollout(rollout).await.map_err(|refusal| of_refusal(&refusal))?;
        let problems: Vec<String> =
            rule.iter().flat_map(JudgeRule::problems).map(|bad| bad.to_string()).collect();
        if !problems.is_empty() {
            return Err(of_refusal(&Refusal::Invalid(problems.join("\n"))));
        }
        let (mut verdicts, mut after) = (Vec::new(), 0);
        let mut nulls = Nulls::new();
        loop {
            let stored = self.driver.store().evidence(header.id, after, READ).await;
            let stored = stored.map_err(|e| of_store(&e))?;
            let Some(last) = stored.last() else { break };
            after = last.id;
            let rule = rule.clone();
            let work = tokio::task::spawn_blocking(move || {
                let again: Result<Vec<ReplayedVerdict>, StoreError> =
                    stored.iter().map(|one| again(&mut nulls, one, rule.as_ref())).collect();
                (again, nulls)
            });
            let (again, kept) = work.await.map_err(|e| Status::internal(e.to_string()))?;
            verdicts.extend(again.map_err(|e| of_store(&e))?);
            nulls = kept;
        }
        Ok(ReplayView { rollout: header.spec.name.clone(), verdicts })
    }
}

fn again(
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
