//! Outside sources of signals: queries to Prometheus.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};
use wavegate_common::Millis;
use wavegate_common::signal::{Better, SignalKind};

use super::endpoint::{Http, Problem, Url};
use super::receiver::HOST;

/// A query in PromQL. `{{host}}` in it stands for one host's name and must be inside quotes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Query(String);

impl Query {
    /// The text as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A query that was judged already, as a part of another or wrapped in something.
    #[must_use]
    pub fn of_config(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether it is asked once for each host.
    #[must_use]
    pub fn is_per_host(&self) -> bool {
        self.0.contains(HOST)
    }

    /// The query about one host. The name is escaped as text in a PromQL string, so that no name
    /// can end the string; inside `=~"…"` it is still a regular expression.
    #[must_use]
    pub fn about(&self, host: &str) -> String {
        let mut escaped = String::with_capacity(host.len());
        for c in host.chars() {
            match c {
                '\\' | '"' | '\'' => escaped.extend(['\\', c]),
                c if c.is_control() => {}
                c => escaped.push(c),
            }
        }
        self.0.replace(HOST, &escaped)
    }

    /// Whether it only selects series, so that `timestamp()` of it tells when they were scraped.
    /// Prometheus stamps whatever it computes with the moment of computing.
    #[must_use]
    pub fn is_selector(&self) -> bool {
        let text = self.0.trim();
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
        let rest = text.trim_start_matches(word);
        rest.is_empty() || (rest.starts_with('{') && rest.ends_with('}') && one_brace(rest))
    }
}

/// Whether the first brace closes at the very end.
fn one_brace(text: &str) -> bool {
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '}') => return at + 1 == text.len(),
            _ => {}
        }
    }
    false
}

/// Whether every `{{host}}` stands inside `"…"` or `'…'`.
fn hosts_are_quoted(text: &str) -> bool {
    let (mut quote, mut rest) = (None, text);
    while let Some(c) = rest.chars().next() {
        if rest.starts_with(HOST) {
            // Backticks know no escapes: a name could end them.
            if !matches!(quote, Some('"' | '\'')) {
                return false;
            }
            rest = &rest[HOST.len()..];
            continue;
        }
        let mut step = c.len_utf8();
        match (quote, c) {
            (Some('"' | '\''), '\\') => {
                step += rest[step..].chars().next().map_or(0, char::len_utf8);
            }
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'' | '`') => quote = Some(c),
            _ => {}
        }
        rest = &rest[step..];
    }
    true
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Query {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        if text.trim().is_empty() || text.len() > 8_192 {
            return Err(de::Error::custom("a query has 1 to 8,192 bytes"));
        }
        if !hosts_are_quoted(&text) {
            return Err(de::Error::custom(format!(
                "{HOST} must stand inside quotes, as in `up{{instance=\"{HOST}:9100\"}}`"
            )));
        }
        Ok(Self(text))
    }
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub enum Shape<'a> {
    /// Errors out of requests.
    Ratio(&'a Ratio),
    /// One number.
    Value(&'a Value),
}

/// One source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Where Prometheus is, without `/api/v1`.
    pub url: Url,
    /// How it is asked.
    #[serde(default)]
    pub http: Http,
    /// Errors out of requests; either this or `value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<Ratio>,
    /// One number; either this or `ratio`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Gives the moment of the newest sample, in seconds since 1970, with the same label. Needed
    /// where a query computes something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Query>,
    /// The label that names the host, in answers about all hosts. A port at its end is dropped.
    #[serde(default = "instance")]
    pub host_label: String,
    /// A host with fewer requests says nothing.
    #[serde(default)]
    pub min_exposure: u64,
    /// Samples older than this say nothing.
    #[serde(default = "two_minutes")]
    pub stale_after: Millis,
    /// How often it is asked.
    #[serde(default = "half_a_minute")]
    pub every: Millis,
}

/// Errors out of requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// How many went wrong, in the window of the query.
    pub errors: Query,
    /// Out of so many.
    pub requests: Query,
}

/// One number per host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Value {
    /// The number.
    pub query: Query,
    /// Which way is better.
    pub better: Better,
}

