//! Where to send requests, and how.

use std::fmt;
use std::path::PathBuf;

use hyper::Uri;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use wavegate_common::Millis;

use super::secret::Secret;

/// An `http://` or `https://` address without user, query and fragment, and without a slash at
/// its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url(String);

impl Url {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it, without the text: it may be a secret.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let uri: Uri = text.parse().map_err(|_| "it is not an address")?;
        match uri.scheme_str() {
            Some("http" | "https") => {}
            _ => return Err("it must begin with http:// or https://"),
        }
        let Some(authority) = uri.authority() else { return Err("it names no host") };
        if authority.as_str().contains('@') {
            return Err("user and password do not belong into an address; see `http.basic`");
        }
        if uri.query().is_some() || text.contains('#') {
            return Err("it may have no `?` and no `#`");
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An address below this one.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Url {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Url {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).map_err(|why| de::Error::custom(format!("`{text}`: {why}")))
    }
}

/// Name and password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The name.
    pub user: String,
    /// Where the password is.
    pub password: Secret,
}

/// How requests are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// A request takes at most this long, from the connection to the last byte.
    pub timeout: Millis,
    /// Authorities to trust, PEM, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// `Authorization: Bearer`.
    pub bearer: Option<Secret>,
    /// `Authorization: Basic`.
    pub basic: Option<Basic>,
}

impl Default for Http {
    fn default() -> Self {
        Self { timeout: Millis::secs(10), ca_file: None, bearer: None, basic: None }
    }
}

/// A problem in a field below the one that is asked.
pub(super) type Problem = (String, String);

impl Http {
    /// What is wrong by itself, or because a file is not there.
    pub(super) fn problem(&self) -> Option<Problem> {
        let bad = |field: &str, problem: String| Some((format!("http.{field}"), problem));
        if self.timeout < Millis(100) || self.timeout > Millis::mins(2) {
            return bad("timeout", format!("{} is not between 100ms and 2m", self.timeout));
        }
        if self.bearer.is_some() && self.basic.is_some() {
            return bad("bearer", "there is `basic` too; keep one of them".to_owned());
        }
        if let Some(error) = self.bearer.as_ref().and_then(|secret| secret.read().err()) {
            return bad("bearer", error.0);
        }
        if let Some(Basic { user, password }) = &self.basic {
            if user.contains(':') {
                return bad("basic.user", "a name may have no `:`".to_owned());
            }
            if let Err(error) = password.read() {
                return bad("basic.password", error.0);
            }
        }
        let ca = self.ca_file.as_ref()?;
        let error = crate::outbound::authorities(Some(ca)).err()?;
        bad("ca_file", error.to_string())
    }
}
