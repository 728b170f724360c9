//! Times for people: how long ago, and when exactly. Always UTC, so that two people who talk
//! about a line mean the same moment.

use wavegate_common::{Millis, Timestamp};

/// A moment as `2026-06-01 12:00:00Z`.
#[must_use]
pub fn absolute(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        Err(_) => "?".to_owned(),
    }
}

/// A moment within the day as `12:00:00Z`.
#[must_use]
pub fn clock(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(time) => time.strftime("%H:%M:%SZ").to_string(),
        Err(_) => "?".to_owned(),
    }
}

/// A span in at most two units: `3m20s`, `2h`, `4d3h`.
#[must_use]
pub fn span(span: Millis) -> String {
    let secs = span.0 / 1_000;
    let (big, small) = match secs {
        0 => return if span.0 == 0 { "0s".to_owned() } else { "<1s".to_owned() },
        1..60 => return format!("{secs}s"),
        60..3_600 => ((secs / 60, "m"), (secs % 60, "s")),
        3_600..86_400 => ((secs / 3_600, "h"), (secs % 3_600 / 60, "m")),
        _ => ((secs / 86_400, "d"), (secs % 86_400 / 3_600, "h")),
    };
    match small.0 {
        0 => format!("{}{}", big.0, big.1),
        _ => format!("{}{}{}{}", big.0, big.1, small.0, small.1),
    }
}

/// How long ago, or until: `3m ago`, `in 2h`.
#[must_use]
pub fn relative(at: Timestamp, now: Timestamp) -> String {
    if at > now {
        format!("in {}", span(at.since(now)))
    } else {
        format!("{} ago", span(now.since(at)))
    }
}

/// Both: `3m ago (2026-06-01 12:00:00Z)`.
#[must_use]
pub fn both(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", relative(at, now), absolute(at))
}

/// For how long, and since when exactly: `for 3m (since 2026-06-01 12:00:00Z)`.
#[must_use]
pub fn since(at: Timestamp, now: Timestamp) -> String {
    format!("for {} (since {})", span(now.since(at)), absolute(at))
}

/// Both in a table's cell: the day is left out if it is today.
#[must_use]
pub fn cell(at: Timestamp, now: Timestamp) -> String {
    const DAY: i64 = 86_400_000;
    if at.0.div_euclid(DAY) == now.0.div_euclid(DAY) {
        format!("{} ({})", relative(at, now), clock(at))
    } else {
        both(at, now)
    }
}

/// This machine's clock.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_for_people() {
        for (millis, text) in [
            (Millis(0), "0s"),
            (Millis(400), "<1s"),
            (Millis::secs(59), "59s"),
            (Millis::secs(200), "3m20s"),
            (Millis::hours(2), "2h"),
            (Millis::hours(99), "4d3h"),
        ] {
            assert_eq!(span(millis), text);
        }
    }

    #[test]
    fn relative_and_absolute() {
        let now = Timestamp(1_780_315_200_000);
        assert_eq!(both(Timestamp(now.0 - 5_000), now), "5s ago (2026-06-01 11:59:55Z)");
        assert_eq!(cell(Timestamp(now.0 + 5_000), now), "in 5s (12:00:05Z)");
        assert_eq!(cell(Timestamp(now.0 - 86_400_000), now), "1d ago (2026-05-31 12:00:00Z)");
    }
}
