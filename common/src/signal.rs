//! What an outside source says about hosts, with its age: error ratios and values by PromQL.
//!
//! A reading decides nothing. It keeps apart what a gate must keep apart: a source that cannot be
//! reached, one that answers with nothing, one whose samples are old, and hosts that are missing
//! in an answer that is otherwise fine. None of these is ever good news.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::HostId;
use crate::time::{Millis, Timestamp};

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Less is better: latency, queue length.
    Lower,
    /// More is better: throughput, hit ratio.
    Higher,
}

/// What a source measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    /// Errors out of requests: less is better.
    Ratio,
    /// One number per host.
    Value {
        /// Which way is better.
        better: Better,
    },
}

/// What was measured on one host.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Counts over the window of the queries. Both are finite and not negative.
    Ratio {
        /// What went wrong.
        errors: f64,
        /// Of so many: the exposure.
        requests: f64,
    },
    /// A finite number in the unit of the query.
    Value {
        /// The number.
        value: f64,
    },
}

/// One host in a reading.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HostSignal {
    /// Which.
    pub host: HostId,
    /// When the newest sample behind it was taken, by the controller's clock.
    pub at: Timestamp,
    /// What was measured.
    pub measure: Measure,
}

/// What came of asking a source last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalState {
    /// Not asked yet.
    Unasked,
    /// It answered with hosts that are known here; how old each is stands beside it.
    Answered {
        /// When.
        at: Timestamp,
        /// By host id. At least one.
        hosts: Vec<HostSignal>,
        /// Series of hosts that are not known here, or whose numbers are none.
        strangers: u64,
    },
    /// It answered, and with nothing about any host that is known here.
    Empty {
        /// When.
        at: Timestamp,
        /// Series of hosts that are not known here, or whose numbers are none.
        strangers: u64,
    },
    /// It could not be asked, or answered with an error.
    Unreachable {
        /// Since when without a break.
        since: Timestamp,
        /// Why.
        error: String,
    },
}

/// The latest result of one source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalReading {
    /// The source's name in the controller's configuration.
    pub source: String,
    /// What it measures.
    pub kind: SignalKind,
    /// A host with fewer requests than this says nothing. No bound for values.
    pub min_exposure: u64,
    /// Samples older than this say nothing.
    pub stale_after: Millis,
    /// What came of asking it last.
    pub state: SignalState,
}

/// Why a reading cannot carry a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shortage {
    /// The source was not asked yet.
    Unasked,
    /// The source cannot be reached.
    Unreachable {
        /// Since when.
        since: Timestamp,
        /// Why.
        error: String,
    },
    /// It answers with nothing about any host.
    Empty,
    /// Every sample is too old.
    Stale {
        /// The newest.
        newest: Timestamp,
        /// Older than this says nothing.
        bound: Millis,
    },
    /// Some of the hosts that were asked about say nothing.
    Partial {
        /// Not in the answer.
        missing: Vec<HostId>,
        /// In the answer, but too old.
        stale: Vec<HostId>,
        /// In the answer, with too few requests.
        thin: Vec<HostId>,
        /// Of so many that were asked about.
        of: u64,
    },
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unasked => f.write_str("the source has not been asked yet"),
            Self::Unreachable { error, .. } => write!(f, "the source cannot be asked: {error}"),
            Self::Empty => f.write_str("the source answers, but with no host that is known here"),
            Self::Stale { bound, .. } => write!(f, "every sample is older than {bound}"),
            Self::Partial { missing, stale, thin, of } => {
                let mut gap = "";
                for (hosts, what) in [
                    (missing, "are not in the answer"),
                    (stale, "have only old samples"),
                    (thin, "have too few requests"),
                ] {
                    if !hosts.is_empty() {
                        write!(f, "{gap}{} of {of} hosts {what}", hosts.len())?;
                        gap = ", ";
                    }
                }
                Ok(())
            }
        }
    }
}

impl SignalReading {
    /// Whether the source says anything usable at all: at least one fresh host.
    ///
    /// # Errors
    /// Why not.
    pub fn usable(&self, now: Timestamp) -> Result<&[HostSignal], Shortage> {
        match &self.state {
            SignalState::Unasked => Err(Shortage::Unasked),
            SignalState::Unreachable { since, error } => {
                Err(Shortage::Unreachable { since: *since, error: error.clone() })
            }
            SignalState::Empty { .. } => Err(Shortage::Empty),
            SignalState::Answered { hosts, .. } => match hosts.iter().map(|host| host.at).max() {
                None => Err(Shortage::Empty),
                Some(newest) if self.is_old(newest, now) => {
                    Err(Shortage::Stale { newest, bound: self.stale_after })
                }
                Some(_) => Ok(hosts),
            },
        }
    }

