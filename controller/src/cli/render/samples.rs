//! Values for tests of pages.

use std::collections::BTreeMap;

use wavegate_common::view::{
    Choice, ClassCount, ClassHosts, Coverage, DomainLoad, ExcludedHost, HarmedHost, HostCounts,
    HostInRollout, HostPage, HostRef, HostStanding, HostView, HostWhyView, PlanView, PlanWave,
    RolloutView, RolloutWhyView, Standing, WaitGroup, WaitView, WaveView,
};
use wavegate_common::{
    BootCause, BootId, BootRecord, CheckResult, CommandId, Digest, ExcludeReason, FailReason,
    FailStep, FailureDomain, Finding, Generation, Health, HealthState, HostClass, HostId,
    HostPhase, HostReport, Metric, Millis, PauseReason, Release, ReleaseSource, RolloutId,
    RolloutPhase, RolloutSpec, Scope, Share, Timestamp, Verdict, WaitingOn,
};

/// 2026-06-01 12:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp(1_780_315_200_000);

/// Compares with `golden/NAME.txt`; with WAVEGATE_BLESS set it writes the file instead.
pub(crate) fn golden(name: &str, text: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cli/render/golden");
    let path = format!("{folder}/{name}.txt");
    if std::env::var_os("WAVEGATE_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, known, "differs from {path}; WAVEGATE_BLESS=1 accepts it");
    let page = super::table::PAGE;
    for line in text.lines() {
        assert!(line.chars().count() <= page, "wider than the page: {line}");
    }
}

const CLASS: &str = "dell-inc.-poweredge-r640/intel-xeon-gold-6130/mlx5_core/nvme/web";

fn ago(secs: i64) -> Timestamp {
    Timestamp(NOW.0 - secs * 1_000)
}

fn rack(value: &str) -> FailureDomain {
    FailureDomain { key: "rack".into(), value: value.into() }
}

fn release() -> Release {
    Release {
        name: "6.1.0-56".into(),
        kernel: "6.1.0-56-amd64".into(),
        source: ReleaseSource::Package {
            package: "linux-image-6.1.0-56-amd64".into(),
            version: None,
        },
        append: Vec::new(),
    }
}

fn fell_back() -> HostPhase {
    HostPhase::Failed {
        step: FailStep::Boot,
        reason: FailReason::FellBack { evidence: "Kernel panic - not syncing: VFS".into() },
    }
}

fn finding() -> Finding {
    Finding {
        metric: Metric::FellBack,
        class: Some(CLASS.into()),
        name: None,
        effect_ppm: 1_000_000,
        interval_ppm: (25_000, 1_000_000),
        evidence: format!("1 of 1 hosts of {CLASS} did not come up on the new kernel"),
        hosts: vec![HostId(1)],
    }
}

fn gate_closed() -> RolloutPhase {
    RolloutPhase::Paused {
        resume_to: Box::new(RolloutPhase::Canary),
        reason: PauseReason::Gate {
            wave: 0,
            scope: Scope::Class(HostClass::from(CLASS)),
            findings: vec![finding()],
        },
    }
}

/// A rollout that the gate of the canary stage has paused.
pub(crate) fn paused() -> RolloutView {
    let spec: RolloutSpec =
        serde_json::from_str(r#"{"name":"first-light","release":"6.1.0-56","selector":"*"}"#)
            .unwrap();
    let wave = |index, share, hosts, updated, verdict: Option<Verdict>| WaveView {
        index,
        share: Share(share),
        hosts,
        updated,
        under_way: 0,
        harmed: u64::from(index == 0),
        verdict: verdict.as_ref().map(|verdict| verdict.name().to_owned()),
        verdict_detail: verdict,
    };
    let fail =
        Verdict::Fail { scope: Scope::Class(HostClass::from(CLASS)), findings: vec![finding()] };
    RolloutView {
        id: RolloutId(1),
        name: "first-light".into(),
        release: release(),
        standing: Standing::of(gate_closed()),
        generation: Generation(42),
        seed: 7,
        created_by: "admin".into(),
        created_at: ago(600),
        changed_at: ago(125),
        hosts: HostCounts {
            total: 240,
            updated: 33,
            failed: 1,
            pending: 206,
            ..HostCounts::default()
        },
        waves: vec![
            wave(0, 150_000, 36, 33, Some(fail)),
            wave(1, 200_000, 12, 0, None),
            wave(2, 1_000_000, 192, 0, None),
        ],
        classes: vec![
            ClassCount {
                class: CLASS.into(),
                total: 20,
                updated: 0,
                harmed: 1,
                blocked: Some(finding().evidence),
            },
            ClassCount {
                class: "hpe-proliant-dl360-gen10/x/y/z/web".into(),
                total: 20,
                updated: 3,
                harmed: 0,
                blocked: None,
            },
        ],
        down_by_domain: vec![DomainLoad { domain: rack("ams-r01"), down: 1, max: Some(3) }],
        waiting: Some(WaitView::new(
            WaitingOn::Paused { reason: "the gate of wave 0 closed".into() },
            ago(125),
        )),
        spec,
        report: None,
    }
}

/// Why [`paused`] is paused.
pub(crate) fn rollout_why() -> RolloutWhyView {
    let view = paused();
    let name = view.name.clone();
    RolloutWhyView {
        id: view.id,
        name: name.clone(),
        text: format!("The gate of the canary stage closed: {}.", finding().evidence),
        standing: view.standing,
        since: Some(ago(125)),
        waiting: view.waiting,
        findings: vec![finding()],
        harmed: vec![HarmedHost {
            id: HostId(1),
            name: "web-ams-r01-01".into(),
            class: CLASS.into(),
            domains: vec![rack("ams-r01")],
            standing: HostStanding::of(fell_back()),
        }],
        shared: vec![format!("class={CLASS}")],
        done: vec!["the class is blocked: no host of it begins any more".into()],
        choices: vec![
            Choice {
                command: format!("wavegate rollout resume {name} --reason '...'"),
                effect: "the other classes go on; this class stays out".into(),
            },
            Choice {
                command: format!("wavegate rollout rollback {name} --reason '...'"),
                effect: "the 33 hosts that moved go back to the kernel they came from".into(),
            },
        ],
        waits: vec![WaitGroup {
            waiting: WaitView::new(
                WaitingOn::Paused { reason: "the gate closed".into() },
                ago(125),
            ),
            count: 206,
            hosts: Vec::new(),
        }],
    }
}

fn part(phase: HostPhase) -> HostInRollout {
    HostInRollout {
        rollout: RolloutId(1),
        rollout_name: "first-light".into(),
        wave: 0,
        standing: HostStanding::of(phase),
        came_from: Some("6.1.0-54-amd64".into()),
    }
}

/// A host that fell back from the new kernel.
pub(crate) fn fallen_host() -> HostView {
    let checks = vec![CheckResult {
        name: "units".into(),
        ok: false,
        detail: "nginx.service failed".into(),
    }];
    let report = HostReport {
        host: HostId(1),
        seq: 9,
        name: "web-ams-r01-01".into(),
        labels: BTreeMap::from([("role".into(), "web".into()), ("rack".into(), "ams-r01".into())]),
        facts: wavegate_common::Facts::default(),
        boot: BootRecord {
            boot_id: BootId(5),
            kernel: "6.1.0-54-amd64".into(),
            booted_at: ago(130),
            cause: BootCause::FellBack {
                command: CommandId(3),
                evidence: "Kernel panic - not syncing: VFS: Unable to mount root fs\nCPU: 3 PID: 1"
                    .into(),
            },
        },
        installed: vec!["6.1.0-54-amd64".into(), "6.1.0-56-amd64".into()],
        default_kernel: Some("6.1.0-54-amd64".into()),
        health: Health::of(checks),
        transaction: None,
        generation: Generation(42),
        guard: vec!["hold file".into()],
        no_kexec: vec!["kernel lockdown".into()],
        drift: Vec::new(),
    };
    HostView {
        id: HostId(1),
        name: report.name.clone(),
        class: CLASS.into(),
        domains: vec![rack("ams-r01")],
        labels: report.labels.clone(),
        kernel: Some("6.1.0-54-amd64".into()),
        health: HealthState::Unhealthy,
        last_seen: Some(ago(2)),
        connected: true,
        hold: None,
        rollout: Some(part(fell_back())),
        waiting: Some(WaitView::new(
            WaitingOn::Failed { what: "boot: came back on the old kernel".into() },
            ago(125),
        )),
        report: Some(report),
    }
}

/// Some hosts.
pub(crate) fn host_page() -> HostPage {
    let mut idle = fallen_host();
    (idle.id, idle.name) = (HostId(2), "db-fra-r02-11".into());
    (idle.rollout, idle.waiting, idle.report) = (None, None, None);
    (idle.health, idle.last_seen) = (HealthState::Healthy, None);
    HostPage { hosts: vec![fallen_host(), idle], next: None, total: 2 }
}

/// Why a host waits.
pub(crate) fn host_why() -> HostWhyView {
    let on = WaitingOn::FailureDomainBusy { domain: rack("ams-r01"), down: 3, max: 3 };
    let wait = WaitView::new(on, ago(40));
    HostWhyView {
        host: HostId(1),
        name: "web-ams-r01-01".into(),
        rollout: Some(part(HostPhase::Staged)),
        text: format!("web-ams-r01-01 waits in rollout r1: {}", wait.text),
        waiting: Some(wait),
        next: Some("wavegate host show web-ams-r01-01".into()),
    }
}

/// A plan.
pub(crate) fn plan() -> PlanView {
    let wave = |index, share, hosts| PlanWave {
        index,
        share: Share(share),
        hosts,
        classes: vec![ClassHosts { class: CLASS.into(), hosts }],
    };
    PlanView {
        hash: Digest([0xab; 32]),
        name: "first-light".into(),
        release: release(),
        hosts: 240,
        seed: 7,
        waves: vec![wave(0, 150_000, 36), wave(1, 200_000, 12), wave(2, 1_000_000, 192)],
        holdback: 0,
        coverage: vec![Coverage {
            class: CLASS.into(),
            hosts: 20,
            canaries: vec![HostRef { id: HostId(1), name: "web-ams-r01-01".into() }],
            waived: None,
        }],
        peak_down: vec![DomainLoad { domain: rack("ams-r01"), down: 3, max: Some(3) }],
        p50: Some(Millis::mins(75)),
        p90: Some(Millis::mins(92)),
        unreached: 2,
        excluded: vec![ExcludedHost {
            id: HostId(9),
            name: "db-fra-r02-11".into(),
            reason: ExcludeReason::AlreadyThere,
        }],
        warnings: vec!["class x has no spare capacity in wave 2".into()],
        needs_approval: false,
    }
}
