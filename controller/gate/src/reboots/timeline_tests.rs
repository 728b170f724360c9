use super::*;
use crate::reboots::Span;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn host(arm: Arm, rack: Option<&str>, reboots: &[i64]) -> HostLog {
    let domain = |value: &str| FailureDomain { key: "rack".into(), value: value.into() };
    HostLog {
        class: "a".into(),
        domains: rack.map(domain).into_iter().collect(),
        spans: vec![Span { arm, start: 0, end: None }],
        reboots: reboots.to_vec(),
    }
}

fn run(hosts: &[HostLog], now: i64) -> Vec<Step> {
    let members: Vec<usize> = (0..hosts.len()).collect();
    steps(hosts, &members, now)
}

/// `canaries` and `controls` without a reboot.
fn fleet(
    canaries: usize,
    controls: usize,
    rack: impl Fn(usize) -> Option<&'static str>,
) -> Vec<HostLog> {
    (0..canaries + controls)
        .map(|k| host(if k < canaries { Arm::Canary } else { Arm::Control }, rack(k), &[]))
        .collect()
}

#[test]
fn a_host_counts_once_and_leaves_the_risk_set() {
    let mut hosts = fleet(2, 8, |_| None);
    hosts[0].reboots = vec![HOUR, 2 * HOUR, 3 * HOUR];
    hosts[5].reboots = vec![4 * HOUR];
    let found = run(&hosts, 9 * HOUR);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].draw, Draw { canaries: 2, controls: 8, failed: 1 });
    assert_eq!((found[0].canaries, found[0].settled), (1, HOUR + 10 * MINUTE));
    assert_eq!(found[1].draw, Draw { canaries: 1, controls: 8, failed: 1 });
    assert_eq!(found[1].canaries, 0);
}

#[test]
fn what_is_not_settled_does_not_count_yet() {
    let mut hosts = fleet(2, 8, |_| None);
    hosts[0].reboots = vec![HOUR];
    assert!(run(&hosts, HOUR + 9 * MINUTE).is_empty());
    assert_eq!(run(&hosts, HOUR + 10 * MINUTE).len(), 1);
}

#[test]
fn hosts_are_at_risk_only_while_watched() {
    let mut hosts = fleet(2, 8, |_| None);
    hosts[0].spans[0].start = 2 * HOUR;
    hosts[0].reboots = vec![HOUR];
    hosts[9].spans[0].end = Some(HOUR);
    hosts[9].reboots = vec![3 * HOUR];
    hosts[5].reboots = vec![90 * MINUTE];
    let found = run(&hosts, 9 * HOUR);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].draw, Draw { canaries: 1, controls: 7, failed: 1 });
}

#[test]
fn failures_at_one_instant_are_one_step() {
    let mut hosts = fleet(3, 40, |_| None);
    for at in [0, 1, 20] {
        hosts[at].reboots = vec![HOUR];
    }
    let found = run(&hosts, 9 * HOUR);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].draw, Draw { canaries: 3, controls: 40, failed: 3 });
    assert_eq!((found[0].canaries, found[0].kind), (2, Kind::Failures));
}

#[test]
fn a_power_cut_is_one_event_and_leaves_the_others_at_risk() {
    let mut hosts = fleet(4, 36, |_| None);
    for (at, host) in hosts.iter_mut().enumerate().filter(|(at, _)| at % 2 == 0) {
        host.reboots = vec![HOUR + at as i64 * 1_000];
    }
    let found = run(&hosts, 9 * HOUR);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].kind, Kind::Ambient);
    assert_eq!(found[0].draw, Draw { canaries: 4, controls: 36, failed: 1 });
    assert_eq!((found[0].canaries, found[0].hosts.len()), (1, 20));
    // One of them fails again: it still counts.
    hosts[2].reboots.push(3 * HOUR);
    let again = run(&hosts, 9 * HOUR);
    assert_eq!(again[1].draw, Draw { canaries: 3, controls: 36, failed: 1 });
    assert_eq!(again[1].canaries, 1);
}

#[test]
fn a_burst_of_canaries_counts_in_full() {
    let mut hosts = fleet(6, 44, |_| None);
    for host in hosts.iter_mut().take(6) {
        host.reboots = vec![HOUR];
    }
    let found = run(&hosts, 9 * HOUR);
    assert!(matches!(found[0].kind, Kind::Guilty { from } if from <= 4), "{:?}", found[0].kind);
    assert_eq!((found[0].canaries, found[0].draw.failed), (6, 6));
}

#[test]
fn a_rack_is_judged_by_its_own_hosts() {
    let rack = |k: usize| Some(if k < 10 { "r1" } else { "r2" });
    // Rack r1 is all canaries, three more stand in r2; r1 loses its power.
    let mut hosts = fleet(13, 87, rack);
    for host in hosts.iter_mut().take(10) {
        host.reboots = vec![HOUR];
    }
    assert_eq!(run(&hosts, 9 * HOUR)[0].kind, Kind::Ambient);
    // All canaries stand in r1: nothing tells the kernel from the rack.
    let mut alone = fleet(10, 90, rack);
    for host in alone.iter_mut().take(10) {
        host.reboots = vec![HOUR];
    }
    assert!(matches!(run(&alone, 9 * HOUR)[0].kind, Kind::Guilty { .. }));
    // Half of a mixed rack, and only the canaries: the kernel.
    let mixed = |k: usize| Some(if k.is_multiple_of(2) { "r1" } else { "r2" });
    let mut hosts = fleet(12, 28, mixed);
    for host in hosts.iter_mut().take(12).step_by(2) {
        host.reboots = vec![HOUR];
    }
    let found = run(&hosts, 9 * HOUR);
    assert!(matches!(found[0].kind, Kind::Guilty { .. }));
    assert_eq!(found[0].draw, Draw { canaries: 6, controls: 14, failed: 6 });
}

#[test]
fn which_of_several_stands_for_a_burst_does_not_follow_their_order() {
    let chosen =
        (0..200).map(|hour| (0..20_usize).min_by_key(|&host| lot(host, hour * HOUR)).unwrap());
    let mut counts = [0; 20];
    chosen.for_each(|host| counts[host] += 1);
    assert!(counts.iter().all(|&count| count < 30), "{counts:?}");
}
