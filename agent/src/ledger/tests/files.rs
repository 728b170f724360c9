use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wavegate_common::{CommandId, Generation};

use super::records;
use crate::ledger::{Ledger, LedgerError, Opened};
use crate::machine::Record;

const HEAD: usize = 16;

fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    (dir, path)
}

fn filled() -> (TempDir, PathBuf) {
    let (dir, path) = place();
    let mut opened = Ledger::open(&path).unwrap();
    for record in records() {
        opened.ledger.append(&record).unwrap();
    }
    (dir, path)
}

fn read(path: &Path) -> (Vec<Record>, bool) {
    let Opened { records, damaged, .. } = Ledger::open(path).unwrap();
    (records, damaged)
}

#[test]
fn a_new_ledger_is_empty_and_keeps_what_it_is_told() {
    let (_dir, path) = place();
    assert_eq!(read(&path), (Vec::new(), false));
    let (_dir, path) = filled();
    assert_eq!(read(&path), (records(), false));
}

#[test]
fn a_file_cut_anywhere_opens_and_goes_on() {
    let (_dir, path) = filled();
    let whole = fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let Opened { records: before, damaged, mut ledger } = Ledger::open(&path).unwrap();
        assert!(!damaged, "cut at {cut}");
        ledger.append(&Record::Seen { generation: Generation(77) }).unwrap();
        drop(ledger);
        let (after, damaged) = read(&path);
        assert!(!damaged, "cut at {cut}");
        assert_eq!(after[..before.len()], before, "cut at {cut}");
        assert_eq!(after.len(), before.len() + 1, "cut at {cut}");
    }
}

#[test]
fn a_hole_is_reported_and_the_file_left_alone() {
    let (_dir, path) = filled();
    let mut bytes = fs::read(&path).unwrap();
    bytes[HEAD + 40] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let Opened { records, damaged, mut ledger } = Ledger::open(&path).unwrap();
    assert!(damaged && records.is_empty());
    let error = ledger.append(&Record::Seen { generation: Generation(1) }).unwrap_err();
    assert!(matches!(error, LedgerError::Damaged(_)), "{error}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_file_of_another_kind_or_version_is_an_error_that_names_it() {
    let (_dir, path) = filled();
    let whole = fs::read(&path).unwrap();
    let mut newer = whole.clone();
    newer[HEAD - 1] = 2;
    let table: [(&[u8], &str); 3] = [
        (&newer, "format 2"),
        (b"{\"state\": \"idle\"}", "not a ledger"),
        (b"#!/bin/sh\n", "not a ledger"),
    ];
    for (bytes, words) in table {
        fs::write(&path, bytes).unwrap();
        let error = Ledger::open(&path).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert!(error.contains(&path.display().to_string()), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "left alone");
    }
}

#[test]
fn a_second_agent_is_kept_out() {
    let (_dir, path) = place();
    let first = Ledger::open(&path).unwrap();
    let error = Ledger::open(&path).unwrap_err();
    assert!(matches!(error, LedgerError::Locked(_)), "{error}");
    drop(first);
    assert!(Ledger::open(&path).is_ok());
}

#[test]
fn a_place_that_cannot_hold_it_is_an_error_that_names_it() {
    for path in ["/nonexistent/ledger", "/dev/full", "/dev"] {
        let error = Ledger::open(Path::new(path)).unwrap_err().to_string();
        assert!(error.contains(path) && error.starts_with("cannot "), "{error}");
    }
}

#[test]
fn a_record_too_long_is_refused_and_nothing_is_lost() {
    let (_dir, path) = filled();
    let mut opened = Ledger::open(&path).unwrap();
    let long = Record::Aborted { command: CommandId(1), reason: "x".repeat(70_000) };
    let error = opened.ledger.append(&long).unwrap_err();
    assert!(matches!(error, LedgerError::LongRecord { .. }), "{error}");
    opened.ledger.append(&records()[0]).unwrap();
    drop(opened);
    assert_eq!(read(&path).0.len(), 6);
}

#[test]
fn a_long_ledger_is_shortened_in_place_and_stays_usable() {
    let (_dir, path) = place();
    let mut opened = Ledger::open(&path).unwrap();
    let mut largest = 0;
    for n in 0..400u64 {
        // A leftover of an agent that died while shortening is in nobody's way.
        if n == 100 {
            fs::write(path.with_extension("new"), b"half a file").unwrap();
        }
        let (command, generation) = (CommandId(n.into()), Generation(n));
        opened.ledger.append(&Record::Seen { generation }).unwrap();
        opened.ledger.append(&Record::Aborted { command, reason: "x".repeat(8_000) }).unwrap();
        largest = largest.max(opened.ledger.size());
    }
    assert!(largest < 1_100_000, "{largest}");
    drop(opened);
    let (records, damaged) = read(&path);
    assert!(!damaged);
    let highest = records.iter().filter_map(|record| match record {
        Record::Seen { generation } => Some(generation.0),
        _ => None,
    });
    assert_eq!(highest.max(), Some(399));
    assert!(Ledger::open(&path).is_ok(), "the lock went with the file");
}
