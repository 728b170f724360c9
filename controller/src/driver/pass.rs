//! One pass: plan, judge the plan, commit it, and only then tell anybody.

use wavegate_common::{
    Alert, AlertKind, Denied, Generation, PauseReason, PermitAnswer, PermitDecision, PermitRequest,
    RolloutId, RolloutPhase, Scope, Timestamp,
};
use wavegate_core::{Event, RolloutChange, check, decide};

use super::draft::Draft;
use super::run::Driver;
use crate::audit::Entry;
use crate::clock;
use crate::incident::{Change, Incident, story};
use crate::store::StoreError;

/// How often a pass plans again when another controller was faster. Two controllers on one store
/// hardly ever meet twice in a row; whoever loses this often waits for the next beat.
const ATTEMPTS: u32 = 5;

impl Driver {
    /// Plans and carries out, once.
    pub(super) async fn pass(&mut self) {
        self.world_catches_up();
        let requests = std::mem::take(&mut self.permits);
        if let Err(error) = self.lift().await {
            self.wrote(Err(&error));
            self.deny(&requests, &format!("the controller cannot write its store: {error}"));
            return;
        }
        for _ in 0..ATTEMPTS {
            match self.try_pass(&requests).await {
                Ok(()) => return,
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => {
                    self.deny(
                        &requests,
                        &format!("the controller cannot write its store: {error}"),
                    );
                    return;
                }
            }
        }
        self.deny(&requests, "another controller on the same store is faster; ask again");
    }

    async fn try_pass(&mut self, requests: &[PermitRequest]) -> Result<(), StoreError> {
        let now = clock::now();
        let input = self.world.input(now, requests);
        let plan = decide(&input);
        let violations = check(&input, &plan);
        if !violations.is_empty() {
            let broken: Vec<(Option<RolloutId>, String)> =
                violations.iter().map(|v| (v.rollout, v.to_string())).collect();
            return self.stop(&broken, requests, now).await;
        }
        let answers = plan.permits.clone();
        let draft = match Draft::of_plan(&self.world, plan, &self.told, now) {
            Ok(draft) => draft,
            Err(illegal) => {
                let broken = [(Some(illegal.rollout), illegal.to_string())];
                return self.stop(&broken, requests, now).await;
            }
        };
        if draft.is_empty() {
            self.keep_facts().await;
        } else {
            self.commit(draft).await?;
        }
        // Durable from here on: the word may go out.
        for answer in answers {
            self.told.extend(permit_key(&answer));
            self.lanes.answer(answer);
        }
        Ok(())
    }

    /// A plan that breaks an invariant is not carried out: its rollouts pause, people are told.
    pub(super) async fn stop(
        &mut self,
        broken: &[(Option<RolloutId>, String)],
        requests: &[PermitRequest],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (mut events, mut incidents, mut audit) = (Vec::new(), Vec::new(), Vec::new());
        for rollout in &self.world.rollouts {
            let texts: Vec<&str> = broken
                .iter()
                .filter(|(of, _)| of.is_none_or(|of| of == rollout.id))
                .map(|(_, text)| text.as_str())
                .collect();
            let stands = matches!(rollout.phase, RolloutPhase::Paused { .. } | RolloutPhase::Draft);
            if texts.is_empty() {
                continue;
            }
            let text = texts.join("; ");
            tracing::error!(rollout = %rollout.id, text, "a plan was not carried out");
            let alert = violation_alert(rollout.id, &text);
            if !self.world.incidents.contains_key(&alert.key) {
                let id = rollout.id.to_string();
                let entry = Entry::by_controller(now, "plan.commit", id, text.clone());
                audit.push(entry.refused("it would break an invariant"));
                let story = story(&self.world, &alert, Some(rollout));
                incidents.push(Change::Opened(Box::new(Incident {
                    id: 0,
                    alert,
                    story,
                    opened_at: now,
                    updated_at: now,
                    resolved_at: None,
                    revision: 1,
                })));
            }
            if !stands {
                let reason = PauseReason::Violation { text };
                let resume_to = Box::new(rollout.phase.clone());
                let to = RolloutPhase::Paused { resume_to, reason };
                let change = RolloutChange::Moved { to };
                events.push(Event { rollout: rollout.id, at: now, change });
            }
        }
        self.deny(requests, "a plan broke an invariant; people have been told");
        let mut draft = match Draft::of_events(&self.world, events, now) {
            Ok(draft) => draft,
            Err(illegal) => {
                tracing::error!(%illegal, "a rollout cannot even be paused");
                return Ok(());
            }
        };
        draft.commit.incidents = incidents;
        draft.commit.audit.extend(audit);
        if !draft.is_empty() {
            self.commit(draft).await?;
        }
        Ok(())
    }

