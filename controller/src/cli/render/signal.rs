//! Signals of outside sources.

use std::fmt::Write as _;

use wavegate_common::signal::{Better, Measure, SignalKind, SignalReading, SignalState};
use wavegate_common::view::SignalList;
use wavegate_common::{Millis, Timestamp};

use super::table::Table;
use super::time::span;

/// The list.
#[must_use]
pub fn list(list: &SignalList, now: Timestamp, wide: bool) -> String {
    if list.readings.is_empty() {
        return "the controller's configuration names no source\n".to_owned();
    }
    let head = ["SOURCE", "KIND", "STANDING", "HOSTS", "EXPOSURE", "NEWEST", "WHY"];
    let mut table = Table::new(&head).firm(&[2, 3, 4, 5]).unbounded(wide);
    for reading in &list.readings {
        let sums = sums(reading, now);
        table.row([
            reading.source.clone(),
            kind(reading.kind).to_owned(),
            reading.standing(now).to_owned(),
            sums.hosts,
            sums.exposure,
            sums.newest,
            reading.usable(now).err().map(|why| why.to_string()).unwrap_or_default(),
        ]);
    }
    table.render()
}

fn kind(kind: SignalKind) -> &'static str {
    match kind {
        SignalKind::Ratio => "ratio",
        SignalKind::Value { better: Better::Lower } => "value, lower is better",
        SignalKind::Value { better: Better::Higher } => "value, higher is better",
    }
}

struct Sums {
    hosts: String,
    exposure: String,
    newest: String,
}

fn sums(reading: &SignalReading, now: Timestamp) -> Sums {
    let SignalState::Answered { hosts, .. } = &reading.state else {
        return Sums { hosts: "0".into(), exposure: String::new(), newest: String::new() };
    };
    let requests: f64 = hosts
        .iter()
        .filter_map(|host| match host.measure {
            Measure::Ratio { requests, .. } => Some(requests),
            Measure::Value { .. } => None,
        })
        .sum();
    let newest = hosts.iter().map(|host| host.at).max().unwrap_or_default();
    Sums {
        hosts: hosts.len().to_string(),
        exposure: match reading.kind {
            SignalKind::Ratio => format!("{requests:.0}"),
            SignalKind::Value { .. } => String::new(),
        },
        newest: format!("{} old", span(whole(now.since(newest)))),
    }
}

/// Milliseconds say nothing here.
fn whole(age: Millis) -> Millis {
    Millis(age.0 / 1_000 * 1_000)
}

/// One source, host by host.
#[must_use]
pub fn one(reading: &SignalReading, now: Timestamp, wide: bool) -> String {
    let mut out = String::new();
    if let SignalState::Answered { hosts, strangers, .. } = &reading.state {
        let head: &[&'static str] = match reading.kind {
            SignalKind::Ratio => &["HOST", "ERRORS", "REQUESTS", "SHARE", "AGE"],
            SignalKind::Value { .. } => &["HOST", "VALUE", "AGE"],
        };
        let mut table = Table::new(head).unbounded(wide);
        for host in hosts {
            let mut row = vec![host.host.to_string()];
            match host.measure {
                Measure::Ratio { errors, requests } => {
                    let share = if requests > 0.0 { errors / requests * 100.0 } else { 0.0 };
                    row.push(format!("{errors:.1}"));
                    row.push(format!("{requests:.1}"));
                    row.push(format!("{share:.3}%"));
                }
                Measure::Value { value } => row.push(value.to_string()),
            }
            row.push(span(whole(now.since(host.at))));
            table.row(row);
        }
        out.push_str(&table.render());
        if *strangers > 0 {
            let _ = writeln!(out, "{strangers} series are of no host that is known here");
        }
    }
    let _ = match reading.usable(now) {
        Ok(hosts) => writeln!(out, "{} is usable: {} hosts", reading.source, hosts.len()),
        Err(why) => writeln!(out, "{} cannot be used: {why}", reading.source),
    };
    out
}

#[cfg(test)]
mod tests {
    use wavegate_common::HostId;
    use wavegate_common::signal::HostSignal;

    use super::*;

    #[test]
    fn says_what_a_source_covers_and_why_it_does_not() {
        let now = Timestamp(1_000_000);
        let measure = Measure::Ratio { errors: 2.0, requests: 400.0 };
        let host = HostSignal { host: HostId(7), at: Timestamp(990_000), measure };
        let mut reading = SignalReading {
            source: "errors".to_owned(),
            kind: SignalKind::Ratio,
            min_exposure: 0,
            stale_after: Millis::secs(60),
            state: SignalState::Answered { at: now, hosts: vec![host], strangers: 3 },
        };
        let text = one(&reading, now, false);
        for part in ["0.500%", "10s", "3 series", "errors is usable: 1 hosts"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let error = "connection refused".to_owned();
        reading.state = SignalState::Unreachable { since: now, error };
        assert!(one(&reading, now, false).contains("cannot be used: the source cannot be asked"));
        let all = list(&SignalList { readings: vec![reading] }, now, false);
        assert!(all.contains("unreachable") && all.contains("connection refused"), "{all}");
    }
}
