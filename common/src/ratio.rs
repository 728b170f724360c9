//! How many times as much: `1.25`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A factor, in millionths. Written as a number, `1.25`, with at most six decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ratio(pub u64);

impl Ratio {
    /// As much as before.
    pub const ONE: Self = Self(1_000_000);
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if part == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{part:06}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

/// Text that is not a factor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a ratio: write a number with at most six decimals, as in `1.25`")]
pub struct BadRatio(pub String);

impl FromStr for Ratio {
    type Err = BadRatio;
    fn from_str(text: &str) -> Result<Self, BadRatio> {
        let bad = || BadRatio(text.to_owned());
        let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || whole.len() > 9 || part.len() > 6 || !digits(whole) || !digits(part)
        {
            return Err(bad());
        }
        format!("{whole}{part:0<6}").parse().map(Self).map_err(|_| bad())
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        // Below 2^53 millionths the nearest double prints as the number that was written.
        s.serialize_f64(self.0 as f64 / 1e6)
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Number;
        impl de::Visitor<'_> for Number {
            type Value = Ratio;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a ratio such as 1.25")
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Ratio, E> {
                // The shortest text of a double is what a person wrote.
                number.to_string().parse().map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Ratio, E> {
                number.to_string().parse().map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Ratio, E> {
                number.to_string().parse().map_err(E::custom)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Ratio, E> {
                text.parse().map_err(E::custom)
            }
        }
        d.deserialize_any(Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_survive_text_and_json() {
        for (text, millionths) in [("1.25", 1_250_000), ("2", 2_000_000), ("1.000001", 1_000_001)] {
            let ratio: Ratio = text.parse().unwrap();
            assert_eq!(ratio, Ratio(millionths));
            assert_eq!(ratio.to_string(), text);
            assert_eq!(serde_json::from_str::<Ratio>(text).unwrap(), ratio);
            let json = serde_json::to_string(&ratio).unwrap();
            assert_eq!(serde_json::from_str::<Ratio>(&json).unwrap(), ratio);
        }
        for bad in ["", "-1", "1.2.3", "1e3", "NaN", "1.0000001", "x"] {
            assert!(bad.parse::<Ratio>().is_err(), "{bad}");
            assert!(serde_json::from_str::<Ratio>(&format!("{bad:?}")).is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<Ratio>("-1").is_err());
    }
}
