//! Planning a rollout, and beginning it.

use std::sync::Arc;

use tonic::Status;
use wavegate_common::signal::SignalKind;
use wavegate_common::view::{PlanView, RolloutView};
use wavegate_common::{Release, RolloutSpec};
use wavegate_proto::operator::Who;
use wavegate_proto::operator::ask::ApplyRollout;

use super::api::Api;
use super::near::suggestion;
use super::status::{of_refusal, of_stopped};
use crate::clock;
use crate::driver::{Ask, Done, Fleet, Proposed, Refusal, propose};
use crate::forecast::forecast;
use crate::view;

impl Api {
    pub(super) async fn plan(&self, by: Who, spec: RolloutSpec) -> Result<PlanView, Status> {
        self.judge_spec(&spec).map_err(|refusal| of_refusal(&refusal))?;
        let wanted = spec.release.clone();
        let seen = self.driver.look(move |world| match world.releases.get(&wanted) {
            Some(stored) => Ok((Fleet::from(world), stored.release.clone())),
            None => {
                let names = world.releases.keys().map(wavegate_common::ReleaseName::as_str);
                let more = suggestion(wanted.as_str(), names, "`wavegate kernel list` shows all");
                Err(Refusal::NotFound(format!("kernel `{wanted}` is not registered; {more}")))
            }
        });
        let (fleet, release) =
            seen.await.map_err(of_stopped)?.map_err(|refusal| of_refusal(&refusal))?;
        // Preparing and forecasting cost up to seconds of one core for a large fleet: neither the
        // driver nor the streams wait for it.
        let planned = tokio::task::spawn_blocking(move || work(&fleet, &spec, &release, &by.name));
        let (proposed, shown, id) = planned
            .await
            .map_err(|error| Status::internal(format!("planning broke off: {error}")))?
            .map_err(|refusal| of_refusal(&refusal))?;
        let membership = Arc::clone(&proposed.membership);
        self.driver.shown(proposed.hash, id, membership).await.map_err(of_stopped)?;
        Ok(shown)
    }

    pub(super) async fn begin(&self, by: Who, ask: ApplyRollout) -> Result<RolloutView, Status> {
        let ApplyRollout { spec, plan, reason, draft } = ask;
        let name = spec.name.clone();
        let outcome = match self.judge_spec(&spec) {
            Ok(()) => {
                self.ask(&by, &reason, Ask::Start { spec: Box::new(spec), plan, draft }).await
            }
            Err(refusal) => Err(refusal),
        };
        let done = self.judged(&by, "rollout.apply", &name, reason.as_str(), outcome).await?;
        match done {
            Done::Rollout(id) => self.one_rollout(id, false).await,
            Done::Hosts(_) | Done::Registered => {
                Err(Status::internal("the rollout was made; ask again to see it"))
            }
        }
    }
}

impl Api {
    /// What is wrong with a specification by itself, every field of it, and with the sources that
    /// it names.
    fn judge_spec(&self, spec: &RolloutSpec) -> Result<(), Refusal> {
        let mut problems: Vec<String> = spec.problems().iter().map(ToString::to_string).collect();
        problems.extend(spec.judge.iter().flat_map(crate::assess::unknown));
        for (i, rule) in spec.signals.iter().enumerate() {
            let kind = self.board.reading(&rule.source).map(|reading| reading.kind);
            if matches!(kind, Some(SignalKind::Value { .. })) {
                problems.push(format!(
                    "signals[{i}].source: `{}` is a value; gates compare ratios of errors only",
                    rule.source
                ));
            }
            if self.board.names().all(|name| name != rule.source) {
                let look = "`wavegate signal list` shows all";
                let more = suggestion(&rule.source, self.board.names(), look);
                problems.push(format!(
                    "signals[{i}].source: there is no source `{}` in the controller's \
                     configuration; {more}",
                    rule.source
                ));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(Refusal::Invalid(problems.join("\n"))) }
    }
}

fn work(
    fleet: &Fleet,
    spec: &RolloutSpec,
    release: &Release,
    by: &str,
) -> Result<(Proposed, PlanView, wavegate_common::RolloutId), Refusal> {
    let now = clock::now();
    let proposed = propose(fleet, spec, release, by, now)
        .map_err(|error| Refusal::NotNow(error.to_string()))?;
    let expected = forecast(&proposed.prepared, &fleet.policy, &fleet.inventory, now);
    let shown = view::plan(fleet, release, &proposed, &expected);
    Ok((proposed, shown, fleet.id))
}
