//! Incidents and receivers.

use std::collections::BTreeMap;

use tonic::Status;
use wavegate_common::view::{IncidentList, IncidentView, ReceiverTest};
use wavegate_proto::operator::Who;

use super::api::{Api, actor};
use super::near::suggestion;
use super::status::{of_refusal, of_store};
use crate::clock;
use crate::driver::Refusal;
use crate::incident::{Delivery, incident_view, receiver_views};

/// Incidents that are listed at most, the newest.
const LISTED: u32 = 1_000;

impl Api {
    pub(super) async fn alerts(&self, all: bool) -> Result<IncidentList, Status> {
        let store = self.driver.store();
        let incidents = store.incidents(all, LISTED).await.map_err(|e| of_store(&e))?;
        let deliveries = store.deliveries().await.map_err(|e| of_store(&e))?;
        let silences = store.silences().await.map_err(|e| of_store(&e))?;
        // Receivers are judged by all that is kept, whatever is listed.
        let kept = store.incidents(true, u32::MAX).await.map_err(|e| of_store(&e))?;
        let revisions: BTreeMap<u64, u32> = kept.iter().map(|one| (one.id, one.revision)).collect();
        let beside: Vec<(u32, Delivery)> = deliveries
            .iter()
            .filter_map(|(id, delivery)| Some((*revisions.get(id)?, delivery.clone())))
            .collect();
        let receivers = receiver_views(&self.desk.kinds(), &beside, &silences, clock::now());
        let mut by_incident: BTreeMap<u64, Vec<Delivery>> = BTreeMap::new();
        for (id, delivery) in deliveries {
            by_incident.entry(id).or_default().push(delivery);
        }
        let incidents = incidents
            .iter()
            .map(|one| incident_view(one, by_incident.remove(&one.id).unwrap_or_default()))
            .collect();
        Ok(IncidentList { incidents, receivers })
    }

    pub(super) async fn one_alert(&self, id: u64) -> Result<IncidentView, Status> {
        let store = self.driver.store();
        let incident = store.incident(id).await.map_err(|e| of_store(&e))?;
        let incident = incident.ok_or_else(|| {
            Status::not_found(format!(
                "there is no incident {id}; `wavegate alert list --all` shows all"
            ))
        })?;
        let mut deliveries = store.deliveries().await.map_err(|e| of_store(&e))?;
        deliveries.retain(|(of, _)| *of == id);
        Ok(incident_view(&incident, deliveries.into_iter().map(|(_, delivery)| delivery).collect()))
    }

    pub(super) async fn try_receiver(
        &self,
        by: Who,
        receiver: String,
    ) -> Result<ReceiverTest, Status> {
        let Some(said) = self.desk.test(&receiver, &by.name).await else {
            let kinds = self.desk.kinds();
            let names = kinds.keys().map(String::as_str);
            let more = suggestion(&receiver, names, "`wavegate alert list` shows all");
            let refusal = Refusal::NotFound(format!(
                "there is no receiver `{receiver}` in the controller's configuration; {more}"
            ));
            return Err(of_refusal(&refusal));
        };
        let entry = actor(&by).entry("alert.test", receiver.clone(), "a test of the receiver");
        let entry = match &said {
            Ok(_) => entry,
            Err(error) => entry.refused(error.to_string()),
        };
        self.driver.store().append_audit(entry).await.map_err(|e| of_store(&e))?;
        let taken = said.is_ok();
        let detail = said.unwrap_or_else(|error| error.to_string());
        Ok(ReceiverTest { receiver, taken, detail })
    }
}