    /// What it says about these hosts, in their order, if it says enough about each of them.
    /// `min_exposure` is the least number of requests; the larger of it and the source's counts.
    ///
    /// # Errors
    /// What is missing. A gate waits for it.
    pub fn of_hosts(
        &self,
        now: Timestamp,
        hosts: &[HostId],
        min_exposure: u64,
    ) -> Result<Vec<HostSignal>, Shortage> {
        let known = self.usable(now)?;
        let least = min_exposure.max(self.min_exposure);
        let (mut found, mut missing, mut stale, mut thin) =
            (Vec::with_capacity(hosts.len()), Vec::new(), Vec::new(), Vec::new());
        for host in hosts {
            let at = known.binary_search_by_key(host, |signal| signal.host);
            match at.ok().and_then(|at| known.get(at)) {
                None => missing.push(*host),
                Some(signal) if self.is_old(signal.at, now) => stale.push(*host),
                Some(signal) if signal.measure.exposure() < least => thin.push(*host),
                Some(signal) => found.push(*signal),
            }
        }
        if found.len() == hosts.len() {
            return Ok(found);
        }
        Err(Shortage::Partial { missing, stale, thin, of: hosts.len() as u64 })
    }

    /// One lower-case word: `fresh`, `empty`, `stale`, `unreachable` or `unasked`.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> &'static str {
        match self.usable(now) {
            Ok(_) => "fresh",
            Err(Shortage::Unasked) => "unasked",
            Err(Shortage::Unreachable { .. }) => "unreachable",
            Err(Shortage::Stale { .. }) => "stale",
            Err(Shortage::Empty | Shortage::Partial { .. }) => "empty",
        }
    }

    fn is_old(&self, at: Timestamp, now: Timestamp) -> bool {
        now > at.after(self.stale_after)
    }
}

impl Measure {
    /// How many requests stand behind it; a value stands for itself, whatever the bound.
    #[must_use]
    pub fn exposure(&self) -> u64 {
        match self {
            // The conversion saturates, and a number that is none becomes 0.
            Self::Ratio { requests, .. } => *requests as u64,
            Self::Value { .. } => u64::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn reading(state: SignalState) -> SignalReading {
        SignalReading {
            source: "errors".to_owned(),
            kind: SignalKind::Ratio,
            min_exposure: 10,
            stale_after: Millis::secs(60),
            state,
        }
    }

    fn host(id: u128, age: i64, requests: f64) -> HostSignal {
        let measure = Measure::Ratio { errors: 1.0, requests };
        HostSignal { host: HostId(id), at: Timestamp(NOW.0 - age), measure }
    }

    fn answered(hosts: Vec<HostSignal>) -> SignalReading {
        reading(SignalState::Answered { at: NOW, hosts, strangers: 0 })
    }

    #[test]
    fn each_kind_of_silence_is_told_apart() {
        let away = SignalState::Unreachable { since: NOW, error: "refused".to_owned() };
        let old = answered(vec![host(1, 60_001, 50.0)]);
        for (reading, standing) in [
            (reading(SignalState::Unasked), "unasked"),
            (reading(away), "unreachable"),
            (reading(SignalState::Empty { at: NOW, strangers: 3 }), "empty"),
            (old, "stale"),
            (answered(vec![host(1, 60_000, 50.0)]), "fresh"),
        ] {
            assert_eq!(reading.standing(NOW), standing);
            let some = reading.of_hosts(NOW, &[HostId(1)], 0);
            assert_eq!(some.is_ok(), standing == "fresh", "{some:?}");
        }
    }

    #[test]
    fn a_reading_that_is_not_renewed_grows_old() {
        let reading = answered(vec![host(1, 0, 50.0)]);
        assert_eq!(reading.standing(NOW), "fresh");
        assert_eq!(reading.standing(NOW.after(Millis(60_001))), "stale");
    }

    #[test]
    fn every_host_that_says_nothing_is_named() {
        let reading = answered(vec![host(1, 0, 50.0), host(2, 61_000, 50.0), host(3, 0, 9.0)]);
        let all: Vec<HostId> = (1..=4).map(HostId).collect();
        let shortage = reading.of_hosts(NOW, &all, 0).unwrap_err();
        assert_eq!(
            shortage,
            Shortage::Partial {
                missing: vec![HostId(4)],
                stale: vec![HostId(2)],
                thin: vec![HostId(3)],
                of: 4
            }
        );
        let text = shortage.to_string();
        assert!(text.contains("1 of 4 hosts are not in the answer"), "{text}");
        assert_eq!(reading.of_hosts(NOW, &[HostId(1)], 50).unwrap().len(), 1);
        assert!(reading.of_hosts(NOW, &[HostId(1)], 51).is_err());
    }
}
