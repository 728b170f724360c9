//! How the previous boot ended.
//!
//! Evidence is read once per boot and kept in the state directory under the id of the boot that
//! it was found in: the panic record is cleared when it is collected and the watchdog's flag when
//! its device is opened, so that an agent that starts a second time would find nothing.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use wavegate_common::{BootCause, BootId};

use super::wtmp;
use crate::durable::write_durably;
use crate::root::Root;

/// The most of a panic record that travels in a report, in bytes and in lines.
const EXCERPT_BYTES: usize = 2_048;
const EXCERPT_LINES: usize = 24;

/// Bit of a watchdog's `bootstatus`: the card reset the machine.
const CARD_RESET: i64 = 32;

const SAVED: &str = "last-end.json";
const MARK: &str = "shutdown-mark";

/// How the previous boot ended, as found in a boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The boot that it was found in.
    pub boot_id: BootId,
    /// What it says. `Unknown` if nothing was found.
    pub cause: BootCause,
}

/// Weighs what is there: a panic record says most, then the watchdog's flag, then the marks of an
/// orderly shutdown. `records` are what the kernel kept of its log, newest first: the firmware
/// may have cut one log into several. `marked` is whether our own unit saw the shutdown.
#[must_use]
pub fn last_end(root: &Root, records: &[String], marked: bool) -> BootCause {
    let told = records.iter().filter(|text| !text.trim().is_empty());
    if let Some(record) = told.min_by_key(|record| doubt(record)) {
        return BootCause::Panic { evidence: excerpt(record) };
    }
    if watchdog_reset_it(root) {
        return BootCause::Watchdog;
    }
    if marked || wtmp::ended_in_order(root) == Some(true) {
        return BootCause::Operator;
    }
    BootCause::Unknown
}

/// Whether a watchdog says that it reset the machine before this boot.
fn watchdog_reset_it(root: &Root) -> bool {
    let dir = "/sys/class/watchdog";
    let status = |name: &String| root.number(format!("{dir}/{name}/bootstatus"));
    root.names(dir).iter().filter_map(status).any(|bits| bits & CARD_RESET != 0)
}

/// What tells that a kernel stopped, the surest first. "watchdog:" alone is no sign: every boot
/// says hello with it.
const SIGNS: [&str; 7] = [
    "Kernel panic - not syncing",
    "BUG:",
    "Oops",
    "general protection fault",
    "Unable to handle kernel",
    "soft lockup",
    "hard LOCKUP",
];

/// How sure a record is to tell of a panic: 0 is surest.
fn doubt(record: &str) -> usize {
    SIGNS.iter().position(|sign| record.contains(sign)).unwrap_or(SIGNS.len())
}

/// What a person should read first: the line of the panic, then the log from the first trouble
/// on, without the levels that the kernel puts in front.
fn excerpt(record: &str) -> String {
    let lines: Vec<String> = record.lines().map(clean).filter(|line| !line.is_empty()).collect();
    let headline = lines.iter().position(|line| line.contains(SIGNS[0]));
    let trouble = lines.iter().position(|line| SIGNS.iter().any(|sign| line.contains(sign)));
    // Without a sign of trouble the end of the log is the nearest to it.
    let start = trouble.unwrap_or(lines.len().saturating_sub(EXCERPT_LINES));
    let from_trouble = lines.iter().enumerate().skip(start);
    let chosen = headline
        .and_then(|at| lines.get(at))
        .into_iter()
        .chain(from_trouble.filter(|(at, _)| Some(*at) != headline).map(|(_, line)| line));
    let mut out = String::new();
    for line in chosen.take(EXCERPT_LINES) {
        if out.len() + line.len() + 1 > EXCERPT_BYTES {
            break;
        }
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(line);
    }
    out
}

/// A line without control characters and without a level such as `<6>`.
fn clean(line: &str) -> String {
    let text: String = line.trim().chars().filter(|c| !c.is_control()).take(400).collect();
    let level = text.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    match level {
        Some((number, rest)) if number.bytes().all(|b| b.is_ascii_digit()) => {
            rest.trim_start().to_owned()
        }
        _ => text,
    }
}

/// What was found earlier in this boot.
#[must_use]
pub fn read_saved(state_dir: &Path, boot_id: BootId) -> Option<Evidence> {
    let bytes = fs::read(state_dir.join(SAVED)).ok()?;
    serde_json::from_slice(&bytes).ok().filter(|found: &Evidence| found.boot_id == boot_id)
}

