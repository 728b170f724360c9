//! Maintenance windows and freezes, as written. When they are open is for the planner to say.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::selector::Selector;
use crate::time::Timestamp;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// A time of day, `00:00` to `24:00`, in minutes since midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DayTime(pub u16);

impl fmt::Display for DayTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}
/// Text that is not a time of day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time of day: write hours and minutes, as in `22:00`")]
pub struct BadDayTime(pub String);

impl FromStr for DayTime {
    type Err = BadDayTime;
    fn from_str(text: &str) -> Result<Self, BadDayTime> {
        let bad = || BadDayTime(text.to_owned());
        let (hours, minutes) = text.split_once(':').ok_or_else(bad)?;
        let number = |digits: &str| match digits.len() {
            1 | 2 if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse::<u16>().ok(),
            _ => None,
        };
        let (hours, minutes) = number(hours).zip(number(minutes)).ok_or_else(bad)?;
        let total = hours * 60 + minutes;
        if minutes < 60 && total <= 24 * 60 { Ok(Self(total)) } else { Err(bad()) }
    }
}
impl Serialize for DayTime {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for DayTime {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Hours of the week in which hosts may begin. It gates the start only: a host that has begun
/// goes on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// On which days it opens; every day if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Weekday>,
    /// When it opens, by the clock on the wall in `zone`.
    pub from: DayTime,
    /// When it closes; on the next day if this is not later than `from`.
    pub to: DayTime,
    /// An IANA time zone, for example `Europe/Amsterdam`.
    pub zone: String,
}

/// A span in which nothing begins.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// Its name, shown to whoever waits.
    pub name: String,
    /// When it begins, milliseconds since the epoch.
    pub from: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// Whom it holds; every host if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day() {
        assert_eq!("22:05".parse::<DayTime>().unwrap(), DayTime(1325));
        assert_eq!("24:00".parse::<DayTime>().unwrap().to_string(), "24:00");
        for bad in ["24:01", "7", "07:60", "a:b", "+7:00", "007:00"] {
            assert!(bad.parse::<DayTime>().is_err(), "{bad}");
        }
    }
}