fn instance() -> String {
    "instance".to_owned()
}
fn two_minutes() -> Millis {
    Millis::mins(2)
}
fn half_a_minute() -> Millis {
    Millis::secs(30)
}

impl Source {
    /// What is asked. `None` only before [`Source::problem`] has refused it.
    #[must_use]
    pub fn shape(&self) -> Option<Shape<'_>> {
        match (&self.ratio, &self.value) {
            (Some(ratio), None) => Some(Shape::Ratio(ratio)),
            (None, Some(value)) => Some(Shape::Value(value)),
            _ => None,
        }
    }

    /// What it measures.
    #[must_use]
    pub fn kind(&self) -> SignalKind {
        match &self.value {
            Some(Value { better, .. }) => SignalKind::Value { better: *better },
            None => SignalKind::Ratio,
        }
    }

    /// The query whose samples' time counts where no other is given for it.
    #[must_use]
    pub fn carrier(&self) -> Option<&Query> {
        Some(match self.shape()? {
            Shape::Ratio(ratio) => &ratio.requests,
            Shape::Value(value) => &value.query,
        })
    }

    fn queries(&self) -> impl Iterator<Item = &Query> {
        let ratio = self.ratio.iter().flat_map(|ratio| [&ratio.errors, &ratio.requests]);
        ratio.chain(self.value.iter().map(|value| &value.query)).chain(&self.freshness)
    }

    /// The first thing that is wrong, with its field.
    pub(super) fn problem(&self) -> Option<Problem> {
        let bad = |field: &str, problem: String| Some((field.to_owned(), problem));
        if self.shape().is_none() {
            return bad("ratio", "give either `ratio` or `value`".to_owned());
        }
        let per_host = self.queries().filter(|query| query.is_per_host()).count();
        if per_host != 0 && per_host != self.queries().count() {
            return bad("ratio", format!("either every query holds {HOST}, or none does"));
        }
        let carrier = self.carrier()?;
        if self.freshness.is_none() && !carrier.is_selector() {
            return bad(
                "freshness",
                format!(
                    "it is needed: Prometheus stamps what `{carrier}` computes with the moment of \
                     computing, so old samples would look new; give a query for the moment of the \
                     newest sample, as in `max by ({}) (timestamp(METRIC))`",
                    self.host_label
                ),
            );
        }
        if self.host_label.is_empty() {
            return bad("host_label", "name a label".to_owned());
        }
        for (field, value, least, most) in [
            ("every", self.every, Millis(200), Millis::mins(10)),
            ("stale_after", self.stale_after, Millis::secs(1), Millis::hours(1)),
        ] {
            if value < least || value > most {
                return bad(field, format!("{value} is not between {least} and {most}"));
            }
        }
        if self.stale_after <= self.every {
            let problem = format!("it must be longer than `every`, {}", self.every);
            return bad("stale_after", problem);
        }
        self.http.problem()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Result<Query, serde_json::Error> {
        serde_json::from_value(serde_json::Value::String(text.to_owned()))
    }

    #[test]
    fn no_name_of_a_host_ends_the_string_it_is_in() {
        let asked = query(r#"up{instance="{{host}}:9100"}"#).unwrap();
        assert_eq!(asked.about("web-1"), r#"up{instance="web-1:9100"}"#);
        let hostile = asked.about("a\"} or vector(1) #\\\n'");
        assert_eq!(hostile, r#"up{instance="a\"} or vector(1) #\\\':9100"}"#);
        for bad in ["up{instance={{host}}}", "up{instance=`{{host}}`}", r#"up{a="b"} {{host}}"#] {
            assert!(query(bad).unwrap_err().to_string().contains("quotes"), "{bad}");
        }
        assert!(query(r#"up{a="\"{{host}}"}"#).is_ok());
    }

    #[test]
    fn tells_what_selects_from_what_computes() {
        for (text, selects) in [
            ("up", true),
            ("job:errors:rate5m", true),
            (r#"up{instance="a}b",x!="y"}"#, true),
            ("sum(up)", false),
            ("up + up", false),
            ("up{} or up{}", false),
            ("up[5m]", false),
            ("up{} offset 5m", false),
        ] {
            assert_eq!(query(text).unwrap().is_selector(), selects, "{text}");
        }
    }
}
