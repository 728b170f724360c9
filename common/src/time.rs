//! Points in time and spans, as integers. Nothing here reads a clock.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z. Which clock it was read from is
/// the caller's business.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This much later; saturates.
    #[must_use]
    pub const fn after(self, span: Millis) -> Self {
        let span = if span.0 > i64::MAX as u64 { i64::MAX } else { span.0 as i64 };
        Self(self.0.saturating_add(span))
    }

    /// The span since `earlier`; zero if `earlier` is in fact later, as after a clock step.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Millis {
        let span = self.0.saturating_sub(earlier.0);
        if span < 0 { Millis(0) } else { Millis(span as u64) }
    }
}

/// A span of time in milliseconds. Written as `90s`, `5m`, `1h30m`, `2d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub u64);

impl Millis {
    /// `n` seconds.
    #[must_use]
    pub const fn secs(n: u64) -> Self {
        Self(n.saturating_mul(1_000))
    }
    /// `n` minutes.
    #[must_use]
    pub const fn mins(n: u64) -> Self {
        Self::secs(n.saturating_mul(60))
    }
    /// `n` hours.
    #[must_use]
    pub const fn hours(n: u64) -> Self {
        Self::mins(n.saturating_mul(60))
    }
}

const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, size) in UNITS {
            let count = rest / size;
            rest %= size;
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

/// Text that is not a span of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration: write a number and a unit, as in `90s`, `5m`, `1h30m` or `2d`")]
pub struct BadDuration(pub String);

impl FromStr for Millis {
    type Err = BadDuration;
    fn from_str(text: &str) -> Result<Self, BadDuration> {
        let bad = || BadDuration(text.to_owned());
        let mut rest = text.trim();
        let mut total: u64 = 0;
        if rest.is_empty() {
            return Err(bad());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
            let count: u64 = rest[..digits].parse().map_err(|_| bad())?;
            rest = &rest[digits..];
            let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
            let (_, size) =
                UNITS.iter().find(|(unit, _)| *unit == &rest[..letters]).ok_or_else(bad)?;
            rest = &rest[letters..];
            total = count
                .checked_mul(*size)
                .and_then(|span| total.checked_add(span))
                .ok_or_else(bad)?;
        }
        Ok(Self(total))
    }
}
impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_survive_text() {
        for (text, span) in [
            ("90s", Millis::secs(90)),
            ("1h30m", Millis::mins(90)),
            ("2d", Millis::hours(48)),
            ("250ms", Millis(250)),
            ("0s", Millis(0)),
        ] {
            assert_eq!(text.parse::<Millis>().unwrap(), span);
            assert_eq!(span.to_string().parse::<Millis>().unwrap(), span);
        }
        for bad in ["", "5", "m", "5 m", "-5m", "5y", "99999999999999999999d"] {
            assert!(bad.parse::<Millis>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_clock_that_went_back_gives_no_negative_span() {
        assert_eq!(Timestamp(5).since(Timestamp(9)), Millis(0));
        assert_eq!(Timestamp(i64::MAX).after(Millis(u64::MAX)), Timestamp(i64::MAX));
    }
}
