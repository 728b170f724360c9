//! The forecast against fleets whose answer is known.

use std::sync::Arc;

use wavegate_common::{
    BootCause, BootId, BootRecord, CheckResult, Facts, Generation, Health, HostId, HostReport,
    Inventory, Labels, Millis, Release, ReleaseSource, RolloutId, RolloutSpec, Timestamp,
};
use wavegate_core::{KnownBad, Policy, Prepared, Proposal, prepare};

use super::{Forecast, forecast};

const NOW: Timestamp = Timestamp(1_780_315_200_000);

fn report(n: u32, racks: u32) -> HostReport {
    let rack = format!("r{:02}", n % racks);
    let model = ["one", "two", "three"][n as usize / racks as usize % 3];
    HostReport {
        host: HostId(u128::from(n) + 1),
        seq: 1,
        name: format!("h{n:05}"),
        labels: Labels::from([("rack".to_owned(), rack), ("role".to_owned(), "web".to_owned())]),
        facts: Facts { product: model.to_owned(), ..Facts::default() },
        boot: BootRecord {
            boot_id: BootId(u128::from(n) + 1),
            kernel: "old".into(),
            booted_at: NOW,
            cause: BootCause::First,
        },
        installed: vec!["old".into()],
        default_kernel: Some("old".into()),
        health: Health::of(vec![CheckResult {
            name: "units".into(),
            ok: true,
            detail: String::new(),
        }]),
        transaction: None,
        generation: Generation(0),
        guard: Vec::new(),
        no_kexec: Vec::new(),
        drift: Vec::new(),
    }
}

fn fleet(hosts: u32, racks: u32, policy: &Policy) -> Inventory {
    let mut inventory = Inventory::new();
    for n in 0..hosts {
        let report = Arc::new(report(n, racks));
        inventory.put_report(report, NOW, &policy.domain_keys, &policy.workload_key);
    }
    inventory
}

fn prepared(spec: &str, inventory: &Inventory, policy: &Policy) -> Prepared {
    let spec: RolloutSpec = serde_saphyr::from_str(spec).unwrap();
    let source = ReleaseSource::Package { package: "linux-image-new".into(), version: None };
    let release = Release { name: "new".into(), kernel: "new".into(), source, append: Vec::new() };
    prepare(&Proposal {
        id: RolloutId(1),
        spec: &spec,
        release: &release,
        seed: 7,
        now: NOW,
        by: "ada",
        inventory,
        policy,
        known_bad: &KnownBad::default(),
        others: &[],
    })
    .unwrap()
}

const SPEC: &str = "name: june\nrelease: new\nselector: '*'\nbake: 10m\n";

fn of(spec: &str, hosts: u32, racks: u32) -> Forecast {
    let policy = Policy::default();
    let inventory = fleet(hosts, racks, &policy);
    forecast(&prepared(spec, &inventory, &policy), &policy, &inventory, NOW)
}

#[test]
fn a_healthy_fleet_gets_there() {
    let forecast = of(SPEC, 120, 10);
    assert_eq!(forecast.unreached, 0, "{forecast:?}");
    assert!(forecast.p50 <= forecast.p90);
    // Five bakes of ten minutes are the least that it takes.
    assert!(forecast.p50 > Millis::mins(40), "{forecast:?}");
    assert!(forecast.p90 < Millis::hours(12), "{forecast:?}");
}

#[test]
fn the_same_question_gets_the_same_answer() {
    assert_eq!(of(SPEC, 60, 10), of(SPEC, 60, 10));
}

#[test]
fn peaks_stay_within_the_budget() {
    // 10 % of the twelve hosts of a rack is one.
    let forecast = of(SPEC, 120, 10);
    assert_eq!(forecast.peak_down_by_domain.len(), 10, "{forecast:?}");
    assert!(forecast.peak_down_by_domain.iter().all(|(_, most)| *most == 1), "{forecast:?}");
}

#[test]
fn longer_bakes_take_longer() {
    let short = of(SPEC, 60, 10).p50;
    let long = of(&SPEC.replace("10m", "1h"), 60, 10).p50;
    assert!(long.0 > short.0 + Millis::mins(50).0, "{short} {long}");
}

#[test]
fn a_silent_host_is_never_reached() {
    let policy = Policy::default();
    let mut inventory = fleet(60, 10, &policy);
    let spec = prepared(SPEC, &inventory, &policy);
    inventory.set_hold(
        HostId(1),
        Some(wavegate_common::inventory::Hold { by: "ada".into(), reason: "mine".into() }),
    );
    let forecast = forecast(&spec, &policy, &inventory, NOW);
    assert!(forecast.unreached >= 1, "{forecast:?}");
}

#[test]
fn a_large_fleet_does_not_keep_people_waiting() {
    // Unoptimised code gets a small part of the fleet.
    let racks = if cfg!(debug_assertions) { 5 } else { 125 };
    let begun = std::time::Instant::now();
    let forecast = of(SPEC, racks * 40, racks);
    assert_eq!(forecast.unreached, 0);
    // A second or two on an idle core; a busy machine gets some more.
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
}
