//! Label selectors as in Kubernetes: `role=web,site in (ams,fra),!spare`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::host::Labels;

/// One requirement.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Requirement {
    In { key: String, values: Vec<String> },
    NotIn { key: String, values: Vec<String> },
    Exists { key: String },
    Absent { key: String },
}

/// A choice of hosts by their labels. Never empty: to choose every host, write `*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Selector {
    text: String,
    /// Empty only for `*`.
    all_of: Vec<Requirement>,
}

/// A selector that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("selector `{text}`, at column {column}: {problem}")]
pub struct BadSelector {
    /// The text as given.
    pub text: String,
    /// Where it goes wrong, from 1.
    pub column: usize,
    /// What is wrong and what to write instead.
    pub problem: String,
}

impl Selector {
    /// Whether labels meet every requirement. A label that is absent meets `!=` and `notin`, as
    /// in Kubernetes.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.all_of.iter().all(|requirement| match requirement {
            Requirement::In { key, values } => labels.get(key).is_some_and(|v| values.contains(v)),
            Requirement::NotIn { key, values } => {
                labels.get(key).is_none_or(|v| !values.contains(v))
            }
            Requirement::Exists { key } => labels.contains_key(key),
            Requirement::Absent { key } => !labels.contains_key(key),
        })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Selector {
    type Err = BadSelector;

    fn from_str(text: &str) -> Result<Self, BadSelector> {
        let fail = |at: usize, problem: &str| BadSelector {
            text: text.to_owned(),
            column: at + 1,
            problem: problem.to_owned(),
        };
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(fail(0, "it is empty; to choose every host, write `*`"));
        }
        if trimmed == "*" {
            return Ok(Self { text: "*".to_owned(), all_of: Vec::new() });
        }
        let mut all_of = Vec::new();
        for (at, part) in split_outside_brackets(text) {
            let lead = part.len() - part.trim_start().len();
            all_of.push(requirement(part.trim()).map_err(|problem| fail(at + lead, &problem))?);
        }
        Ok(Self { text: trimmed.to_owned(), all_of })
    }
}

/// The parts between commas that are not inside brackets, each with its offset.
fn split_outside_brackets(text: &str) -> Vec<(usize, &str)> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0u32, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push((start, &text[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push((start, &text[start..]));
    parts
}

fn requirement(part: &str) -> Result<Requirement, String> {
    if part.is_empty() {
        return Err("a requirement is missing between commas".to_owned());
    }
    if let Some(rest) = part.strip_prefix('!')
        && !rest.contains(['=', '('])
    {
        return Ok(Requirement::Absent { key: name(rest.trim(), "key")? });
    }
    for (operator, negated) in [("!=", true), ("==", false), ("=", false)] {
        if let Some((key, value)) = part.split_once(operator) {
            let (key, values) = (name(key.trim(), "key")?, vec![name(value.trim(), "value")?]);
            return Ok(if negated {
                Requirement::NotIn { key, values }
            } else {
                Requirement::In { key, values }
            });
        }
    }
    if let Some((head, set)) = part.split_once('(') {
        let set = set.trim_end().strip_suffix(')').ok_or("a closing bracket is missing")?;
        let values =
            set.split(',').map(|v| name(v.trim(), "value")).collect::<Result<Vec<_>, _>>()?;
        let mut words = head.split_whitespace();
        let key = name(words.next().unwrap_or_default(), "key")?;
        return match (words.next(), words.next()) {
            (Some("in"), None) => Ok(Requirement::In { key, values }),
            (Some("notin"), None) => Ok(Requirement::NotIn { key, values }),
            _ => Err("write `KEY in (A,B)` or `KEY notin (A,B)`".to_owned()),
        };
    }
    Ok(Requirement::Exists { key: name(part, "key")? })
}

fn name(text: &str, what: &str) -> Result<String, String> {
    let ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    if text.is_empty() {
        Err(format!("a {what} is missing"))
    } else if let Some(bad) = text.chars().find(|c| !ok(*c)) {
        Err(format!("`{bad}` may not be part of a {what}; use letters, digits and `-_./`"))
    } else {
        Ok(text.to_owned())
    }
}

impl Serialize for Selector {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(selector: &str, labels: &[(&str, &str)], expected: bool) {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(selector.parse::<Selector>().unwrap().matches(&labels), expected, "{selector}");
    }

    #[test]
    fn chooses_as_kubernetes_does() {
        let web = [("role", "web"), ("site", "ams")];
        check("role=web", &web, true);
        check("role==web,site in (ams, fra)", &web, true);
        check("role=web,site notin (ams,fra)", &web, false);
        check("rack!=r7", &web, true);
        check("!rack", &web, true);
        check("rack", &web, false);
        check("site", &web, true);
        check("*", &[], true);
    }

    #[test]
    fn says_where_it_is_wrong() {
        for (text, column, word) in [
            ("", 1, "empty"),
            ("  ", 1, "empty"),
            ("role=web,", 10, "missing"),
            ("role=", 1, "value is missing"),
            ("role=web,site in (ams", 10, "closing bracket"),
            ("role=web, site inn (ams)", 11, "KEY in"),
            ("ro le", 1, "may not be part"),
            ("=web", 1, "key is missing"),
        ] {
            let error = text.parse::<Selector>().unwrap_err();
            assert_eq!(error.column, column, "{text}: {error}");
            assert!(error.problem.contains(word), "{text}: {error}");
        }
    }
}
