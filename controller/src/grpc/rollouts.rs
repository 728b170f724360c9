//! Rollouts: look, and change.

use tonic::Status;
use wavegate_common::view::{RolloutList, RolloutView, RolloutWhyView};
use wavegate_common::{Generation, PlanReport, RolloutId, Timestamp};
use wavegate_core::{Request, Rollout};
use wavegate_proto::operator::Who;
use wavegate_proto::operator::ask::Reason;

use super::api::Api;
use super::status::{of_refusal, of_stopped, of_store};
use crate::driver::{Ask, Refusal, World};
use crate::view::{self, Known};

/// Rollouts that are listed at most, the newest.
const LISTED: usize = 200;

impl Api {
    pub(super) async fn rollouts(&self) -> Result<RolloutList, Status> {
        let store = self.driver.store();
        let headers = store.rollout_headers().await.map_err(|e| of_store(&e))?;
        let mut rollouts = Vec::new();
        for header in headers.iter().rev().take(LISTED) {
            rollouts.push(self.show(header.id, view::rollout).await?);
        }
        Ok(RolloutList { rollouts })
    }

    pub(super) async fn found(&self, text: &str) -> Result<RolloutId, Status> {
        let header = self.rollout(text).await.map_err(|refusal| of_refusal(&refusal))?;
        Ok(header.id)
    }

    pub(super) async fn one_rollout(
        &self,
        id: RolloutId,
        whole: bool,
    ) -> Result<RolloutView, Status> {
        self.show(id, move |world, known| {
            let mut shown = view::rollout(world, known);
            shown.report = known.report.filter(|_| whole).cloned();
            shown
        })
        .await
    }

    pub(super) async fn rollout_reason(&self, id: RolloutId) -> Result<RolloutWhyView, Status> {
        self.show(id, view::rollout_why).await
    }

    /// Shows a rollout: from memory if it is under way, from the store if it is over.
    async fn show<T: Send + 'static>(
        &self,
        id: RolloutId,
        show: impl Fn(&World, Known<'_>) -> T + Send + Clone + 'static,
    ) -> Result<T, Status> {
        let store = self.driver.store();
        let last = store.last_event(id).await.map_err(|e| of_store(&e))?;
        let live = show.clone();
        let shown = self
            .driver
            .look(move |world| {
                let rollout = world.rollout(id)?;
                Some(live(world, Known { rollout, report: world.reports.get(&id), last }))
            })
            .await
            .map_err(of_stopped)?;
        if let Some(shown) = shown {
            return Ok(shown);
        }
        let ended = self.ended(id).await?;
        let (rollout, report, last) = ended;
        self.driver
            .look(move |world| {
                show(world, Known { rollout: &rollout, report: report.as_ref(), last })
            })
            .await
            .map_err(of_stopped)
    }

    async fn ended(
        &self,
        id: RolloutId,
    ) -> Result<(Rollout, Option<PlanReport>, Option<(Generation, Timestamp)>), Status> {
        let store = self.driver.store();
        let rollout = store.rollout(id).await.map_err(|e| of_store(&e))?;
        let rollout =
            rollout.ok_or_else(|| Status::not_found(format!("there is no rollout {id}")))?;
        let report = store.plan_report(id).await.map_err(|e| of_store(&e))?;
        let last = store.last_event(id).await.map_err(|e| of_store(&e))?;
        Ok((rollout, report, last))
    }

    /// Does something to a rollout, in somebody's name.
    pub(super) async fn change(
        &self,
        by: &Who,
        act: &str,
        rollout: &str,
        reason: &Reason,
        request: Request,
    ) -> Result<RolloutView, Status> {
        let outcome = match self.rollout(rollout).await {
            Ok(header) => {
                let id = header.id;
                let asked = self.ask(by, reason, Ask::Rollout { id, request }).await;
                asked.map(|_| id)
            }
            Err(refusal) => Err::<RolloutId, Refusal>(refusal),
        };
        let id = self.judged(by, act, rollout, reason.as_str(), outcome).await?;
        self.one_rollout(id, false).await
    }
}
