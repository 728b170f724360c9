//! Tests of how rollouts are made.

use std::collections::{BTreeMap, BTreeSet};

use wavegate_common::spec::Waiver;
use wavegate_common::{ExcludeReason, HostId, HostPhase, RolloutId, RolloutPhase, RolloutSpec};

use super::{PrepareError, Prepared, Proposal, prepare};
use crate::KnownBadEntry;
use crate::testbed::{Fleet, release, spec};

fn make(fleet: &Fleet, spec: &RolloutSpec, seed: u64) -> Result<Prepared, PrepareError> {
    prepare(&Proposal {
        id: RolloutId(1),
        spec,
        release: &release(),
        seed,
        now: fleet.now,
        by: "ann",
        inventory: &fleet.inventory,
        policy: &fleet.policy,
        known_bad: &fleet.known_bad,
        others: &fleet.rollouts,
    })
}

#[test]
fn every_class_has_its_canaries_spread_over_racks() {
    let fleet = Fleet::new(240, 12, 20);
    let prepared = make(&fleet, &spec(""), 3).unwrap();
    assert_eq!(prepared.coverage.len(), 12);
    for class in &prepared.coverage {
        assert_eq!((class.hosts, class.canaries.len()), (20, 5));
        let racks: BTreeSet<&str> = class
            .canaries
            .iter()
            .map(|id| fleet.inventory.get(*id).unwrap().labels["rack"].as_str())
            .collect();
        assert_eq!(racks.len(), 5, "{racks:?}");
    }
    assert_eq!(prepared, make(&fleet, &spec(""), 3).unwrap(), "the seed decides");
    assert_ne!(prepared.coverage, make(&fleet, &spec(""), 4).unwrap().coverage);
}

#[test]
fn waves_hold_their_share_and_meet_many_classes() {
    let fleet = Fleet::new(1_000, 10, 20);
    let rollout = make(&fleet, &spec(""), 3).unwrap().rollout;
    let mut waves: BTreeMap<u16, BTreeMap<u32, u64>> = BTreeMap::new();
    for host in &rollout.hosts {
        *waves.entry(host.wave).or_default().entry(host.class).or_default() += 1;
    }
    let sizes: Vec<u64> = waves.values().map(|classes| classes.values().sum()).collect();
    // 50 canaries, 10 held back, and 1, 5, 25, 100 % of the 940 between.
    assert_eq!(sizes, [50, 10, 37, 188, 705, 10]);
    for (wave, classes) in &waves {
        assert_eq!(classes.len(), 10, "wave {wave} misses a class");
    }
    assert!(rollout.waves[5].holdback);
    let shares: Vec<u32> = rollout.waves.iter().map(|wave| wave.share.0).collect();
    assert_eq!(shares, [50_000, 60_000, 97_000, 285_000, 990_000, 1_000_000]);
}

#[test]
fn a_class_without_enough_fit_hosts_needs_a_waiver() {
    let mut fleet = Fleet::new(40, 2, 5);
    for n in (1..40u128).step_by(2).skip(2) {
        fleet.alter(HostId(n + 1), |report| report.drift = vec!["sysctl".into()]);
    }
    let mut spec = spec("");
    let error = make(&fleet, &spec, 1).unwrap_err();
    let PrepareError::Uncovered { class, hosts, fit, needed } = &error else { panic!("{error}") };
    assert_eq!((*hosts, *fit, *needed), (20, 2, 3));
    let (class, by, reason) = (class.clone(), "ann".to_owned(), "lab hosts".to_owned());
    spec.canary.waive.push(Waiver { class: class.clone(), by, reason });
    let prepared = make(&fleet, &spec, 1).unwrap();
    let cover = prepared.coverage.iter().find(|cover| cover.class == class).unwrap();
    assert!(cover.canaries.is_empty() && cover.waived.is_some());
}

#[test]
fn unfit_hosts_are_no_canaries() {
    let mut fleet = Fleet::new(40, 1, 5);
    for n in 0..30u128 {
        fleet.alter(HostId(n + 1), |report| report.guard = vec!["hold".into()]);
    }
    let prepared = make(&fleet, &spec(""), 1).unwrap();
    assert!(prepared.coverage[0].canaries.iter().all(|id| id.0 > 30));
}

#[test]
fn nobody_chosen_is_an_error() {
    let fleet = Fleet::new(4, 1, 1);
    let mut nobody = spec("");
    nobody.selector = "role=none".parse().unwrap();
    assert!(matches!(make(&fleet, &nobody, 1), Err(PrepareError::NoHosts { .. })));
    let zone = spec("windows: [{from: '22:00', to: '04:00', zone: Mars/Olympus}]");
    assert!(matches!(make(&fleet, &zone, 1), Err(PrepareError::UnknownZone { index: 0, .. })));
}

#[test]
fn who_is_there_already_or_known_bad_takes_no_part() {
    let mut fleet = Fleet::new(10, 1, 2);
    fleet.alter(HostId(1), |report| report.boot.kernel = release().kernel);
    fleet.known_bad.entries.push(KnownBadEntry {
        release: release().key(),
        class: None,
        host: Some(HostId(2)),
        rollout: RolloutId(9),
        at: fleet.now,
        what: "panicked".into(),
    });
    let prepared = make(&fleet, &spec(""), 1).unwrap();
    let reasons: Vec<&ExcludeReason> = prepared.excluded.iter().map(|(_, why)| why).collect();
    assert!(matches!(reasons[..], [ExcludeReason::AlreadyThere, ExcludeReason::KnownBad { .. }]));
    // A new artifact under the same name is a new chance.
    let mut other = release();
    other.append.push("mitigations=auto".into());
    assert_ne!(other.key(), release().key());
}

#[test]
fn a_host_is_in_one_rollout_at_a_time() {
    let mut fleet = Fleet::new(10, 1, 2);
    fleet.start(&spec(""));
    assert!(matches!(make(&fleet, &spec(""), 1), Err(PrepareError::Busy { .. })));
}

#[test]
fn the_controllers_own_host_is_last() {
    let mut fleet = Fleet::new(100, 2, 5);
    fleet.policy.controller_host = Some(HostId(42));
    for seed in 0..20 {
        let rollout = make(&fleet, &spec(""), seed).unwrap().rollout;
        assert_eq!(usize::from(rollout.host(HostId(42)).unwrap().wave), rollout.waves.len() - 1);
    }
}

#[test]
fn a_large_rollout_waits_for_a_second_person() {
    let mut fleet = Fleet::new(100, 2, 5);
    fleet.policy.approval_above = Some(99);
    assert_eq!(make(&fleet, &spec(""), 1).unwrap().rollout.phase, RolloutPhase::Draft);
    fleet.policy.approval_above = Some(100);
    let rollout = make(&fleet, &spec(""), 1).unwrap().rollout;
    assert_eq!(rollout.phase, RolloutPhase::Canary);
    assert!(rollout.hosts.iter().all(|host| host.phase == HostPhase::Pending));
}
