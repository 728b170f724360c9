//! The fields.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wavegate_common::Millis;
use wavegate_common::command::PERMIT_LIFE;
use wavegate_core::Policy;

use super::name::Name;
use super::problem::ConfigError;
use super::receiver::Alerts;
use super::source::Source;

/// What a controller needs to know before it starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where it listens, for agents and operators alike. Port 0 takes any free port.
    pub listen: SocketAddr,
    /// Where it keeps everything: database, keys, artifacts.
    pub data_dir: PathBuf,
    /// Names and addresses under which agents and operators reach it, besides `localhost`, the
    /// loopback addresses, the address it listens on and the host's own name.
    pub server_names: Vec<String>,
    /// How long certificates live; their holders renew them at half of it.
    pub certificates: CertificateLives,
    /// How often agents say that they are alive.
    pub heartbeat_every: Millis,
    /// Agents that lost their stream come back spread over this span. By default it grows with
    /// the fleet: one second for each thousand hosts.
    pub reconnect_window: Option<Millis>,
    /// How often it plans when nothing comes in.
    pub drive_every: Millis,
    /// How often an open order is sent again.
    pub resend_every: Millis,
    /// How often a host may send what it has measured. By default it grows with the fleet: 20 ms
    /// for each host, from 5 s to 4 min.
    pub baseline_every: Option<Millis>,
    /// How often the gate's statistics look at open rollouts whose specification asks for it.
    pub assess_every: Millis,
    /// How often it writes down when hosts were last heard of.
    pub checkpoint_every: Millis,
    /// What holds for every rollout.
    pub policy: Policy,
    /// Who is told of incidents.
    #[serde(skip_serializing_if = "Alerts::is_empty")]
    pub alerts: Alerts,
    /// Outside sources that gates may ask, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub signals: BTreeMap<Name, Source>,
}

/// How long certificates live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CertificateLives {
    /// A host's.
    pub host: Millis,
    /// An operator's.
    pub operator: Millis,
    /// The controller's own.
    pub server: Millis,
}

impl Default for CertificateLives {
    fn default() -> Self {
        Self {
            host: Millis::hours(72),
            operator: Millis::hours(90 * 24),
            server: Millis::hours(30 * 24),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7443)),
            data_dir: PathBuf::from("wavegate-data"),
            server_names: Vec::new(),
            certificates: CertificateLives::default(),
            heartbeat_every: Millis::secs(10),
            reconnect_window: None,
            drive_every: Millis::secs(5),
            resend_every: Millis::secs(15),
            baseline_every: None,
            assess_every: Millis::secs(60),
            checkpoint_every: Millis::secs(60),
            policy: Policy::default(),
            alerts: Alerts::default(),
            signals: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// With file, line, column and field where they can be told.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source: Arc::new(source),
        })?;
        let config = Self::parse(path, &text)?;
        config.check(path)?;
        Ok(config)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        // An empty file, or one of comments alone, is the default configuration.
        let says_something = |line: &str| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with('#') && line != "---"
        };
        if !text.lines().any(says_something) {
            return Ok(Self::default());
        }
        serde_saphyr::from_str(text).map_err(|error| {
            let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
            let problem = plain(&error);
            ConfigError::Text { path: path.to_owned(), line, column, problem }
        })
    }

    /// Checks values against each other. `path` is only for the message.
    ///
    /// # Errors
    /// The first field that cannot be as it is.
    pub fn check(&self, path: &Path) -> Result<(), ConfigError> {
        let bad = |field: &str, problem: String| {
            Err(ConfigError::Field { path: path.to_owned(), field: field.to_owned(), problem })
        };
        let policy = &self.policy;
        if self.data_dir.as_os_str().is_empty() {
            return bad("data_dir", "it is empty; name a directory".to_owned());
        }
        if policy.permit_life > PERMIT_LIFE || policy.permit_life.0 == 0 {
            let problem = format!(
                "{} is not allowed: a permit lives at most {PERMIT_LIFE}",
                policy.permit_life
            );
            return bad("policy.permit_life", problem);
        }
        let year = Millis::hours(24 * 400);
        for (field, value, least, most) in [
            ("heartbeat_every", self.heartbeat_every, Millis(50), Millis::mins(10)),
            ("drive_every", self.drive_every, Millis(10), Millis::mins(5)),
            ("resend_every", self.resend_every, Millis(50), Millis::mins(5)),
            ("checkpoint_every", self.checkpoint_every, Millis(100), Millis::hours(1)),
            ("certificates.host", self.certificates.host, Millis::mins(10), year),
            ("certificates.operator", self.certificates.operator, Millis::mins(10), year),
            ("certificates.server", self.certificates.server, Millis::hours(2), year),
        ] {
            if value < least || value > most {
                return bad(field, format!("{value} is out of bounds: between {least} and {most}"));
            }
        }
        if policy.stale_after.0 < self.heartbeat_every.0.saturating_mul(2) {
            let problem = format!(
                "{} is less than two heartbeats of {}: hosts would go out of sight all the time",
                policy.stale_after, self.heartbeat_every
            );
            return bad("policy.stale_after", problem);
        }
        if policy.workload_key.is_empty() {
            return bad("policy.workload_key", "it is empty; name a label".to_owned());
        }
        if policy.domain_keys.iter().any(String::is_empty) {
            return bad("policy.domain_keys", "one of them is empty; name labels".to_owned());
        }
        if policy.attempts == 0 {
            return bad("policy.attempts", "at least 1".to_owned());
        }
        if let Some(freeze) = policy.freezes.iter().find(|freeze| freeze.until <= freeze.from) {
            return bad("policy.freezes", format!("`{}` ends before it begins", freeze.name));
        }
        let problems = self.alerts.problem().or_else(|| {
            self.signals.iter().find_map(|(name, source)| {
                let (field, problem) = source.problem()?;
                Some((format!("signals.{name}.{field}"), problem))
            })
        });
        problems.map_or(Ok(()), |(field, problem)| bad(&field, problem))
    }
}