/// Keeps what was found for the rest of this boot.
///
/// # Errors
/// The state directory cannot be written.
pub fn save(state_dir: &Path, found: &Evidence) -> io::Result<()> {
    write_durably(&state_dir.join(SAVED), &serde_json::to_vec(found)?, 0o640)
}

/// Leaves the mark of an orderly shutdown. Called by a unit that stops only with the machine, so
/// that an upgrade of the agent leaves none.
///
/// # Errors
/// The state directory cannot be written.
pub fn mark_shutdown(state_dir: &Path, boot_id: BootId) -> io::Result<()> {
    write_durably(&state_dir.join(MARK), boot_id.to_string().as_bytes(), 0o640)
}

/// Takes the mark away; whether it was that of another boot than the running one.
#[must_use]
pub fn take_shutdown_mark(state_dir: &Path, running: BootId) -> bool {
    let path = state_dir.join(MARK);
    let marked = fs::read_to_string(&path).ok().and_then(|text| text.parse::<BootId>().ok());
    // A mark that cannot be removed would count again at the next boot; then it must not count.
    marked.is_some_and(|boot| boot != running) && fs::remove_file(&path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::fake::FakeHost;

    #[test]
    fn the_stronger_evidence_wins() {
        let quiet = FakeHost::new();
        assert_eq!(last_end(&quiet.root(), &[], false), BootCause::Unknown);
        assert_eq!(last_end(&quiet.root(), &["  \n".into()], false), BootCause::Unknown);
        assert_eq!(last_end(&quiet.root(), &[], true), BootCause::Operator);

        let reset = FakeHost::new().with("/sys/class/watchdog/watchdog0/bootstatus", "32\n");
        assert_eq!(last_end(&reset.root(), &[], true), BootCause::Watchdog);
        let records =
            ["<6>[ 0.6] NMI watchdog: Enabled.", "<0>[ 9.1] Kernel panic - not syncing: x"];
        let panic = last_end(&reset.root(), &records.map(str::to_owned), true);
        let evidence = "[ 9.1] Kernel panic - not syncing: x".to_owned();
        assert_eq!(panic, BootCause::Panic { evidence }, "an older part may hold the panic");
    }

    #[test]
    fn an_excerpt_begins_with_the_panic_and_is_bounded() {
        let noise = "<6>[    1.0] NMI watchdog: usb 1-1: new device\n".repeat(300);
        let oops = "<1>[   10.1] BUG: kernel NULL pointer dereference\n<4>[   10.2] RIP: 0010:f\n";
        let panic = "<0>[   10.9] Kernel panic - not syncing: Attempted to kill init!\n";
        let told = excerpt(&format!("{noise}{oops}{panic}{noise}"));
        let first: Vec<&str> = told.lines().take(3).collect();
        assert_eq!(
            first,
            [
                "[   10.9] Kernel panic - not syncing: Attempted to kill init!",
                "[   10.1] BUG: kernel NULL pointer dereference",
                "[   10.2] RIP: 0010:f",
            ]
        );
        assert!(told.len() <= EXCERPT_BYTES && told.lines().count() <= EXCERPT_LINES);
        assert_eq!(told.matches("Kernel panic").count(), 1);
        assert_eq!(excerpt(&noise).lines().count(), EXCERPT_LINES);
        assert_eq!(excerpt("BUG: \u{1b}[31mred"), "BUG: [31mred");
        assert_eq!(excerpt("<none> of this"), "<none> of this");
    }

    #[test]
    fn what_was_found_holds_for_its_boot_only() {
        let dir = tempfile::tempdir().unwrap();
        let found = Evidence { boot_id: BootId(7), cause: BootCause::Watchdog };
        save(dir.path(), &found).unwrap();
        assert_eq!(read_saved(dir.path(), BootId(7)), Some(found));
        assert_eq!(read_saved(dir.path(), BootId(8)), None);
    }

    #[test]
    fn a_mark_counts_once_and_for_another_boot() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!take_shutdown_mark(dir.path(), BootId(1)));
        mark_shutdown(dir.path(), BootId(1)).unwrap();
        assert!(!take_shutdown_mark(dir.path(), BootId(1)), "the running boot did not end yet");
        assert!(take_shutdown_mark(dir.path(), BootId(2)));
        assert!(!take_shutdown_mark(dir.path(), BootId(2)));
    }
}
