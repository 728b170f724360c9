//! What is said to each kind of receiver. Pure: an incident in, a request out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::Sha256;
use wavegate_common::view::{IncidentView, Severity};
use wavegate_common::{Millis, Timestamp};

use super::model::Incident;
use super::view::incident_view;
use crate::config::{Alertmanager, BadSecret, Pagerduty, Slack, Webhook};
use crate::outbound::{OutboundError, Request};

/// The summary that PagerDuty takes at most, in characters.
const SUMMARY: usize = 1_024;
/// Hosts that are named in texts for people.
const IN_TEXT: usize = 10;

/// What happened, as this receiver sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Happening {
    /// It hears of it for the first time.
    Opened,
    /// It has heard of it before.
    Updated,
    /// It is over.
    Resolved,
    /// Good to know, and over.
    Notice,
    /// Somebody tries the receiver out.
    Test,
}

/// One thing to say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    /// Of what.
    pub(super) incident: &'a Incident,
    /// What happened.
    pub(super) happening: Happening,
    /// What tells this fleet from others.
    pub(super) labels: &'a BTreeMap<String, String>,
    /// When it is said.
    pub(super) now: Timestamp,
}

impl Told<'_> {
    /// The same for each try to say the same.
    pub(super) fn idempotency_key(&self) -> String {
        format!("{}-{}", self.incident.name(), self.incident.revision)
    }

    fn is_over(&self) -> bool {
        matches!(self.happening, Happening::Resolved | Happening::Notice)
    }
}

#[derive(Serialize)]
struct Body<'a> {
    version: u32,
    event: Happening,
    name: String,
    labels: &'a BTreeMap<String, String>,
    incident: IncidentView,
}

/// JSON and its signature: `v1=` and HMAC-SHA256, in hex, of the timestamp, a dot, and the body.
pub(super) fn webhook(to: &Webhook, told: &Told<'_>) -> Result<Request, OutboundError> {
    let body = Body {
        version: 1,
        event: told.happening,
        name: told.incident.name(),
        labels: told.labels,
        incident: incident_view(told.incident, Vec::new()),
    };
    let body = encode(&body)?;
    let stamp = told.now.0.div_euclid(1_000).to_string();
    let signature = sign(&to.secret.read()?, &stamp, &body)?;
    Ok(Request::json(to.url.to_string(), body)
        .with("wavegate-timestamp", stamp)
        .with("wavegate-signature", format!("v1={signature}"))
        .with("idempotency-key", told.idempotency_key()))
}

fn sign(secret: &str, stamp: &str, body: &[u8]) -> Result<String, OutboundError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .map_err(|_| OutboundError::Secret(BadSecret("it cannot be a key".to_owned())))?;
    mac.update(stamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    let mut hex = String::with_capacity(64);
    for byte in mac.finalize().into_bytes() {
        let _ = write!(hex, "{byte:02x}");
    }
    Ok(hex)
}

/// One alert. Its labels stay the same over its life, so that it is one alert there too.
pub(super) fn alertmanager(to: &Alertmanager, told: &Told<'_>) -> Result<Request, OutboundError> {
    let Incident { alert, story, opened_at, resolved_at, .. } = told.incident;
    let test = told.happening == Happening::Test;
    let mut labels: BTreeMap<&str, String> =
        told.labels.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    let name = if test { "WavegateTest".to_owned() } else { alert_name(alert.kind.name()) };
    labels.insert("alertname", name);
    labels.insert("severity", told.incident.severity().name().to_owned());
    labels.insert("incident", alert.key.clone());
    labels.insert("rollout", story.rollout.clone());
    labels.insert("rollout_id", alert.rollout.to_string());
    labels.insert("scope", alert.scope.to_string());
    let ends = match resolved_at {
        _ if test => told.now.after(Millis::mins(1)),
        Some(at) => (*at).max(opened_at.after(Millis(1))),
        None => told.now.after(Millis(to.resend_every.0.saturating_mul(3))),
    };
    let annotations =
        BTreeMap::from([("summary", alert.text.clone()), ("description", details(told.incident))]);
    let body = json!([{
        "labels": labels,
        "annotations": annotations,
        "startsAt": moment(*opened_at),
        "endsAt": moment(ends),
    }]);
    Ok(Request::json(to.url.join("/api/v2/alerts"), encode(&body)?))
}

