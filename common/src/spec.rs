//! What operators write: the rollout's specification. Immutable once applied.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::host::{BootMethod, HostClass};
use crate::judge::JudgeRule;
use crate::kernel::ReleaseName;
use crate::ratio::Ratio;
use crate::selector::Selector;
use crate::time::Millis;
use crate::window::Window;

/// A share of something, in millionths. Written as `5%` or `0.25%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(pub u32);

impl Share {
    /// All of it.
    pub const ALL: Self = Self(1_000_000);

    /// This share of a count, rounded down.
    #[must_use]
    pub const fn of(self, count: u64) -> u64 {
        (count as u128 * self.0 as u128 / 1_000_000) as u64
    }

    /// This share of a count, rounded up.
    #[must_use]
    pub const fn of_rounded_up(self, count: u64) -> u64 {
        ((count as u128 * self.0 as u128).div_ceil(1_000_000)) as u64
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 10_000, self.0 % 10_000);
        if part == 0 {
            write!(f, "{whole}%")
        } else {
            let digits = format!("{part:04}");
            write!(f, "{whole}.{}%", digits.trim_end_matches('0'))
        }
    }
}
/// Text that is not a share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a share: write a percentage between 0% and 100%, as in `5%` or `0.25%`")]
pub struct BadShare(pub String);

impl FromStr for Share {
    type Err = BadShare;
    fn from_str(text: &str) -> Result<Self, BadShare> {
        let bad = || BadShare(text.to_owned());
        let number = text.trim().strip_suffix('%').ok_or_else(bad)?.trim_end();
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || whole.len() > 3 || part.len() > 4 || !digits(whole) || !digits(part)
        {
            return Err(bad());
        }
        let ppm: u32 = format!("{whole}{part:0<4}").parse().map_err(|_| bad())?;
        if ppm <= 1_000_000 { Ok(Self(ppm)) } else { Err(bad()) }
    }
}
impl Serialize for Share {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// A bound on hosts: a number, or a share of those it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Bound {
    /// This many.
    Count(u64),
    /// This share, rounded down, but at least one: a bound of `5%` on ten hosts lets one go.
    Share(Share),
}

impl Bound {
    /// The bound in hosts, of `total` that it is about.
    #[must_use]
    pub fn hosts(self, total: u64) -> u64 {
        match self {
            Self::Count(count) => count,
            Self::Share(share) if share.0 == 0 => 0,
            Self::Share(share) => share.of(total).max(1),
        }
    }
}

/// How many hosts may be down together.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Budget {
    /// In every failure domain of one kind.
    PerDomain {
        /// The label that names the domain, for example `rack`.
        key: String,
        /// How many hosts of one domain may be down.
        max_down: Bound,
    },
    /// Among chosen hosts.
    Selected {
        /// Which.
        selector: Selector,
        /// How many of them may be down.
        max_down: Bound,
    },
}

/// A class that goes without canaries, in somebody's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// Which class.
    pub class: HostClass,
    /// Who answers for it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// How the kernel is proved before it meets the fleet.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CanaryRule {
    /// Canaries per class.
    pub per_class: u32,
    /// A class with fewer hosts fit to be canaries than this needs a waiver; a class smaller
    /// than this sends all it has.
    pub at_least: u32,
    /// Classes that go without.
    pub waive: Vec<Waiver>,
}

impl Default for CanaryRule {
    fn default() -> Self {
        Self { per_class: 5, at_least: 3, waive: Vec::new() }
    }
}

/// One wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Wave(pub Share);

/// When a gate closes. Counts are of hosts that a person has not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GateRule {
    /// Canaries that may fail in one class.
    pub canary_failures: u64,
    /// Hosts of one class that may fail over all waves.
    pub class_failures: u64,
    /// Share of the hosts that have moved that may fail, over all classes. At least one host may.
    pub failures: Share,
    /// Share of a wave's hosts that must have reported lately for its gate to say anything.
    pub reporting: Share,
}

impl Default for GateRule {
    fn default() -> Self {
        Self {
            canary_failures: 0,
            class_failures: 1,
            failures: Share(10_000),
            reporting: Share(950_000),
        }
    }
}

/// Whether hosts go back by themselves when a gate closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollbackRule {
    /// A person decides.
    #[default]
    Manual,
    /// As soon as a gate closes.
    OnGateFailure,
}

/// Time limits of the steps of a host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Drain hooks in all.
    pub drain: Millis,
    /// From the permit until the host reports a new boot.
    pub boot: Millis,
    /// Checks on the new kernel; after it the host goes back by itself.
    pub verify: Millis,
    /// How long the checks must pass before the host counts as updated.
    pub soak: Millis,
    /// Life of an order after it arrives.
    pub order: Millis,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            drain: Millis::mins(10),
            boot: Millis::mins(15),
            verify: Millis::mins(15),
            soak: Millis::mins(3),
            order: Millis::mins(10),
        }
    }
}

