//! Who is told of incidents.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wavegate_common::Millis;

use super::endpoint::{Http, Problem, Url};
use super::name::Name;
use super::secret::Secret;

/// What stands for a host in templates.
pub const HOST: &str = "{{host}}";

/// The section `alerts`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Alerts {
    /// Labels that tell this fleet from others: part of every alert and message.
    pub labels: BTreeMap<String, String>,
    /// Receivers by name.
    pub receivers: BTreeMap<Name, Receiver>,
}

/// One receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Receiver {
    /// JSON with a signature.
    Webhook(Webhook),
    /// Prometheus Alertmanager, API version 2.
    Alertmanager(Alertmanager),
    /// An incoming webhook of Slack, Mattermost and the like.
    Slack(Slack),
    /// PagerDuty, Events API version 2.
    Pagerduty(Pagerduty),
}

/// JSON with a signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where to.
    pub url: Url,
    /// The key of the signature.
    pub secret: Secret,
    /// How.
    #[serde(default)]
    pub http: Http,
    /// The least time between two updates of one incident.
    #[serde(default = "minute")]
    pub update_every: Millis,
}

/// Prometheus Alertmanager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alertmanager {
    /// Its address, without `/api/v2`.
    pub url: Url,
    /// How.
    #[serde(default)]
    pub http: Http,
    /// How often an open alert is posted again. It ends by itself after three times this.
    #[serde(default = "minute")]
    pub resend_every: Millis,
    /// Silences for hosts that are being taken down; none without it.
    #[serde(default)]
    pub silences: Option<Silences>,
}

/// Silences for hosts that are being taken down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Silences {
    /// The label that names the host in alerts.
    pub label: String,
    /// Its value, with `{{host}}` for the host's name.
    pub value: String,
    /// Whether the value is a regular expression; then the host's name is escaped.
    pub regex: bool,
    /// What else an alert must have to be silenced.
    pub matchers: Vec<Matcher>,
    /// How long a silence lives if nobody renews it. Renewed at half of it.
    pub lease: Millis,
}

impl Default for Silences {
    fn default() -> Self {
        Self {
            label: "instance".to_owned(),
            value: "{{host}}(:[0-9]+)?".to_owned(),
            regex: true,
            matchers: Vec::new(),
            lease: Millis::mins(5),
        }
    }
}

/// A matcher of Alertmanager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matcher {
    /// The label.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Whether the value is a regular expression.
    #[serde(default)]
    pub regex: bool,
}

/// An incoming webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slack {
    /// Where its address is: whoever knows it may post.
    pub url: Secret,
    /// How.
    #[serde(default)]
    pub http: Http,
    /// The least time between two updates of one incident.
    #[serde(default = "five_minutes")]
    pub update_every: Millis,
}

/// PagerDuty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pagerduty {
    /// Where the integration key is.
    pub routing_key: Secret,
    /// Where to.
    #[serde(default = "pagerduty")]
    pub url: Url,
    /// How.
    #[serde(default)]
    pub http: Http,
    /// The least time between two updates of one incident.
    #[serde(default = "five_minutes")]
    pub update_every: Millis,
}

fn minute() -> Millis {
    Millis::mins(1)
}
fn five_minutes() -> Millis {
    Millis::mins(5)
}
fn pagerduty() -> Url {
    Url::parse("https://events.pagerduty.com").unwrap_or_else(|_| unreachable!("it is one"))
}

impl Receiver {
    /// One lower-case word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Alertmanager(_) => "alertmanager",
            Self::Slack(_) => "slack",
            Self::Pagerduty(_) => "pagerduty",
        }
    }

    /// Whether it is told what pages nobody. Those that page people are not.
    #[must_use]
    pub fn takes_notices(&self) -> bool {
        matches!(self, Self::Webhook(_) | Self::Slack(_))
    }

    /// How requests to it are made.
    #[must_use]
    pub fn http(&self) -> &Http {
        match self {
            Self::Webhook(it) => &it.http,
            Self::Alertmanager(it) => &it.http,
            Self::Slack(it) => &it.http,
            Self::Pagerduty(it) => &it.http,
        }
    }

    /// The least time between two updates of one incident.
    #[must_use]
    pub fn update_every(&self) -> Millis {
        match self {
            Self::Webhook(it) => it.update_every,
            // It groups and waits by itself.
            Self::Alertmanager(_) => Millis::secs(1),
            Self::Slack(it) => it.update_every,
            Self::Pagerduty(it) => it.update_every,
        }
    }

    fn problem(&self) -> Option<Problem> {
        let own = match self {
            Self::Webhook(it) => unreadable("secret", &it.secret),
            Self::Slack(it) => unreadable("url", &it.url).or_else(|| {
                let why = Url::parse(&it.url.read().ok()?).err()?;
                Some(("url".to_owned(), format!("what is in {}: {why}", it.url)))
            }),
            Self::Pagerduty(it) => unreadable("routing_key", &it.routing_key),
            Self::Alertmanager(it) => it.problem(),
        };
        let updates = self.update_every();
        let spans = (updates.0 == 0 || updates > Millis::hours(24))
            .then(|| ("update_every".to_owned(), format!("{updates} is not between 1ms and 1d")));
        own.or(spans).or_else(|| self.http().problem())
    }
}

fn unreadable(field: &str, secret: &Secret) -> Option<Problem> {
    Some((field.to_owned(), secret.read().err()?.0))
}

impl Alertmanager {
    fn problem(&self) -> Option<Problem> {
        let bad = |field: &str, problem: String| Some((field.to_owned(), problem));
        if self.resend_every < Millis::secs(1) || self.resend_every > Millis::hours(1) {
            return bad("resend_every", format!("{} is not between 1s and 1h", self.resend_every));
        }
        let silences = self.silences.as_ref()?;
        if !silences.value.contains(HOST) {
            let problem = format!("it must hold {HOST}: without, one silence covers every host");
            return bad("silences.value", problem);
        }
        if !is_label(&silences.label) {
            return bad("silences.label", format!("`{}` is not a label's name", silences.label));
        }
        if silences.lease < Millis::secs(10) || silences.lease > Millis::hours(1) {
            let problem = format!("{} is not between 10s and 1h", silences.lease);
            return bad("silences.lease", problem);
        }
        let matcher = silences.matchers.iter().position(|matcher| !is_label(&matcher.name))?;
        bad(&format!("silences.matchers[{matcher}].name"), "not a label's name".to_owned())
    }
}

/// As Prometheus has it.
fn is_label(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(word)
}

impl Alerts {
    /// Whether nobody is told.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The first thing that is wrong, with its field.
    pub(super) fn problem(&self) -> Option<Problem> {
        if let Some(label) = self.labels.keys().find(|label| !is_label(label)) {
            return Some(("alerts.labels".to_owned(), format!("`{label}` is not a label's name")));
        }
        self.receivers.iter().find_map(|(name, receiver)| {
            let (field, problem) = receiver.problem()?;
            Some((format!("alerts.receivers.{name}.{}.{field}", receiver.kind()), problem))
        })
    }
}