/// `gate_closed` as `WavegateGateClosed`.
fn alert_name(kind: &str) -> String {
    let mut name = String::from("Wavegate");
    for word in kind.split('_') {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

/// A text.
pub(super) fn slack(to: &Slack, told: &Told<'_>) -> Result<Request, OutboundError> {
    let alert = &told.incident.alert;
    let mut text = match told.happening {
        Happening::Opened => format!("*{}*: ", told.incident.severity().name()),
        Happening::Updated => "*update*: ".to_owned(),
        Happening::Resolved => "*resolved*: ".to_owned(),
        Happening::Notice => String::new(),
        Happening::Test => "*test*: ".to_owned(),
    };
    text.push_str(&mrkdwn(&alert.text));
    if !told.is_over() {
        let _ = write!(text, "\n{}", mrkdwn(&details(told.incident)));
    }
    if !told.labels.is_empty() {
        let pairs: Vec<String> =
            told.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let _ = write!(text, "\n{}", mrkdwn(&pairs.join(" ")));
    }
    let url = to.url.read()?;
    Ok(Request::json(url, encode(&json!({ "text": text }))?)
        .with("idempotency-key", told.idempotency_key()))
}

/// The three characters that mean something there.
fn mrkdwn(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A trigger or a resolve; the same `dedup_key` is the same incident there.
pub(super) fn pagerduty(to: &Pagerduty, told: &Told<'_>) -> Result<Request, OutboundError> {
    let Incident { alert, story, opened_at, .. } = told.incident;
    let mut body = json!({
        "routing_key": to.routing_key.read()?,
        "event_action": if told.is_over() { "resolve" } else { "trigger" },
        "dedup_key": told.incident.name(),
        "client": "wavegate",
    });
    if !told.is_over() {
        let severity = match told.incident.severity() {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
            Severity::Notice => "info",
        };
        let view = incident_view(told.incident, Vec::new());
        body["payload"] = json!({
            "summary": alert.text.chars().take(SUMMARY).collect::<String>(),
            "source": told.labels.get("fleet").map_or("wavegate", String::as_str),
            "severity": severity,
            "timestamp": moment(*opened_at),
            "component": story.rollout,
            "group": alert.scope.to_string(),
            "class": alert.kind.name(),
            "custom_details": {
                "shared": view.shared,
                "host_count": view.host_count,
                "hosts": names(told.incident, usize::MAX),
                "evidence": view.evidence,
                "next": view.next,
                "labels": told.labels,
            },
        });
    }
    Ok(Request::json(to.url.join("/v2/enqueue"), encode(&body)?))
}

/// Everything but the first sentence, for people.
fn details(incident: &Incident) -> String {
    let mut lines = Vec::new();
    lines.extend(incident.story.evidence.iter().cloned());
    if !incident.story.shared.is_empty() {
        lines.push(format!("in common: {}", incident.story.shared.join(", ")));
    }
    let count = incident.alert.hosts.len();
    if count > 0 {
        let more = if count > IN_TEXT { ", …" } else { "" };
        let names = names(incident, IN_TEXT).join(", ");
        lines.push(format!("{count} hosts: {names}{more}"));
    }
    for choice in &incident.story.next {
        lines.push(format!("{} ({})", choice.command, choice.effect));
    }
    lines.join("\n")
}

fn names(incident: &Incident, most: usize) -> Vec<&str> {
    incident.story.hosts.iter().take(most).map(|host| host.name.as_str()).collect()
}

/// RFC 3339 in UTC.
pub(super) fn moment(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().to_string()
}

pub(super) fn encode(body: &impl Serialize) -> Result<Vec<u8>, OutboundError> {
    serde_json::to_vec(body).map_err(|error| OutboundError::Request(error.to_string()))
}

/// What a text in an answer is, under one key.
pub(super) fn text_of(body: &[u8], key: &str) -> Result<String, OutboundError> {
    let value: Value =
        serde_json::from_slice(body).map_err(|error| OutboundError::Answer(error.to_string()))?;
    let text = value.get(key).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| OutboundError::Answer(format!("it has no `{key}`")))
}
