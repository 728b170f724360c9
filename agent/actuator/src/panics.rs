//! `Collect`: panic records of earlier boots.
//!
//! Firmware keeps a record in many small parts and has little room, so the parts are put
//! together, filed in a directory of root's, and only then taken out of the firmware's memory.
//! Asked again in the same boot, it tells the same again: the agent may have died in between.

use std::fmt::Write as _;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use wavegate_common::BootId;
use wavegate_common::actuator::{MAX_PANIC_TEXT, PANIC_DIR, PanicRecord};

use crate::error::Error;
use crate::kernel;
use crate::power::Power;
use crate::tree::Tree;
use crate::verbs::Actuator;

const MEMORY: &str = "/sys/fs/pstore";
/// Where the service manager files records if it is quicker.
const FILED: &str = "/var/lib/systemd/pstore";
const TOLD: &str = "/run/wavegate-actuator/collected.json";
/// Parts written within this many seconds can belong to one panic.
const ONE_PANIC: u64 = 60;
/// How many records are told: their text has to fit into one frame.
const RECORDS_TOLD: usize = 3;
/// Where the interesting part of a log begins.
const MARKS: [&str; 6] = [
    "Kernel panic - not syncing",
    "BUG: ",
    "Oops: ",
    "Unable to handle",
    "general protection fault",
    "sysrq: Trigger a crash",
];

/// One file of the firmware's memory.
struct Part {
    name: String,
    written: u64,
    /// For example `Panic#2`.
    of: String,
    number: u32,
    text: String,
}

/// What was collected in which boot.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Told {
    boot_id: BootId,
    names: Vec<String>,
}

impl<P: Power> Actuator<P> {
    pub(crate) fn collect(&self) -> Result<Vec<PanicRecord>, Error> {
        let tree = &self.tree;
        let boot_id = kernel::boot_id(tree)?;
        let told = tree.text(TOLD)?.and_then(|text| serde_json::from_str::<Told>(&text).ok());
        let mut told = told.filter(|told| told.boot_id == boot_id).unwrap_or_default();
        told.boot_id = boot_id;
        for (name, text, parts) in records(tree)? {
            tree.write(&format!("{PANIC_DIR}/{name}"), text.as_bytes())?;
            if !told.names.contains(&name) {
                told.names.push(name);
            }
            remember(tree, &told)?;
            for part in parts {
                tree.remove(&format!("{MEMORY}/{part}"))?;
            }
        }
        for (name, text) in filed_by_others(tree)? {
            tree.write(&format!("{PANIC_DIR}/{name}"), text.as_bytes())?;
            told.names.push(name);
            remember(tree, &told)?;
        }
        told.names.sort_by(|a, b| b.cmp(a));
        told.names.dedup();
        let mut records = Vec::new();
        for name in told.names.into_iter().take(RECORDS_TOLD) {
            let Some(text) = tree.text(&format!("{PANIC_DIR}/{name}"))? else { continue };
            records.push(PanicRecord { name, text: excerpt(&text) });
        }
        Ok(records)
    }
}

fn remember(tree: &Tree, told: &Told) -> Result<(), Error> {
    let text = serde_json::to_vec(told).map_err(|e| Error::BadRequest(e.to_string()))?;
    tree.write(TOLD, &text)
}

/// Name, text and files of each record in the firmware's memory.
fn records(tree: &Tree) -> Result<Vec<(String, String, Vec<String>)>, Error> {
    let mut parts = Vec::new();
    for name in tree.names(MEMORY) {
        parts.extend(read_part(tree, name)?);
    }
    parts.sort_by(|a, b| (a.written, &a.of, &a.name).cmp(&(b.written, &b.of, &b.name)));
    let mut groups: Vec<Vec<Part>> = Vec::new();
    for part in parts {
        let fits = |group: &&mut Vec<Part>| {
            group.iter().all(|other| {
                other.of == part.of
                    && other.number != part.number
                    && part.written - other.written <= ONE_PANIC
            })
        };
        match groups.iter_mut().find(fits) {
            Some(group) => group.push(part),
            None => groups.push(vec![part]),
        }
    }
    Ok(groups.into_iter().map(assemble).collect())
}

