//! Every script in `scenarios/` against the golden output beside it. `UPDATE=1` accepts what
//! comes out.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use wavegate_common::WaitingOn;
use wavegate_integration_tests::repl::Session;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn scripts() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut scripts: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "txt")).collect();
    scripts.sort();
    scripts
}

#[test]
fn every_script_says_what_it_said_before() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    for script in scripts() {
        let said = Session::new().script(&fs::read_to_string(&script).unwrap());
        let golden = script.with_extension("out");
        if update {
            fs::write(&golden, &said).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if said != expected {
            let pairs = said.lines().zip(expected.lines());
            let (at, _) = pairs.enumerate().find(|(_, (a, b))| a != b).unwrap_or((0, ("", "")));
            wrong.push(format!("{}: differs at line {}\n{said}", script.display(), at + 1));
        }
    }
    assert!(wrong.is_empty(), "run with UPDATE=1 to accept:\n{}", wrong.join("\n"));
}

#[test]
fn no_golden_output_is_an_orphan_too_wide_or_shows_a_broken_invariant() {
    for script in scripts() {
        let text = fs::read_to_string(script.with_extension("out")).unwrap();
        let wide = text.lines().find(|line| line.chars().count() > 100);
        assert_eq!(wide, None, "{}", script.display());
        let bad = text.lines().find(|l| l.starts_with("VIOLATION") || l.starts_with("error"));
        assert_eq!(bad, None, "{}", script.display());
    }
    let outs = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    for out in outs.filter(|path| path.extension().is_some_and(|end| end == "out")) {
        assert!(out.with_extension("txt").exists(), "{} has no script", out.display());
    }
}

#[test]
fn every_reason_to_wait_is_shown_by_a_scenario() {
    let all: String = scripts()
        .iter()
        .map(|script| fs::read_to_string(script.with_extension("out")).unwrap())
        .collect();
    for kind in WaitingOn::KINDS {
        assert!(all.contains(&format!("[{kind}]")), "no scenario shows `{kind}`");
    }
}