/// A signal of an outside source that the gates ask, besides what hosts report.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalRule {
    /// The source's name in the controller's configuration.
    pub source: String,
    /// How many times as bad hosts on the new kernel may be as hosts on the old one.
    #[serde(default = "default_margin")]
    pub margin: Ratio,
    /// Requests that a host must have seen to be judged; the source's own bound holds too.
    #[serde(default)]
    pub min_exposure: u64,
    /// How long a gate waits for a source that says too little before it asks a person.
    #[serde(default = "default_max_wait")]
    pub max_wait: Millis,
}

fn default_margin() -> Ratio {
    Ratio(1_250_000)
}
fn default_max_wait() -> Millis {
    Millis::hours(1)
}

/// What operators want.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutSpec {
    /// Name for people.
    pub name: String,
    /// The registered release to reach.
    pub release: ReleaseName,
    /// Which hosts.
    pub selector: Selector,
    /// Canaries.
    #[serde(default)]
    pub canary: CanaryRule,
    /// Cumulative shares of the chosen hosts, growing, the last 100%.
    #[serde(default = "default_waves")]
    pub waves: Vec<Wave>,
    /// Share of the chosen hosts that stays on the old kernel until the last wave is through.
    #[serde(default = "default_holdback")]
    pub holdback: Share,
    /// How long a wave is watched before the next.
    #[serde(default = "default_bake")]
    pub bake: Millis,
    /// When it stops.
    #[serde(default)]
    pub gate: GateRule,
    /// What is compared between hosts on the new kernel and on the old one; performance is not
    /// judged without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeRule>,
    /// What gates ask besides the hosts' own reports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<SignalRule>,
    /// How many hosts may be down together, besides the controller's own budgets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<Budget>,
    /// When hosts may begin; always if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// How hosts change kernels.
    #[serde(default)]
    pub method: BootMethod,
    /// Time limits.
    #[serde(default)]
    pub limits: Limits,
    /// Whether hosts go back by themselves.
    #[serde(default)]
    pub rollback: RollbackRule,
}

fn default_waves() -> Vec<Wave> {
    [10_000, 50_000, 250_000, 1_000_000].map(|ppm| Wave(Share(ppm))).to_vec()
}
fn default_holdback() -> Share {
    Share(10_000)
}
fn default_bake() -> Millis {
    Millis::hours(1)
}

/// A field that cannot be as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct BadField {
    /// Path of the field, for example `waves[2]`.
    pub field: String,
    /// What is wrong and what to do.
    pub problem: String,
}

impl RolloutSpec {
    /// Whether hosts on the new kernel are compared with others, by what they measure or by what
    /// outside sources say.
    #[must_use]
    pub fn is_compared(&self) -> bool {
        self.judge.is_some() || !self.signals.is_empty()
    }

    /// How long a gate waits for what is missing before it asks a person.
    #[must_use]
    pub fn patience(&self) -> Millis {
        let own = self.judge.iter().map(|rule| rule.max_wait);
        own.chain(self.signals.iter().map(|rule| rule.max_wait)).max().unwrap_or_default()
    }

    /// Everything that is wrong with the specification by itself.
    #[must_use]
    pub fn problems(&self) -> Vec<BadField> {
        let mut out = Vec::new();
        let mut bad = |field: &str, problem: String| {
            out.push(BadField { field: field.to_owned(), problem });
        };
        let name_ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if self.name.is_empty() || self.name.len() > 63 || !self.name.chars().all(name_ok) {
            bad("name", "use 1 to 63 letters, digits, `-`, `_` and `.`".to_owned());
        }
        if self.waves.last() != Some(&Wave(Share::ALL)) {
            bad("waves", "the last wave must be 100%".to_owned());
        }
        for (i, pair) in self.waves.windows(2).enumerate() {
            if let [Wave(a), Wave(b)] = pair
                && a >= b
            {
                let field = format!("waves[{}]", i + 1);
                bad(&field, format!("{b} must be more than the wave before it, {a}"));
            }
        }
        if self.waves.first().is_some_and(|Wave(first)| first.0 == 0) {
            bad("waves[0]", "a wave of 0% moves nothing".to_owned());
        }
        if self.waves.len() > 100 {
            bad("waves", "at most 100 waves".to_owned());
        }
        if self.holdback.0 > 500_000 {
            bad("holdback", "at most 50%".to_owned());
        }
        if self.canary.per_class == 0 {
            bad(
                "canary.per_class",
                "at least 1; to go without canaries, waive the class".to_owned(),
            );
        }
        if self.canary.at_least > self.canary.per_class {
            bad("canary.at_least", "may not be more than canary.per_class".to_owned());
        }
        if self.limits.soak >= self.limits.verify {
            bad("limits.soak", "must be shorter than limits.verify".to_owned());
        }
        if self.limits.boot.0 == 0 {
            bad("limits.boot", "a host needs some time to boot".to_owned());
        }
        for (i, budget) in self.budgets.iter().enumerate() {
            if budget_is_zero(budget) {
                bad(
                    &format!("budgets[{i}]"),
                    "a budget of 0 would stop everything; pause the rollout instead".to_owned(),
                );
            }
        }
        for (i, waiver) in self.canary.waive.iter().enumerate() {
            if waiver.by.trim().is_empty() || waiver.reason.trim().is_empty() {
                bad(&format!("canary.waive[{i}]"), "a waiver needs `by` and `reason`".to_owned());
            }
        }
        signal_problems(&self.signals, &mut bad);
        out.extend(self.judge.iter().flat_map(JudgeRule::problems));
        out
    }
}