/// The message without the place and the snippet, which are told apart.
fn plain(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let first = text.lines().next().unwrap_or_default();
    first.split(" at line ").next().unwrap_or(first).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(text: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("controller.yaml");
        std::fs::write(&path, text).unwrap();
        let error = Config::load(&path).unwrap_err().to_string();
        error.replace(&format!("{}/", dir.path().display()), "")
    }

    #[test]
    fn defaults_are_fit_and_survive_text() {
        let config = Config::default();
        config.check(Path::new("")).unwrap();
        let text = serde_saphyr::to_string(&config).unwrap();
        assert_eq!(Config::parse(Path::new("c.yaml"), &text).unwrap(), config, "{text}");
        assert_eq!(Config::parse(Path::new("c.yaml"), "# nothing\n").unwrap(), config);
    }

    #[test]
    fn says_file_line_and_field() {
        for (text, wanted) in [
            ("listen: 127.0.0.1:1\nheartbeat: 5s\n", &["controller.yaml:2:1", "heartbeat"][..]),
            ("heartbeat_every: soon\n", &["controller.yaml:1:", "`soon` is not a duration"]),
            ("policy:\n  attempt: 3\n", &["controller.yaml:2:3", "attempt"]),
            ("listen: [\n", &["controller.yaml:"]),
            ("listen: here\n", &["controller.yaml:1:"]),
            (
                "policy: {permit_life: 10s}\n",
                &["controller.yaml: policy.permit_life", "at most 5s"],
            ),
            ("heartbeat_every: 1m\n", &["policy.stale_after", "two heartbeats"]),
            ("drive_every: 1ms\n", &["drive_every", "between 10ms"]),
            (
                "alerts:\n  receivers:\n    ops:\n      webhook:\n        url: htp://a\n        \
                 secret: {env: HOME}\n",
                &["controller.yaml:5:", "`htp://a`", "https://"],
            ),
            (
                "alerts:\n  receivers:\n    ops:\n      slack: {url: {file: /nowhere/url}}\n",
                &["alerts.receivers.ops.slack.url", "/nowhere/url"],
            ),
            (
                "alerts:\n  receivers:\n    a b:\n      slack: {url: {env: HOME}}\n",
                &["controller.yaml:3:", "`a b`", "letters"],
            ),
            (
                "alerts:\n  receivers:\n    am:\n      alertmanager:\n        \
                 url: http://127.0.0.1:9093\n        silences: {value: web}\n",
                &["alerts.receivers.am.alertmanager.silences.value", "{{host}}"],
            ),
            (
                "signals:\n  err:\n    url: http://127.0.0.1:9090\n    \
                 value: {query: 'sum(x)', better: lower}\n",
                &["controller.yaml: signals.err.freshness", "timestamp("],
            ),
            (
                "signals:\n  err:\n    url: http://127.0.0.1:9090\n    \
                 value: {query: 'x{a={{host}}}', better: lower}\n",
                &["controller.yaml:4:", "quotes"],
            ),
        ] {
            let error = error_of(text);
            for part in wanted {
                assert!(error.contains(part), "{text:?}: {error}");
            }
        }
        let missing = Config::load(Path::new("/nowhere/c.yaml")).unwrap_err().to_string();
        assert!(missing.contains("/nowhere/c.yaml") && missing.contains("--config"), "{missing}");
    }
}