    /// After an agent has seen a higher generation than ours, the store is an old copy: nothing
    /// is planned until our generation is above it, durably.
    async fn lift(&mut self) -> Result<(), StoreError> {
        let Some(seen) = self.ahead else { return Ok(()) };
        if seen <= self.world.generation {
            self.ahead = None;
            return Ok(());
        }
        let ours = self.world.generation;
        let reason = format!(
            "a host has seen {seen}, the store was at {ours}: it is an old copy, restored from a backup"
        );
        tracing::warn!(reason, "lifting the generation");
        let entry =
            Entry::by_controller(clock::now(), "store.lift", seen.next().to_string(), reason);
        self.world.generation = self.store.lift_generation(seen.next(), entry).await?;
        self.published.send_replace(self.world.generation);
        self.ahead = None;
        Ok(())
    }

    /// Signs of life since the last pass.
    fn world_catches_up(&mut self) {
        for (host, at) in self.lanes.seen() {
            self.world.inventory.seen(host, at);
        }
    }

    pub(super) fn deny(&self, requests: &[PermitRequest], why: &str) {
        for request in requests {
            let PermitRequest { host, command, nonce, boot_id } = *request;
            let decision = PermitDecision::Denied(Denied::NotNow(why.to_owned()));
            self.lanes.answer(PermitAnswer { host, command, nonce, boot_id, decision });
        }
    }

    /// Notes that somebody has seen a generation of ours that we do not know of.
    pub(super) fn note_generation(&mut self, seen: Generation) {
        if seen > self.world.generation {
            self.ahead = self.ahead.max(Some(seen));
        }
    }
}

fn violation_alert(rollout: RolloutId, text: &str) -> Alert {
    Alert {
        key: format!("violation/{rollout}/{text}"),
        rollout,
        kind: AlertKind::Violation,
        text: format!(
            "rollout {rollout}: a plan broke an invariant and was not carried out: {text}"
        ),
        scope: Scope::Rollout,
        hosts: Vec::new(),
    }
}

/// What tells refusals of one order from the next, so that an agent that asks again every few
/// seconds does not fill the log. Grants have none: each is written down.
pub(super) fn permit_key(answer: &PermitAnswer) -> Option<String> {
    let PermitAnswer { host, command, decision, .. } = answer;
    match decision {
        PermitDecision::Granted { .. } => None,
        PermitDecision::Denied(denied) => Some(format!("permit/{host}/{command}/{denied:?}")),
    }
}

/// What of a permit belongs into the audit log: every grant, and every refusal that an honest
/// agent with a current order would not meet.
pub(super) fn permit_entry(answer: &PermitAnswer, now: Timestamp) -> Option<Entry> {
    let PermitAnswer { host, command, nonce: _, boot_id, decision } = answer;
    let what = format!("order {command} in boot {boot_id}");
    let entry = |reason| Entry::by_controller(now, "permit.grant", host.to_string(), reason);
    match decision {
        PermitDecision::Granted { .. } => Some(entry(what)),
        PermitDecision::Denied(Denied::UnknownCommand) => {
            Some(entry(what).refused("no such order is open for this host"))
        }
        PermitDecision::Denied(Denied::OtherBoot) => {
            Some(entry(what).refused("the order is for another boot"))
        }
        PermitDecision::Denied(Denied::AlreadyGranted) => {
            Some(entry(what).refused("a permit was given for this order already"))
        }
        PermitDecision::Denied(Denied::Paused | Denied::NotNow(_)) => None,
    }
}
