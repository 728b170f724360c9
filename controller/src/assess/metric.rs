//! Names of metrics in a rule, as far as hosts measure them.

use wavegate_common::baseline::{MetricId, SlotValue};
use wavegate_common::{JudgeRule, MetricName};

/// What of a distribution is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    P50,
    P99,
    Mean,
    Iqr,
}

/// A metric that hosts measure, and the part of it that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measured {
    pub(super) id: MetricId,
    part: Part,
}

impl Measured {
    /// Reads `io.read_latency/p99`; none if nobody measures that.
    pub(super) fn of(name: &MetricName) -> Option<Self> {
        let (metric, part) = name.as_str().split_once('/')?;
        let part = match part {
            "p50" => Part::P50,
            "p99" => Part::P99,
            "mean" => Part::Mean,
            "iqr" => Part::Iqr,
            _ => return None,
        };
        Some(Self { id: metric.parse().ok()?, part })
    }

    /// The number that is compared.
    pub(super) fn value(self, slot: &SlotValue) -> f64 {
        match self.part {
            Part::P50 => slot.p50 as f64,
            Part::P99 => slot.p99 as f64,
            Part::Mean => slot.mean,
            Part::Iqr => slot.iqr as f64,
        }
    }
}

/// Every name of a rule that no host measures, with what could be meant.
pub(crate) fn unknown(rule: &JudgeRule) -> Vec<String> {
    let bad = rule.metrics.iter().enumerate().filter(|(_, m)| Measured::of(&m.name).is_none());
    bad.map(|(at, metric)| {
        let known: Vec<&str> = MetricId::ALL.iter().map(|id| id.name()).collect();
        format!(
            "judge.metrics[{at}].name: nobody measures `{}`; write METRIC/p50, /p99, /mean or \
             /iqr, with one of the metrics {}",
            metric.name,
            known.join(", ")
        )
    })
    .collect()
}
