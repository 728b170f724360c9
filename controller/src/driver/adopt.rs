//! Brings a draft to disk, and only then into the world.

use std::sync::Arc;

use wavegate_core::Rollout;

use super::draft::Draft;
use super::run::Driver;
use crate::store::{Committed, StoreError};

impl Driver {
    /// Commits a draft together with the facts that wait. On success the world is what the draft
    /// said; on a conflict it is what the other controller has committed.
    pub(super) async fn commit(&mut self, mut draft: Draft) -> Result<Committed, StoreError> {
        draft.commit.facts = self.facts.values().cloned().collect();
        draft.commit.addressees = Arc::clone(&self.settings.addressees);
        let commit = Arc::new(draft.commit);
        match self.store.commit(Arc::clone(&commit)).await {
            Ok(committed) => {
                self.wrote(Ok(()));
                self.facts.clear();
                draft.commit = Arc::unwrap_or_clone(commit);
                self.adopt(draft, &committed);
                Ok(committed)
            }
            Err(error @ StoreError::Conflict { .. }) => {
                tracing::info!(%error, "planning again");
                self.reload().await?;
                Err(error)
            }
            Err(error) => {
                self.wrote(Err(&error));
                Err(error)
            }
        }
    }

    /// Keeps reports when there is no plan to commit them with.
    pub(super) async fn keep_facts(&mut self) {
        if self.facts.is_empty() {
            return;
        }
        let facts = self.facts.values().cloned().collect();
        match self.store.put_facts(facts).await {
            Ok(()) => {
                self.facts.clear();
                self.wrote(Ok(()));
            }
            // They stay in memory and are written with whatever comes next.
            Err(error) => self.wrote(Err(&error)),
        }
    }

    /// Takes over everything from the store.
    pub(super) async fn reload(&mut self) -> Result<(), StoreError> {
        let snapshot = self.store.snapshot().await?;
        self.world.reload(snapshot);
        self.lanes.publish(&self.world.orders);
        self.published.send_replace(self.world.generation);
        Ok(())
    }

    fn adopt(&mut self, draft: Draft, committed: &Committed) {
        let Draft { commit, rollouts, orders } = draft;
        let world = &mut self.world;
        world.generation = committed.generation;
        for made in commit.made {
            world.next_rollout = world.next_rollout.max(made.id.next());
            world.rollouts.push(made);
        }
        for (id, after) in rollouts {
            if let Some(place) = world.rollouts.iter_mut().find(|rollout| rollout.id == id) {
                *place = after;
            }
        }
        let (over, live) =
            std::mem::take(&mut world.rollouts).into_iter().partition(|r| r.phase.is_over());
        world.rollouts = live;
        let over: Vec<Rollout> = over;
        world.ended = over.into_iter().max_by_key(|rollout| rollout.id).or(world.ended.take());
        world.rollouts.sort_by_key(|rollout| rollout.id);
        for report in commit.reports {
            world.reports.insert(report.rollout, report);
        }
        let live = &world.rollouts;
        world.reports.retain(|id, _| live.iter().any(|rollout| rollout.id == *id));
        if let Some(known_bad) = commit.known_bad {
            world.known_bad = known_bad;
        }
        for (host, hold) in commit.holds {
            world.inventory.set_hold(host, hold);
        }
        for release in commit.releases {
            world.releases.insert(release.release.name.clone(), release);
        }
        world.orders = orders;
        for incident in &committed.incidents {
            let (alert, id) = (&incident.alert, incident.id);
            if incident.resolved_at.is_some() {
                tracing::info!(rollout = %alert.rollout, incident = id, key = alert.key, "over: {}", alert.text);
                self.world.incidents.remove(&alert.key);
            } else {
                tracing::warn!(rollout = %alert.rollout, incident = id, key = alert.key, "{}", alert.text);
                self.world.incidents.insert(alert.key.clone(), incident.clone());
            }
        }
        self.lanes.publish(&self.world.orders);
        self.published.send_replace(committed.generation);
    }

    /// Notes whether writing works, and says so once when that changes.
    pub(super) fn wrote(&mut self, outcome: Result<(), &StoreError>) {
        match (outcome, &self.world.cannot_write) {
            (Ok(()), Some(_)) => {
                tracing::info!("the store can be written again");
                self.world.cannot_write = None;
            }
            (Err(error), known) => {
                let text = error.to_string();
                if known.as_ref() != Some(&text) {
                    tracing::error!(%error, "the store cannot be written: nothing new begins");
                }
                self.world.cannot_write = Some(text);
            }
            (Ok(()), None) => {}
        }
    }
}