fn signal_problems(signals: &[SignalRule], bad: &mut impl FnMut(&str, String)) {
    if signals.len() > 32 {
        bad("signals", "at most 32 signals".to_owned());
    }
    for (i, rule) in signals.iter().enumerate() {
        let field = |name: &str| format!("signals[{i}].{name}");
        if rule.source.is_empty() {
            bad(&field("source"), "name a source; `wavegate signal list` shows all".to_owned());
        }
        if signals.iter().take(i).any(|other| other.source == rule.source) {
            bad(&field("source"), format!("`{}` is there twice", rule.source));
        }
        if rule.margin <= Ratio::ONE || rule.margin > Ratio(100_000_000) {
            bad(
                &field("margin"),
                format!("{} must be more than 1 and at most 100, as in 1.25", rule.margin),
            );
        }
        if rule.max_wait.0 == 0 || rule.max_wait > Millis::hours(24 * 7) {
            bad(&field("max_wait"), format!("{} is not between 1ms and 7d", rule.max_wait));
        }
    }
}

fn budget_is_zero(budget: &Budget) -> bool {
    let (Budget::PerDomain { max_down, .. } | Budget::Selected { max_down, .. }) = budget;
    max_down.hosts(1_000_000) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_survive_text() {
        for (text, ppm) in [("5%", 50_000), ("0.25%", 2_500), ("100%", 1_000_000), ("0%", 0)] {
            assert_eq!(text.parse::<Share>().unwrap(), Share(ppm));
            assert_eq!(Share(ppm).to_string(), text);
        }
        for bad in ["", "5", "%", "101%", "-1%", "0.00001%", "1e2%"] {
            assert!(bad.parse::<Share>().is_err(), "{bad}");
        }
        assert_eq!(Share(10_000).of(250), 2);
        assert_eq!(Share(10_000).of_rounded_up(250), 3);
    }

    #[test]
    fn a_share_of_few_hosts_still_lets_one_go() {
        assert_eq!(Bound::Share(Share(50_000)).hosts(10), 1);
        assert_eq!(Bound::Share(Share(0)).hosts(10), 0);
        assert_eq!(Bound::Count(3).hosts(1), 3);
    }

    fn spec() -> RolloutSpec {
        serde_json::from_str(r#"{"name":"june","release":"6.1.0-56","selector":"role=web"}"#)
            .unwrap()
    }

    #[test]
    fn defaults_are_fit() {
        assert_eq!(spec().problems(), vec![]);
        assert_eq!(spec().waves.len(), 4);
    }

    #[test]
    fn signals_are_judged_field_by_field() {
        let mut spec = spec();
        let text = r#"[{"source":"errors"},{"source":"errors","margin":1,"max_wait":"8d"},
            {"source":"","margin":2,"min_exposure":100}]"#;
        spec.signals = serde_json::from_str(text).unwrap();
        let fields: Vec<String> = spec.problems().into_iter().map(|p| p.field).collect();
        let wanted = ["signals[1].source", "signals[1].margin", "signals[1].max_wait"];
        assert_eq!(fields[..3], wanted);
        assert_eq!(fields[3], "signals[2].source");
        assert!(serde_json::from_str::<SignalRule>(r#"{"source":"a","margn":2}"#).is_err());
    }

    #[test]
    fn names_the_field() {
        let mut bad = spec();
        bad.waves = vec![Wave(Share(50_000)), Wave(Share(10_000))];
        bad.canary.per_class = 0;
        bad.budgets = vec![Budget::PerDomain { key: "rack".into(), max_down: Bound::Count(0) }];
        let fields: Vec<String> = bad.problems().into_iter().map(|p| p.field).collect();
        assert_eq!(
            fields,
            ["waves", "waves[1]", "canary.per_class", "canary.at_least", "budgets[0]"]
        );
    }
}
