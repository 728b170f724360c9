//! What is said to each kind of receiver.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use wavegate_common::view::{Choice, HostRef};
use wavegate_common::{AlertKind, HostId, Timestamp};

use super::life::alert;
use crate::config::{Alertmanager, Pagerduty, Slack, Webhook};
use crate::incident::message::{Happening, Told, alertmanager, pagerduty, slack, webhook};
use crate::incident::{Incident, Story};
use crate::outbound::Request;

fn incident() -> Incident {
    let mut alert = alert(AlertKind::GateClosed, "r1/gate/0", &[1]);
    alert.text = "rollout june is paused: <1 host> & more".to_owned();
    let next = Choice {
        command: "wavegate rollout rollback r1 --reason '...'".to_owned(),
        effect: "back".to_owned(),
    };
    Incident {
        id: 7,
        alert,
        story: Story {
            rollout: "june".to_owned(),
            shared: vec!["class=a/b".to_owned()],
            hosts: vec![HostRef { id: HostId(1), name: "web-1".to_owned() }],
            evidence: vec!["1 of 3 hosts fell back".to_owned()],
            next: vec![next],
        },
        opened_at: Timestamp(1_000),
        updated_at: Timestamp(2_000),
        resolved_at: None,
        revision: 2,
    }
}

fn told<'a>(
    incident: &'a Incident,
    happening: Happening,
    labels: &'a BTreeMap<String, String>,
) -> Told<'a> {
    Told { incident, happening, labels, now: Timestamp(5_500) }
}

fn secret(dir: &Path, text: &str) -> String {
    let file = dir.join("secret");
    std::fs::write(&file, text).unwrap();
    format!("{{file: {}}}", file.display())
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body.as_ref().unwrap().1).unwrap()
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    &request.headers.iter().find(|(known, _)| *known == name).unwrap().1
}

#[test]
fn a_webhook_is_signed_over_time_and_body() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("url: http://a/hook\nsecret: {}\n", secret(dir.path(), "key"));
    let to: Webhook = serde_saphyr::from_str(&text).unwrap();
    let (incident, labels) = (incident(), BTreeMap::new());
    let request = webhook(&to, &told(&incident, Happening::Updated, &labels)).unwrap();
    assert_eq!(header(&request, "wavegate-timestamp"), "5");
    assert_eq!(header(&request, "wavegate-signature").len(), 3 + 64);
    let key = format!("{}-2", incident.name());
    assert_eq!(header(&request, "idempotency-key"), key);
    let body = body(&request);
    assert_eq!(body["event"], "updated");
    assert_eq!(body["incident"]["hosts"][0]["name"], "web-1");
    std::fs::write(dir.path().join("secret"), "other").unwrap();
    let other = webhook(&to, &told(&incident, Happening::Updated, &labels)).unwrap();
    let signature = |request| header(request, "wavegate-signature").to_owned();
    assert_ne!(signature(&request), signature(&other));
}

#[test]
fn an_alert_keeps_its_labels_and_ends_with_its_incident() {
    let to: Alertmanager = serde_saphyr::from_str("url: http://am:9093/\n").unwrap();
    let labels = BTreeMap::from([("fleet".to_owned(), "ams".to_owned())]);
    let mut incident = incident();
    let request = alertmanager(&to, &told(&incident, Happening::Opened, &labels)).unwrap();
    assert_eq!(request.url, "http://am:9093/api/v2/alerts");
    let open = body(&request)[0].clone();
    assert_eq!(open["labels"]["alertname"], "WavegateGateClosed");
    assert_eq!(open["labels"]["fleet"], "ams");
    assert_eq!(open["startsAt"], "1970-01-01T00:00:01Z");
    assert_eq!(open["endsAt"], "1970-01-01T00:03:05.5Z");
    incident.alert.text = "something else".to_owned();
    incident.resolved_at = Some(Timestamp(4_000));
    let request = alertmanager(&to, &told(&incident, Happening::Resolved, &labels)).unwrap();
    let over = body(&request)[0].clone();
    assert_eq!(over["labels"], open["labels"]);
    assert_eq!(over["endsAt"], "1970-01-01T00:00:04Z");
}

#[test]
fn a_chat_reads_text_and_a_pager_one_incident() {
    let dir = tempfile::tempdir().unwrap();
    let at = secret(dir.path(), "http://chat/secret");
    let to: Slack = serde_saphyr::from_str(&format!("url: {at}\n")).unwrap();
    let (mut incident, labels) = (incident(), BTreeMap::new());
    let request = slack(&to, &told(&incident, Happening::Opened, &labels)).unwrap();
    let text = body(&request)["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with("*critical*: "), "{text}");
    assert!(text.contains("&lt;1 host&gt; &amp; more") && text.contains("web-1"), "{text}");
    let to: Pagerduty = serde_saphyr::from_str(&format!("routing_key: {at}\n")).unwrap();
    let request = pagerduty(&to, &told(&incident, Happening::Opened, &labels)).unwrap();
    assert_eq!(request.url, "https://events.pagerduty.com/v2/enqueue");
    let trigger = body(&request);
    assert_eq!(trigger["event_action"], "trigger");
    assert_eq!(trigger["payload"]["severity"], "critical");
    assert_eq!(trigger["payload"]["custom_details"]["host_count"], 1);
    incident.resolved_at = Some(Timestamp(6_000));
    let request = pagerduty(&to, &told(&incident, Happening::Resolved, &labels)).unwrap();
    let resolve = body(&request);
    assert_eq!(resolve["event_action"], "resolve");
    assert_eq!(resolve["dedup_key"], trigger["dedup_key"]);
    assert!(resolve.get("payload").is_none());
}
