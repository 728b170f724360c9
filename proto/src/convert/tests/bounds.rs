//! What is too large, unknown or out of range is refused and named.

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use wavegate_common::health::CheckResult;
use wavegate_common::report::{BootCause, HostReport};

use super::draw::{HOST, command, report};
use super::draw_rollout::spec;
use crate::convert::host::{report as read, write_report};
use crate::convert::{At, Invalid, OnWire};
use crate::operator::ask::{PauseRollout, Reason};
use crate::wire;

fn sample() -> HostReport {
    report().new_tree(&mut TestRunner::deterministic()).unwrap().current()
}

/// What reading says of a report that was changed on the wire.
fn said(change: impl FnOnce(&mut wire::HostReport)) -> Option<String> {
    let mut wire = write_report(&sample());
    change(&mut wire);
    read(HOST, wire, &At::root("report")).err().map(|invalid| invalid.to_string())
}

#[test]
fn a_missing_boot_id_is_named() {
    let missing = said(|wire| wire.boot.as_mut().unwrap().boot_id.clear());
    assert_eq!(missing.as_deref(), Some("report.boot.boot_id: missing"));
    let short = said(|wire| wire.boot.as_mut().unwrap().boot_id.truncate(15));
    assert_eq!(short.as_deref(), Some("report.boot.boot_id: 15 bytes, but it must be 16"));
}

#[test]
fn what_a_report_must_have() {
    assert_eq!(said(|_| {}), None);
    assert_eq!(said(|wire| wire.name.clear()).unwrap(), "report.name: missing");
    assert_eq!(said(|wire| wire.boot = None).unwrap(), "report.boot: missing");
    let kernel = said(|wire| wire.boot.as_mut().unwrap().kernel.clear()).unwrap();
    assert_eq!(kernel, "report.boot.kernel: missing");
    let installed = said(|wire| wire.installed = vec!["a".into(), String::new()]).unwrap();
    assert_eq!(installed, "report.installed[1]: missing");
    let health = said(|wire| wire.health.as_mut().unwrap().state = 0).unwrap();
    assert_eq!(health, "report.health.state: missing");
    let health = said(|wire| wire.health.as_mut().unwrap().state = 9).unwrap();
    assert_eq!(health, "report.health.state: 9 is not a value known here");
}

#[test]
fn a_kind_of_a_newer_peer_is_refused() {
    let cause = wire::BootCause { kind: None };
    let said = said(|wire| wire.boot.as_mut().unwrap().cause = Some(cause)).unwrap();
    assert_eq!(said, "report.boot.cause: missing, or of a kind not known here");
}

#[test]
fn what_is_too_large_is_refused() {
    let name = said(|wire| wire.name = "x".repeat(254)).unwrap();
    assert_eq!(name, "report.name: 254 bytes, but at most 253 are let in");
    let drift = said(|wire| wire.drift = vec!["x".repeat(4097)]).unwrap();
    assert_eq!(drift, "report.drift[0]: 4097 bytes, but at most 4096 are let in");
    let labels = said(|wire| {
        wire.labels = (0..65).map(|i| (format!("k{i}"), String::new())).collect();
    });
    assert_eq!(labels.unwrap(), "report.labels: 65 labels, but at most 64 are let in");
    let long = said(|wire| drop(wire.labels.insert("k".into(), "x".repeat(254)))).unwrap();
    assert!(long.starts_with("report.labels: key and value of `k`"), "{long}");
    let check = CheckResult { name: "c".into(), ok: true, detail: String::new() };
    let checks =
        said(|wire| wire.health.as_mut().unwrap().checks = vec![check; 129].write()).unwrap();
    assert_eq!(checks, "report.health.checks: 129 entries, but at most 128 are let in");
    let guard = said(|wire| wire.guard = vec![String::new(); 1025]).unwrap();
    assert_eq!(guard, "report.guard: 1025 entries, but at most 1024 are let in");
}

#[test]
fn evidence_may_be_longer_than_other_text() {
    let cause = |length| BootCause::Panic { evidence: "x".repeat(length) }.write();
    assert_eq!(said(|wire| wire.boot.as_mut().unwrap().cause = cause(16 << 10)), None);
    let long = said(|wire| wire.boot.as_mut().unwrap().cause = cause((16 << 10) + 1)).unwrap();
    assert!(long.starts_with("report.boot.cause.panic.evidence: 16385 bytes"), "{long}");
}

#[test]
fn an_artifact_stays_in_its_directory() {
    for (file, ok) in [
        ("linux-image_6.1+1~b.deb", true),
        ("../passwd", false),
        ("a/b", false),
        (".hidden", false),
        ("", false),
        ("a\nb", false),
    ] {
        let mut wire: wire::Command =
            command().new_tree(&mut TestRunner::deterministic()).unwrap().current().write();
        let source = wire::ReleaseSource {
            kind: Some(wire::release_source::Kind::Artifact(wire::release_source::Artifact {
                digest: vec![7; 32],
                size: 1,
                file: file.to_owned(),
            })),
        };
        let release = wire::Release {
            name: "n".into(),
            kernel: "k".into(),
            source: Some(source),
            append: Vec::new(),
        };
        let stage = wire::action::Stage { release: Some(release) };
        wire.action = Some(wire::Action { kind: Some(wire::action::Kind::Stage(stage)) });
        let read = wavegate_common::Command::read(wire, &At::root("command"));
        assert_eq!(read.is_ok(), ok, "{file}");
        if let Err(invalid) = read {
            assert_eq!(invalid.field, "command.action.stage.release.source.artifact.file");
        }
    }
}

#[test]
fn numbers_out_of_range_are_refused() {
    let mut wire: wire::RolloutSpec =
        spec().new_tree(&mut TestRunner::deterministic()).unwrap().current().write();
    let said = |change: &dyn Fn(&mut wire::RolloutSpec)| -> Invalid {
        let mut wire = wire.clone();
        change(&mut wire);
        wavegate_common::RolloutSpec::read(wire, &At::root("spec")).unwrap_err()
    };
    assert_eq!(said(&|wire| wire.holdback = 1_000_001).field, "spec.holdback");
    assert_eq!(said(&|wire| wire.waves = vec![1, 2_000_000]).field, "spec.waves[1]");
    assert_eq!(said(&|wire| wire.selector.clear()).field, "spec.selector");
    let bad = said(&|wire| wire.selector = "role in".into());
    assert!(bad.problem.contains("column"), "{bad}");
    let night = wire::Window { days: vec![1], from: 1441, to: 0, zone: "UTC".into() };
    wire.windows = vec![night];
    let invalid = wavegate_common::RolloutSpec::read(wire, &At::root("spec")).unwrap_err();
    assert_eq!(invalid.field, "spec.windows[0].from");
}

#[test]
fn whatever_changes_something_needs_a_reason() {
    assert!(Reason::new("  \n").is_err());
    assert_eq!(Reason::new(" disks ").unwrap().as_str(), "disks");
    let ask = wire::PauseRollout { rollout: "r1".into(), reason: " ".into() };
    let refused = PauseRollout::read(ask, &At::root("request")).unwrap_err();
    assert_eq!(refused.field, "request.reason");
}
