//! The file that `wavegate gate reboots` reads.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use csv::StringRecord;
use wavegate_common::{FailureDomain, HostClass};
use wavegate_gate::ambient::BURST_WITHIN;
use wavegate_gate::reboots::{Arm, HostLog, Span};

use crate::cli::failure::Failure;

/// The columns that must be there.
const COLUMNS: [&str; 4] = ["time_s", "host", "arm", "event"];
const NEXT: &str = "the columns are time_s,host,arm,event, with arm canary or control and event \
                    start, reboot or end; class and domain may follow; `wavegate gate reboots \
                    --help` says more";

/// A file that has been understood.
#[derive(Debug, Clone, PartialEq)]
pub struct RebootFile {
    /// The hosts, by name.
    pub hosts: Vec<HostLog>,
    /// Their names, in the same order.
    pub names: Vec<String>,
    /// The last time in the file, in milliseconds: what is not over by then is watched until
    /// then.
    pub last: i64,
    /// When the last row is settled: nothing comes after the end of a file.
    pub settled: i64,
}

/// Reads a file; `-` is stdin.
///
/// # Errors
/// If it cannot be read, or with the line and column of what is wrong.
pub fn read(path: &Path) -> Result<RebootFile, Failure> {
    if path == Path::new("-") {
        return parse("stdin", std::io::stdin().lock());
    }
    let name = path.display().to_string();
    let file = std::fs::File::open(path).map_err(|error| {
        Failure::usage(format!("cannot read {name}")).caused_by(&error).next(NEXT)
    })?;
    parse(&name, file)
}

/// Reads rows.
///
/// # Errors
/// With the line and column of what is wrong.
pub fn parse(file: &str, input: impl Read) -> Result<RebootFile, Failure> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(input);
    let header = reader.headers().map_err(|error| unreadable(file, &error))?.clone();
    let columns = Columns::new(file, &header)?;
    let mut rows: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| unreadable(file, &error))? {
        let (host, row) = columns.row(file, &record)?;
        rows.entry(host).or_default().push(row);
    }
    let last = rows.values().flatten().map(|row| row.at).max().unwrap_or(0);
    let mut hosts = Vec::with_capacity(rows.len());
    for (name, rows) in &mut rows {
        hosts.push(host(file, name, rows, last)?);
    }
    let names = rows.into_keys().collect();
    Ok(RebootFile { hosts, names, last, settled: last.saturating_add(BURST_WITHIN) })
}

fn unreadable(file: &str, error: &csv::Error) -> Failure {
    Failure::usage(format!("{file} is not a table of comma-separated values"))
        .caused_by(error)
        .next(NEXT)
}

fn wrong(file: &str, line: u64, column: &str, why: String) -> Failure {
    Failure::usage(format!("{file}, line {line}, column {column} cannot be used"))
        .because(why)
        .next(NEXT)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Start,
    Reboot,
    End,
}

#[derive(Debug, Clone)]
struct Row {
    at: i64,
    line: u64,
    arm: Arm,
    event: Event,
    class: String,
    domain: String,
}

/// Where the columns are.
struct Columns {
    must: [usize; 4],
    class: Option<usize>,
    domain: Option<usize>,
}

impl Columns {
    fn new(file: &str, header: &StringRecord) -> Result<Self, Failure> {
        let find = |name: &str| header.iter().position(|column| column == name);
        let mut must = [0; 4];
        for (slot, name) in must.iter_mut().zip(COLUMNS) {
            *slot = find(name).ok_or_else(|| {
                let found: Vec<&str> = header.iter().collect();
                Failure::usage(format!("{file}, line 1 has no column {name}"))
                    .because(format!("its columns are: {}", found.join(", ")))
                    .next(NEXT)
            })?;
        }
        Ok(Self { must, class: find("class"), domain: find("domain") })
    }

