//! The shape of the workspace, held by a test: arrows between crates, sizes, module docs, and a
//! line in the decisions for each dependency.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Who may see whom, as normal dependencies. What is not here must not be.
const ARROWS: &[(&str, &str, &[&str])] = &[
    ("common", "wavegate-common", &[]),
    ("controller/gate", "wavegate-gate", &["wavegate-common"]),
    ("controller/core", "wavegate-core", &["wavegate-common", "wavegate-gate"]),
    ("proto", "wavegate-proto", &["wavegate-common"]),
    ("agent", "wavegate-agent", &["wavegate-common", "wavegate-proto"]),
    ("agent/actuator", "wavegate-actuator", &["wavegate-common"]),
    (
        "integration-tests/simfleet",
        "wavegate-simfleet",
        &["wavegate-agent", "wavegate-common", "wavegate-proto"],
    ),
    (
        "controller",
        "wavegate-controller",
        &[
            "wavegate-agent",
            "wavegate-common",
            "wavegate-core",
            "wavegate-gate",
            "wavegate-proto",
            "wavegate-simfleet",
        ],
    ),
];

/// What the pure crates must not see, whoever brings it.
const IMPURE: &[&str] = &["tokio", "tonic", "prost", "rand", "rusqlite", "nix", "tracing"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Names under `[dependencies]` of a manifest.
fn dependencies(manifest: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(manifest).unwrap();
    section(&text, "[dependencies]")
}

fn section(text: &str, header: &str) -> BTreeSet<String> {
    text.lines()
        .skip_while(|line| line.trim() != header)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn arrows_between_crates() {
    for (folder, name, allowed) in ARROWS {
        let seen = dependencies(&root().join(folder).join("Cargo.toml"));
        let ours: Vec<&String> = seen.iter().filter(|dep| dep.starts_with("wavegate-")).collect();
        for dep in ours {
            assert!(allowed.contains(&dep.as_str()), "{name} must not see {dep}");
        }
        if ["wavegate-common", "wavegate-gate", "wavegate-core"].contains(name) {
            for dep in &seen {
                assert!(!IMPURE.contains(&dep.as_str()), "{name} must not see {dep}");
            }
        }
    }
}

#[test]
fn the_actuator_has_neither_runtime_nor_network() {
    let seen = dependencies(&root().join("agent/actuator/Cargo.toml"));
    for dep in ["tokio", "tonic", "hyper", "rustls"] {
        assert!(!seen.contains(dep), "the actuator must not see {dep}");
    }
}

#[test]
fn every_dependency_has_a_line_in_the_decisions() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let decisions =
        std::fs::read_to_string(root().join("docs/decisions/0002-dependencies.md")).unwrap();
    let words: BTreeSet<&str> =
        decisions.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').collect();
    for dep in section(&manifest, "[workspace.dependencies]") {
        let known = dep.starts_with("wavegate-") || words.contains(dep.as_str());
        assert!(known, "{dep} has no line in docs/decisions/0002-dependencies.md");
    }
}

/// Every Rust file of the workspace with its text.
fn sources() -> BTreeMap<PathBuf, String> {
    let mut out = BTreeMap::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                out.insert(path, text);
            }
        }
    }
    out
}

#[test]
fn files_are_small() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= 500, "{} has {lines} lines; cut it up", path.display());
    }
}

#[test]
fn mod_files_hold_no_logic() {
    for (path, text) in sources() {
        if path.ends_with("mod.rs") && !path.to_string_lossy().contains("/tests/") {
            let logic = text.lines().any(|line| {
                let line = line.trim_start();
                line.starts_with("fn ") || line.starts_with("pub fn ") || line.starts_with("impl ")
            });
            assert!(!logic, "{} holds logic; give it a file with a name", path.display());
        }
    }
}

#[test]
fn every_module_says_what_it_is() {
    for (path, text) in sources() {
        let test = path.to_string_lossy().contains("test");
        assert!(test || text.starts_with("//!"), "{} lacks a module doc", path.display());
    }
}

#[test]
fn nothing_is_left_open() {
    // Spelled in two parts, so that this file does not find itself.
    let words =
        [["FIX", "ME"], ["XX", "X:"], ["todo", "!("], ["unimplemented", "!("], ["#[ig", "nore"]];
    for (path, text) in sources() {
        for word in &words {
            let word = word.concat();
            assert!(!text.contains(&word), "{} holds {word}", path.display());
        }
    }
}