fn read_part(tree: &Tree, name: String) -> Result<Option<Part>, Error> {
    let path = format!("{MEMORY}/{name}");
    let Some(raw) = tree.text(&path)? else { return Ok(None) };
    let meta = tree.path(&path).metadata().map_err(Error::io("look at", &tree.path(&path)))?;
    let written = meta.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
    let (first, rest) = raw.split_once('\n').unwrap_or(("", &raw));
    let headed = first.split_once(" Part").and_then(|(of, number)| {
        Some((of.to_owned(), number.trim().parse().ok()?)).filter(|_| of.contains('#'))
    });
    let written = written.map_or(0, |since| since.as_secs());
    // A file without a header is a record of its own.
    let (of, number, text) = match headed {
        Some((of, number)) => (of, number, rest.to_owned()),
        None => (name.clone(), 1, raw.clone()),
    };
    Ok(Some(Part { name, written, of, number, text }))
}

/// The kernel numbers parts from the end of its log backwards.
fn assemble(mut parts: Vec<Part>) -> (String, String, Vec<String>) {
    parts.sort_by_key(|part| std::cmp::Reverse(part.number));
    let written = parts.iter().map(|part| part.written).max().unwrap_or(0);
    let label: String = parts.first().map_or("record", |part| part.of.as_str()).replace('#', "-");
    let mut text = String::new();
    for part in &parts {
        text.push_str(&part.text);
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let mut name = format!("{written:012}-");
    let _ = write!(name, "{}.txt", label.chars().map(plain).collect::<String>());
    (name, text, parts.into_iter().map(|part| part.name).collect())
}

/// Records that the service manager filed in this boot. They stay where they are.
fn filed_by_others(tree: &Tree) -> Result<Vec<(String, String)>, Error> {
    let stat = tree.text("/proc/stat")?.unwrap_or_default();
    let booted = stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok());
    let booted: u64 = booted.unwrap_or(u64::MAX);
    let mut paths = Vec::new();
    logs_below(tree, FILED, 3, &mut paths);
    let mut found = Vec::new();
    for path in paths {
        let Ok(meta) = tree.path(&path).metadata() else { continue };
        let written = meta.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        let written = written.map_or(0, |since| since.as_secs());
        if written < booted {
            continue;
        }
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let label: String = path[FILED.len()..].chars().map(plain).collect();
        if let Some(text) = tree.text(&path)? {
            found.push((format!("{written:012}-filed{label}.txt"), text));
        }
    }
    Ok(found)
}

/// Kernel logs: the whole one where its parts were put together already, else the parts.
fn logs_below(tree: &Tree, directory: &str, depth: u8, found: &mut Vec<String>) {
    let names = tree.names(directory);
    if names.iter().any(|name| name == "dmesg.txt") {
        found.push(format!("{directory}/dmesg.txt"));
        return;
    }
    for name in names {
        let path = format!("{directory}/{name}");
        if tree.path(&path).is_dir() {
            if depth > 1 {
                logs_below(tree, &path, depth - 1, found);
            }
        } else if name.starts_with("dmesg") {
            found.push(path);
        }
    }
}

/// From the first line that says what happened on, as far as it may go; else the end.
fn excerpt(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for line in text.lines() {
        clean.extend(without_level(line).chars().map(|c| if c.is_control() { ' ' } else { c }));
        clean.push('\n');
    }
    let at = MARKS.iter().filter_map(|mark| clean.find(mark)).min();
    let from = match at {
        Some(at) => clean[..at].rfind('\n').map_or(0, |line| line + 1),
        None => clean.len().saturating_sub(MAX_PANIC_TEXT),
    };
    let from = (from..clean.len()).find(|&i| clean.is_char_boundary(i)).unwrap_or(clean.len());
    let end = (from + MAX_PANIC_TEXT).min(clean.len());
    let end = (from..=end).rev().find(|&i| clean.is_char_boundary(i)).unwrap_or(from);
    clean[from..end].to_owned()
}

/// Takes off the level that the kernel puts in front of a line, `<6>`.
fn without_level(line: &str) -> &str {
    let rest =
        line.strip_prefix('<').map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    rest.and_then(|rest| rest.strip_prefix('>')).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_begins_where_it_happened_and_is_bounded() {
        let log = format!(
            "NMI watchdog: disabled\nsysrq: Show State\n{}\n[1.0] Kernel panic - not syncing: no init\n[1.1] more\n",
            "x\n".repeat(9000)
        );
        let text = excerpt(&log);
        assert!(text.starts_with("[1.0] Kernel panic"), "{text}");
        assert_eq!(excerpt(&"y".repeat(100_000)).len(), MAX_PANIC_TEXT);
        assert!((8_180..=MAX_PANIC_TEXT).contains(&excerpt(&"ü".repeat(100_000)).len()));
        assert_eq!(excerpt("a\u{1b}[31mb"), "a [31mb\n");
        assert_eq!(excerpt("<0>[2.0] BUG: x\n<html\n"), "[2.0] BUG: x\n<html\n");
    }
}