    fn row(&self, file: &str, record: &StringRecord) -> Result<(String, Row), Failure> {
        let line = record.position().map_or(0, csv::Position::line);
        let [time, host, arm, event] = self.must.map(|at| record.get(at).unwrap_or_default());
        let optional = |at: Option<usize>| at.and_then(|at| record.get(at)).unwrap_or_default();
        let refuse = |column, why| Err(wrong(file, line, column, why));
        let Some(at) = milliseconds(time) else {
            return refuse("time_s", format!("`{time}` is not a time in seconds"));
        };
        if host.is_empty() {
            return refuse("host", "it is empty".to_owned());
        }
        let arm = match arm {
            "canary" => Arm::Canary,
            "control" => Arm::Control,
            other => return refuse("arm", format!("`{other}` is neither canary nor control")),
        };
        let event = match event {
            "start" => Event::Start,
            "reboot" => Event::Reboot,
            "end" => Event::End,
            other => {
                return refuse("event", format!("`{other}` is not one of start, reboot, end"));
            }
        };
        let (class, domain) = (optional(self.class).to_owned(), optional(self.domain).to_owned());
        Ok((host.to_owned(), Row { at, line, arm, event, class, domain }))
    }
}

/// Up to 10^12 seconds, which no clock exceeds.
fn milliseconds(text: &str) -> Option<i64> {
    let seconds: f64 = text.parse().ok()?;
    (seconds.abs() <= 1e12).then(|| (seconds * 1_000.0).round() as i64)
}

/// One host from its rows.
fn host(file: &str, name: &str, rows: &mut [Row], last: i64) -> Result<HostLog, Failure> {
    rows.sort_by_key(|row| (row.at, row.event, row.line));
    let (class, domain) = constant(file, name, rows)?;
    let mut spans: Vec<Span> = Vec::new();
    let mut reboots = Vec::new();
    for instant in rows.chunk_by(|a, b| a.at == b.at) {
        let open = spans.last().is_some_and(|span| span.end.is_none());
        // Who was watched is taken back before starting anew; else it starts first.
        let late = |row: &&Row| open && row.event == Event::Start;
        let order = instant.iter().filter(|r| !late(r)).chain(instant.iter().filter(late));
        for row in order {
            take(file, name, row, &mut spans, &mut reboots)?;
        }
    }
    if let Some(span) = spans.last_mut() {
        span.end = span.end.or(Some(last));
    }
    let class = if class.is_empty() { HostClass::from("all") } else { HostClass::from(class) };
    let domains = if domain.is_empty() {
        Vec::new()
    } else {
        vec![FailureDomain { key: "domain".to_owned(), value: domain.to_owned() }]
    };
    Ok(HostLog { class, domains, spans, reboots })
}

fn take(
    file: &str,
    name: &str,
    row: &Row,
    spans: &mut Vec<Span>,
    reboots: &mut Vec<i64>,
) -> Result<(), Failure> {
    let refuse = |column, why: String| Err(wrong(file, row.line, column, why));
    let began = !spans.is_empty();
    let open = spans.last_mut().filter(|span| span.end.is_none());
    match (row.event, open) {
        (Event::Start, None) => spans.push(Span { arm: row.arm, start: row.at, end: None }),
        (Event::Start, Some(_)) => {
            return refuse("event", format!("host {name} has started already and not ended"));
        }
        (_, Some(span)) if span.arm != row.arm => {
            return refuse("arm", format!("host {name} has started in the other arm"));
        }
        (Event::Reboot, Some(_)) => reboots.push(row.at),
        (Event::End, Some(span)) => span.end = Some(row.at),
        // After it was taken back, what a host does is nobody's concern.
        (Event::Reboot, None) if began => {}
        (Event::Reboot, None) => {
            return refuse("event", format!("host {name} reboots before it has a start"));
        }
        (Event::End, None) => {
            return refuse("event", format!("host {name} ends without a start before"));
        }
    }
    Ok(())
}

/// The class and domain of a host, which every row of it must repeat.
fn constant<'a>(file: &str, name: &str, rows: &'a [Row]) -> Result<(&'a str, &'a str), Failure> {
    let Some(first) = rows.first() else { return Ok(("", "")) };
    for row in rows {
        for (column, own, other) in
            [("class", &row.class, &first.class), ("domain", &row.domain, &first.domain)]
        {
            if own != other {
                let why = format!(
                    "host {name} is `{own}` here and `{other}` in line {}: a host has one {column}",
                    first.line
                );
                return Err(wrong(file, row.line, column, why));
            }
        }
    }
    Ok((&first.class, &first.domain))
}

#[cfg(test)]
#[path = "reboot_file_tests.rs"]
mod tests;
