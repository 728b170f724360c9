//! Incidents and receivers as operators see them.

use std::collections::BTreeMap;

use wavegate_common::Timestamp;
use wavegate_common::view::{DeliveryView, IncidentView, ReceiverView};

use super::model::{Delivery, Incident};
use crate::store::StoredSilence;

/// One incident.
#[must_use]
pub fn incident_view(incident: &Incident, deliveries: Vec<Delivery>) -> IncidentView {
    let Incident { id, alert, story, opened_at, updated_at, resolved_at, revision } = incident;
    IncidentView {
        id: *id,
        key: alert.key.clone(),
        kind: alert.kind,
        severity: incident.severity(),
        rollout: alert.rollout,
        rollout_name: story.rollout.clone(),
        text: alert.text.clone(),
        scope: alert.scope.to_string(),
        shared: story.shared.clone(),
        host_count: alert.hosts.len() as u64,
        hosts: story.hosts.clone(),
        evidence: story.evidence.clone(),
        next: story.next.clone(),
        opened_at: *opened_at,
        updated_at: *updated_at,
        resolved_at: *resolved_at,
        revision: *revision,
        deliveries: deliveries.into_iter().map(|d| delivery_view(d, *revision)).collect(),
    }
}

fn delivery_view(delivery: Delivery, revision: u32) -> DeliveryView {
    let pending = delivery.sent < revision;
    let Delivery { receiver, sent, sent_at, attempts, failures, next_at, error } = delivery;
    let next_at = pending.then_some(next_at);
    DeliveryView { receiver, sent, sent_at, attempts, failures, next_at, error }
}

/// Receivers with how they fare: `kinds` are those of the configuration, `deliveries` are beside
/// the revision of their incident.
#[must_use]
pub fn receiver_views(
    kinds: &BTreeMap<String, &'static str>,
    deliveries: &[(u32, Delivery)],
    silences: &[StoredSilence],
    now: Timestamp,
) -> Vec<ReceiverView> {
    let one = |(name, kind): (&String, &&str)| {
        let own = || deliveries.iter().filter(move |(_, d)| d.receiver == *name);
        let pending = own().filter(|(revision, delivery)| delivery.sent < *revision);
        let errors = own().filter_map(|(_, d)| Some((d.next_at, d.error.clone()?)));
        ReceiverView {
            name: name.clone(),
            kind: (*kind).to_owned(),
            pending: pending.count() as u64,
            failures: own().map(|(_, delivery)| delivery.failures).sum(),
            sent_at: own().filter_map(|(_, delivery)| delivery.sent_at).max(),
            error: errors.max_by_key(|(at, _)| *at).map(|(_, error)| error),
            silences: silences
                .iter()
                .filter(|silence| silence.receiver == *name && silence.ends_at > now)
                .count() as u64,
        }
    };
    kinds.iter().map(one).collect()
}
