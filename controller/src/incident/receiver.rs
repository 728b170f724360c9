//! A receiver that can be sent to.

use std::collections::BTreeMap;

use wavegate_common::{Alert, AlertKind, RolloutId, Scope, Timestamp};

use super::message::{Happening, Told, alertmanager, pagerduty, slack, webhook};
use super::model::{Incident, Story};
use crate::config::Receiver;
use crate::outbound::{Answer, BadAuthorities, Client, OutboundError, Request};

/// Bytes of an answer that are read.
const ANSWER: usize = 64 << 10;

/// One receiver with its connections.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) name: String,
    pub(super) receiver: Receiver,
    pub(super) labels: BTreeMap<String, String>,
    client: Client,
}

impl Post {
    pub(super) fn new(
        name: String,
        receiver: Receiver,
        labels: BTreeMap<String, String>,
    ) -> Result<Self, BadAuthorities> {
        let client = Client::new(receiver.http(), ANSWER)?;
        Ok(Self { name, receiver, labels, client })
    }

    /// Says it, once.
    pub(super) async fn say(
        &self,
        incident: &Incident,
        happening: Happening,
        now: Timestamp,
    ) -> Result<Answer, OutboundError> {
        let told = Told { incident, happening, labels: &self.labels, now };
        let request = match &self.receiver {
            Receiver::Webhook(to) => webhook(to, &told)?,
            Receiver::Alertmanager(to) => alertmanager(to, &told)?,
            Receiver::Slack(to) => slack(to, &told)?,
            Receiver::Pagerduty(to) => pagerduty(to, &told)?,
        };
        self.ask(request).await
    }

    /// Asks for something else of the same server.
    pub(super) async fn ask(&self, request: Request) -> Result<Answer, OutboundError> {
        self.client.ask(request).await?.success()
    }

    /// Says that it is a test. Where a test opens something, it closes it again.
    pub(super) async fn test(&self, by: &str, now: Timestamp) -> Result<String, OutboundError> {
        let text = format!("{by} tests the receiver `{}`; nothing is wrong", self.name);
        let mut incident = test_incident(text, now);
        let answer = self.say(&incident, Happening::Test, now).await?;
        if matches!(self.receiver, Receiver::Pagerduty(_)) {
            incident.resolved_at = Some(now);
            self.say(&incident, Happening::Resolved, now).await?;
        }
        Ok(format!("it answered with status {}", answer.status.as_u16()))
    }
}

fn test_incident(text: String, now: Timestamp) -> Incident {
    Incident {
        id: 0,
        alert: Alert {
            key: format!("test/{}", now.0),
            rollout: RolloutId(0),
            kind: AlertKind::Finished,
            text,
            scope: Scope::Rollout,
            hosts: Vec::new(),
        },
        story: Story { rollout: "test".to_owned(), ..Story::default() },
        opened_at: now,
        updated_at: now,
        resolved_at: None,
        revision: 1,
    }
}
