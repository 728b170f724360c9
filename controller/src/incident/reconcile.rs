//! From what the planner says now to what has begun, changed and ended. Pure.

use std::collections::BTreeMap;

use wavegate_common::{Alert, AlertKind, PauseReason, RolloutId, RolloutPhase, Timestamp};
use wavegate_core::Rollout;

use super::model::{Change, Incident};
use super::story::story;
use crate::driver::World;

/// Compares the alerts of a plan with the incidents that are open. `after` are the rollouts that
/// the plan changes, as they will be.
#[must_use]
pub fn reconcile(
    world: &World,
    after: &BTreeMap<RolloutId, Rollout>,
    alerts: Vec<Alert>,
    now: Timestamp,
) -> Vec<Change> {
    let rollout = |id: RolloutId| after.get(&id).or_else(|| world.rollout(id));
    let mut present: BTreeMap<String, Alert> = BTreeMap::new();
    for alert in alerts {
        // One cause may be seen by several rollouts; the first one's word stands.
        present.entry(alert.key.clone()).or_insert(alert);
    }
    let mut changes = Vec::new();
    for open in world.incidents.values() {
        if present.contains_key(&open.alert.key) {
            continue;
        }
        match outlasts(world, open, rollout(open.alert.rollout), now) {
            Some(alert) => {
                present.insert(alert.key.clone(), alert);
            }
            None => changes.push(Change::Resolved(Box::new(Incident {
                updated_at: now,
                resolved_at: Some(now),
                revision: open.revision + 1,
                ..open.clone()
            }))),
        }
    }
    for alert in present.into_values() {
        let told = |alert: Alert| {
            let story = story(world, &alert, rollout(alert.rollout));
            (alert, story)
        };
        match world.incidents.get(&alert.key) {
            Some(open) if open.alert == alert => {}
            Some(open) => {
                let (alert, mut story) = told(alert);
                if story.evidence.is_empty() {
                    // What showed it is still what showed it.
                    story.evidence.clone_from(&open.story.evidence);
                }
                changes.push(Change::Updated(Box::new(Incident {
                    alert,
                    story,
                    updated_at: now,
                    revision: open.revision + 1,
                    ..open.clone()
                })));
            }
            None => {
                let (alert, story) = told(alert);
                let ended = alert.kind == AlertKind::Finished;
                changes.push(Change::Opened(Box::new(Incident {
                    id: 0,
                    alert,
                    story,
                    opened_at: now,
                    updated_at: now,
                    resolved_at: ended.then_some(now),
                    revision: 1,
                })));
            }
        }
    }
    changes
}

/// An open incident that the planner no longer speaks of: what is told of it if its cause lasts.
fn outlasts(
    world: &World,
    open: &Incident,
    rollout: Option<&Rollout>,
    now: Timestamp,
) -> Option<Alert> {
    let alert = &open.alert;
    let lives = rollout.filter(|rollout| !rollout.phase.is_over());
    match alert.kind {
        // Hosts on their way back are the rest of the same story.
        AlertKind::GateClosed => {
            lives.filter(|rollout| rollout.phase == RolloutPhase::RollingBack)?;
            let back = "; hosts go back to the kernel they came from";
            let text = alert.text.trim_end_matches(back);
            Some(Alert { text: format!("{text}{back}"), ..alert.clone() })
        }
        // A rollout may end while hosts are away. They count until they are heard of again, or
        // until a person has taken them over by holding them.
        AlertKind::HostsLost if lives.is_none() => {
            let away: Vec<_> = alert
                .hosts
                .iter()
                .copied()
                .filter(|host| {
                    world.inventory.get(*host).is_some_and(|record| {
                        let silent = record
                            .last_seen
                            .is_none_or(|seen| now > seen.after(world.policy.stale_after));
                        silent && record.hold.is_none()
                    })
                })
                .collect();
            if away.len() == alert.hosts.len() {
                return Some(alert.clone());
            }
            let text = format!("{} hosts of {} are still away", away.len(), open.story.rollout);
            (!away.is_empty()).then(|| Alert { hosts: away, text, ..alert.clone() })
        }
        AlertKind::Violation => {
            let stands = lives.is_some_and(|rollout| {
                matches!(
                    rollout.phase,
                    RolloutPhase::Paused { reason: PauseReason::Violation { .. }, .. }
                )
            });
            stands.then(|| alert.clone())
        }
        AlertKind::HostsLost
        | AlertKind::HostsSilent
        | AlertKind::OutOfSight
        | AlertKind::Finished => None,
    }
}
