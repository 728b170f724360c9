//! What the gate's statistics are asked to judge. Part of the specification, so it is frozen when
//! a rollout begins: nobody chooses what to look at after having looked.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::spec::{BadField, Share};
use crate::time::Millis;

/// A metric of hosts and what of its distribution is compared, as in `io.read_latency/p99`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricName(String);

/// Text that does not name a metric.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` does not name a metric: write 1 to 100 letters, digits, `.`, `_`, `-` and `/`, as in `io.read_latency/p99`"
)]
pub struct BadMetricName(pub String);

impl MetricName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MetricName {
    type Err = BadMetricName;
    fn from_str(text: &str) -> Result<Self, BadMetricName> {
        let ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
        if text.is_empty() || text.len() > 100 || !text.chars().all(ok) {
            return Err(BadMetricName(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl Serialize for MetricName {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}
impl<'de> Deserialize<'de> for MetricName {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Less is better: latencies, errors.
    #[default]
    Lower,
    /// More is better: throughput.
    Higher,
}

/// One metric that is judged.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricRule {
    /// Which.
    pub name: MetricName,
    /// Which way it is better.
    #[serde(default)]
    pub better: Goal,
    /// A change for the worse by at most this is nobody's concern.
    #[serde(default = "default_min_effect")]
    pub min_effect: Share,
    /// The gate opens when the change is shown to be smaller than this.
    #[serde(default = "default_margin")]
    pub margin: Share,
}

fn default_min_effect() -> Share {
    Share(5_000)
}
fn default_margin() -> Share {
    Share(50_000)
}

/// How hosts on the new kernel are compared with those on the old one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JudgeRule {
    /// What is compared.
    pub metrics: Vec<MetricRule>,
    /// The probability that this rollout is stopped although the kernel is as good as the old
    /// one, over all metrics, classes and looks.
    pub alpha: Share,
    /// After how many hosts of a class it is looked; growing.
    pub looks: Vec<u32>,
    /// What a host measures in this time after a boot is not used.
    pub warm_up: Millis,
    /// When data is still missing after so long, a person is asked.
    pub max_wait: Millis,
}

impl Default for JudgeRule {
    fn default() -> Self {
        Self {
            metrics: Vec::new(),
            alpha: Share(10_000),
            looks: vec![3, 5, 10, 20],
            warm_up: Millis::mins(10),
            max_wait: Millis::hours(24),
        }
    }
}

impl JudgeRule {
    /// Everything that is wrong with it by itself.
    #[must_use]
    pub fn problems(&self) -> Vec<BadField> {
        let mut out = Vec::new();
        let mut bad = |field: String, problem: &str| {
            out.push(BadField { field, problem: problem.to_owned() });
        };
        if self.metrics.is_empty() {
            bad("judge.metrics".to_owned(), "name at least one metric, or leave `judge` out");
        }
        if self.metrics.len() > 100 {
            bad("judge.metrics".to_owned(), "at most 100 metrics");
        }
        for (i, metric) in self.metrics.iter().enumerate() {
            if self.metrics.iter().take(i).any(|other| other.name == metric.name) {
                bad(format!("judge.metrics[{i}].name"), "named twice");
            }
            if metric.margin <= metric.min_effect {
                let problem = "must be more than min_effect, or no gate could ever open";
                bad(format!("judge.metrics[{i}].margin"), problem);
            }
        }
        if self.alpha.0 == 0 || self.alpha.0 > 100_000 {
            bad("judge.alpha".to_owned(), "between 0.0001% and 10%");
        }
        if self.looks.is_empty() || self.looks.len() > 20 {
            bad("judge.looks".to_owned(), "between 1 and 20 looks");
        }
        if self.looks.first().is_some_and(|first| *first == 0)
            || self.looks.windows(2).any(|pair| pair[0] >= pair[1])
        {
            bad("judge.looks".to_owned(), "must grow, and begin with at least 1");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_field() {
        let rule: JudgeRule = serde_json::from_str(
            r#"{"metrics":[{"name":"a","margin":"0.1%"},{"name":"a"}],"alpha":"50%","looks":[5,3]}"#,
        )
        .unwrap();
        let fields: Vec<String> = rule.problems().into_iter().map(|p| p.field).collect();
        assert_eq!(
            fields,
            ["judge.metrics[0].margin", "judge.metrics[1].name", "judge.alpha", "judge.looks"]
        );
        assert!(serde_json::from_str::<JudgeRule>(r#"{"metrics":[{"name":"a b"}]}"#).is_err());
    }

    #[test]
    fn an_empty_rule_judges_nothing_and_is_refused() {
        assert_eq!(JudgeRule::default().problems()[0].field, "judge.metrics");
    }
}
