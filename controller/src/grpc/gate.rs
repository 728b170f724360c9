//! What the gate's statistics say, and the same computed again.

use tonic::Status;
use wavegate_common::JudgeRule;
use wavegate_common::view::{AcceptedClass, GateView, ReplayView, ReplayedVerdict};
use wavegate_gate::perf::ranksum::Nulls;

use super::api::Api;
use super::status::{of_refusal, of_store};
use crate::assess::again;
use crate::driver::Refusal;
use crate::store::StoreError;

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
