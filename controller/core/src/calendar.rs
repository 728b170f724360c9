//! When windows and freezes are open. Weekly, in a time zone, safe over changes of daylight
//! saving: a window that falls into the skipped hour opens when the clock has jumped, and the
//! repeated hour counts once, at its first pass. Time zone data are compiled in.

use jiff::civil::{Date, Time};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp as Instant};
use wavegate_common::window::DayTime;
use wavegate_common::{Freeze, Labels, Timestamp, Weekday, Window};

/// Whether hosts may begin now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// They may.
    Open,
    /// Not before this.
    Opens(Timestamp),
    /// Not within a year.
    Never,
}

/// Days looked ahead for an opening.
const HORIZON_DAYS: i64 = 366;

/// The time zone behind an IANA name, from the compiled-in data.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    if name == "UTC" {
        return Some(TimeZone::UTC);
    }
    TimeZoneDatabase::bundled().get(name).ok()
}

/// Whether any of the windows is open; no windows at all means always.
#[must_use]
pub fn opening(windows: &[Window], now: Timestamp) -> Opening {
    if windows.is_empty() {
        return Opening::Open;
    }
    let mut soonest: Option<Timestamp> = None;
    for window in windows {
        match next_opening(window, now) {
            Opening::Open => return Opening::Open,
            Opening::Opens(at) => soonest = Some(soonest.map_or(at, |known| known.min(at))),
            Opening::Never => {}
        }
    }
    soonest.map_or(Opening::Never, Opening::Opens)
}

fn next_opening(window: &Window, now: Timestamp) -> Opening {
    let (Some(zone), Ok(instant)) = (zone(&window.zone), Instant::from_millisecond(now.0)) else {
        return Opening::Never;
    };
    let today = instant.to_zoned(zone.clone()).date();
    // Yesterday's window may reach over midnight into today.
    for offset in -1..=HORIZON_DAYS {
        let Ok(day) = today.checked_add(Span::new().days(offset)) else { continue };
        if !on_day(window, day) {
            continue;
        }
        let Some((from, to)) = span_on(window, day, &zone) else { continue };
        if now >= from && now < to {
            return Opening::Open;
        }
        if from > now && from < to {
            return Opening::Opens(from);
        }
    }
    Opening::Never
}

/// The span of a window that opens on this day, as two points in time.
fn span_on(window: &Window, day: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
    let closes_on = if window.to > window.from { day } else { day.tomorrow().ok()? };
    Some((moment(day, window.from, zone)?, moment(closes_on, window.to, zone)?))
}

/// A civil time as a point in time. In a gap it is the moment after the jump; in a fold the
/// first of the two.
fn moment(day: Date, at: DayTime, zone: &TimeZone) -> Option<Timestamp> {
    let (day, minutes) = if at.0 >= 24 * 60 { (day.tomorrow().ok()?, 0) } else { (day, at.0) };
    let hour = i8::try_from(minutes / 60).ok()?;
    let minute = i8::try_from(minutes % 60).ok()?;
    let civil = day.to_datetime(Time::new(hour, minute, 0, 0).ok()?);
    let instant = zone.to_ambiguous_timestamp(civil).compatible().ok()?;
    Some(Timestamp(instant.as_millisecond()))
}

fn on_day(window: &Window, day: Date) -> bool {
    window.days.is_empty()
        || window.days.iter().any(|wanted| {
            let wanted = match wanted {
                Weekday::Mon => jiff::civil::Weekday::Monday,
                Weekday::Tue => jiff::civil::Weekday::Tuesday,
                Weekday::Wed => jiff::civil::Weekday::Wednesday,
                Weekday::Thu => jiff::civil::Weekday::Thursday,
                Weekday::Fri => jiff::civil::Weekday::Friday,
                Weekday::Sat => jiff::civil::Weekday::Saturday,
                Weekday::Sun => jiff::civil::Weekday::Sunday,
            };
            wanted == day.weekday()
        })
}

/// The freeze that holds a host with these labels now, the one that ends last.
#[must_use]
pub fn freeze<'a>(freezes: &'a [Freeze], labels: &Labels, now: Timestamp) -> Option<&'a Freeze> {
    freezes
        .iter()
        .filter(|freeze| freeze.from <= now && now < freeze.until)
        .filter(|freeze| freeze.selector.as_ref().is_none_or(|chosen| chosen.matches(labels)))
        .max_by_key(|freeze| freeze.until)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<Instant>().unwrap().as_millisecond())
    }

    fn window(days: &[Weekday], from: &str, to: &str, zone: &str) -> Window {
        Window {
            days: days.to_vec(),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            zone: zone.to_owned(),
        }
    }

    fn check(window: &Window, now: &str, expected: Opening) {
        assert_eq!(opening(std::slice::from_ref(window), at(now)), expected, "{now}");
    }

    #[test]
    fn opens_on_its_days_and_over_midnight() {
        let nights = window(&[Weekday::Mon, Weekday::Tue], "22:00", "04:00", "Europe/Amsterdam");
        check(&nights, "2026-11-23T20:59:00Z", Opening::Opens(at("2026-11-23T21:00:00Z")));
        check(&nights, "2026-11-23T21:00:00Z", Opening::Open);
        check(&nights, "2026-11-24T02:59:00Z", Opening::Open);
        check(&nights, "2026-11-24T03:00:00Z", Opening::Opens(at("2026-11-24T21:00:00Z")));
        check(&nights, "2026-11-25T12:00:00Z", Opening::Opens(at("2026-11-30T21:00:00Z")));
    }

    #[test]
    fn follows_daylight_saving() {
        // On 2027-03-28 the clocks of Amsterdam jump from 02:00 to 03:00.
        let gap = window(&[Weekday::Sun], "02:30", "05:00", "Europe/Amsterdam");
        check(&gap, "2027-03-28T00:59:00Z", Opening::Opens(at("2027-03-28T01:30:00Z")));
        check(&gap, "2027-03-28T02:59:00Z", Opening::Open);
        check(&gap, "2027-03-28T03:00:00Z", Opening::Opens(at("2027-04-04T00:30:00Z")));
        // On 2027-10-31 they go back from 03:00 to 02:00: 02:30 comes twice.
        let fold = window(&[Weekday::Sun], "02:30", "05:00", "Europe/Amsterdam");
        check(&fold, "2027-10-31T00:29:00Z", Opening::Opens(at("2027-10-31T00:30:00Z")));
        check(&fold, "2027-10-31T03:59:00Z", Opening::Open);
        check(&fold, "2027-10-31T04:00:00Z", Opening::Opens(at("2027-11-07T01:30:00Z")));
    }

    #[test]
    fn a_full_day_has_no_seam() {
        let always = window(&[], "00:00", "24:00", "UTC");
        check(&always, "2026-11-23T00:00:00Z", Opening::Open);
        check(&always, "2026-11-23T23:59:59Z", Opening::Open);
        assert_eq!(opening(&[], Timestamp(0)), Opening::Open);
    }

    #[test]
    fn an_unknown_zone_never_opens() {
        check(
            &window(&[], "00:00", "24:00", "Mars/Olympus"),
            "2026-11-23T00:00:00Z",
            Opening::Never,
        );
    }
}
