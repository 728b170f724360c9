//! The gate as a whole, on simulated fleets.

use super::ranksum::Nulls;
use super::simulate::Noise;
use super::*;

/// A class of single-sample hosts: each stands somewhere (sd 2 %) and moves by noise (sd 0.5 %),
/// canaries by `effect` more.
fn class(noise: &mut Noise, canaries: usize, controls: usize, effect: f64) -> ClassRows {
    let mut hosts = Vec::new();
    for i in 0..canaries + controls {
        let canary = i < canaries;
        let stands = 100.0 * (0.02 * noise.normal()).exp();
        let moves = (0.005 * noise.normal()).exp() * if canary { 1.0 + effect } else { 1.0 };
        hosts.push(HostRows {
            host: format!("h{i}"),
            arm: if canary { Arm::Canary } else { Arm::Control },
            order: canary.then_some(i as u64 + 1),
            samples: vec![Sample { slot: 0, before: Some(stands), after: Some(stands * moves) }],
        });
    }
    ClassRows { class: "c".into(), slotted: false, hosts, faults: vec![] }
}

fn lower() -> Plan {
    Plan::new(Better::Lower)
}

fn share(trials: usize, mut fails: impl FnMut() -> bool) -> f64 {
    (0..trials).filter(|_| fails()).count() as f64 / trials as f64
}

#[test]
fn no_change_is_paused_in_at_most_one_of_a_hundred() {
    let mut noise = Noise::new(1);
    for (canaries, controls) in [(5, 20), (20, 40), (4, 5), (30, 60)] {
        let paused = share(400, || {
            judge_class(&lower(), &class(&mut noise, canaries, controls, 0.0)).verdict == Call::Fail
        });
        // Three standard errors of 1 % in 400 trials are another 1.5 %.
        assert!(paused <= 0.025, "{canaries} against {controls}: {paused}");
    }
}

#[test]
fn worse_by_what_is_tolerated_is_not_paused() {
    let mut noise = Noise::new(2);
    let plan = Plan { min_effect: 0.02, ..lower() };
    let paused =
        share(500, || judge_class(&plan, &class(&mut noise, 20, 60, 0.02)).verdict == Call::Fail);
    assert!(paused <= 0.025, "{paused}");
}

#[test]
fn looking_after_every_host_is_paid_for() {
    let mut noise = Noise::new(3);
    let paused = share(100, || {
        let all = class(&mut noise, 25, 50, 0.0);
        (1..=25).any(|n| {
            let hosts = all.hosts.iter().enumerate();
            let hosts = hosts.filter(|(i, _)| *i < n || *i >= 25).map(|(_, h)| h.clone());
            let some = ClassRows { hosts: hosts.collect(), ..all.clone() };
            judge_class(&lower(), &some).verdict == Call::Fail
        })
    });
    assert!(paused <= 0.04, "{paused}");
}

#[test]
fn a_slower_kernel_is_found_and_a_sound_one_passes() {
    let mut noise = Noise::new(4);
    let found = share(200, || {
        let judged = judge_class(&lower(), &class(&mut noise, 5, 40, 0.05));
        judged.verdict == Call::Fail && judged.decided_at_host.is_some_and(|n| n <= 5)
    });
    assert!(found >= 0.99, "{found}");
    let passed =
        share(200, || judge_class(&lower(), &class(&mut noise, 5, 40, 0.0)).verdict == Call::Pass);
    assert!(passed >= 0.95, "{passed}");
}

#[test]
fn intervals_hold_the_truth() {
    let mut noise = Noise::new(5);
    let missed = share(400, || {
        let judged = judge_class(&lower(), &class(&mut noise, 10, 40, 0.01));
        let (low, high) = judged.interval;
        !(low.unwrap() <= 0.01 && 0.01 <= high.unwrap())
    });
    // The upper side may miss in a tenth, shared over looks.
    assert!(missed <= 0.06, "{missed}");
}

#[test]
fn higher_is_better_turns_everything_round() {
    let mut noise = Noise::new(6);
    let plan = Plan::new(Better::Higher);
    let slow = judge_class(&plan, &class(&mut noise, 5, 40, -0.05));
    assert_eq!(slow.verdict, Call::Fail);
    let (low, high) = (slow.interval.0.unwrap(), slow.interval.1.unwrap());
    assert!(low < slow.effect.unwrap() && slow.effect.unwrap() < high && high < 0.0, "{slow:?}");
    let fast = judge_class(&plan, &class(&mut noise, 5, 40, 0.05));
    assert_eq!(fast.verdict, Call::Pass);
    assert!(fast.too_good, "{fast:?}");
}

#[test]
fn a_class_too_small_for_ranks_still_stops_what_is_plain() {
    let mut noise = Noise::new(7);
    let judged = judge_class(&lower(), &class(&mut noise, 5, 4, 0.10));
    assert_eq!(judged.verdict, Call::Fail, "{judged:?}");
    assert!(judged.notes.iter().any(|note| note.contains("t test")), "{judged:?}");
    let few = judge_class(&lower(), &class(&mut noise, 2, 40, 0.10));
    assert_eq!((few.verdict, few.detectable_effect), (Call::Extend, None));
    let alone = judge_class(&lower(), &class(&mut noise, 10, 2, 0.10));
    assert_eq!(alone.verdict, Call::Inconclusive);
}

#[test]
fn one_bad_host_is_named_and_not_blamed_on_the_kernel() {
    let mut noise = Noise::new(8);
    let mut rows = class(&mut noise, 20, 60, 0.0);
    rows.hosts[13].samples[0].after = Some(500.0);
    let judged = judge_class(&lower(), &rows);
    assert_eq!((judged.verdict, &judged.bad_hosts[..]), (Call::Pass, &["h13".to_owned()][..]));
}

#[test]
fn a_fifth_of_the_hosts_being_bad_is_found() {
    let mut noise = Noise::new(15);
    let mut rows = class(&mut noise, 20, 200, 0.0);
    for i in [2, 7, 12, 17] {
        let after = rows.hosts[i].samples[0].after.unwrap();
        rows.hosts[i].samples[0].after = Some(after * 1.2);
    }
    let judged = judge_class(&lower(), &rows);
    assert_eq!((judged.verdict, judged.test), (Call::Fail, Some(Test::BadHosts)));
    assert!(judged.effect.unwrap().abs() < 0.01);
}

/// Hosts with one value before and after.
fn hosts(arm: Arm, before: f64, after: &[f64]) -> impl Iterator<Item = HostRows> {
    after.iter().enumerate().map(move |(i, &after)| HostRows {
        host: format!("{arm:?}{i}"),
        arm,
        order: (arm == Arm::Canary).then_some(i as u64 + 1),
        samples: vec![Sample { slot: 0, before: Some(before), after: Some(after) }],
    })
}

#[test]
fn a_part_of_the_canaries_gone_bad_is_found_among_controls_that_hardly_move() {
    // Seven of ten a hundred times worse, controls constant; a quarter half as bad again, beside
    // controls that move by 3 %.
    let most: Vec<f64> = (0..10).map(|i| if i * 7 % 10 < 7 { 100.0 } else { 1.0 }).collect();
    let usual = [2.9, 3.0, 3.1];
    let part: Vec<f64> = (0..20).map(|i| if i % 4 == 2 { 4.45 } else { usual[i % 3] }).collect();
    for (canaries, before, controls) in [(most, 1.0, vec![1.0; 10]), (part, 3.0, usual.repeat(20))]
    {
        let canaries = hosts(Arm::Canary, before, &canaries);
        let all = canaries.chain(hosts(Arm::Control, before, &controls)).collect();
        let rows = ClassRows { class: "c".into(), slotted: false, hosts: all, faults: vec![] };
        let judged = judge_class(&lower(), &rows);
        assert_eq!(judged.verdict, Call::Fail, "{judged:?}");
    }
}

#[test]
fn few_controls_never_let_a_class_pass() {
    let mut noise = Noise::new(16);
    for controls in 0..FEWEST_CONTROLS_FOR_PASS {
        for canaries in [5, 10, 20] {
            let judged = judge_class(&lower(), &class(&mut noise, canaries, controls, 0.0));
            assert_ne!(judged.verdict, Call::Pass, "{canaries} : {controls}: {judged:?}");
        }
    }
}

/// Gives every host this many samples (sd 5 %); on the first `bad` hosts every twentieth takes
/// twice as long afterwards.
fn sampled(noise: &mut Noise, mut rows: ClassRows, samples: u32, bad: usize) -> ClassRows {
    rows.slotted = true;
    for (i, host) in rows.hosts.iter_mut().enumerate() {
        let stands = host.samples[0].before.unwrap();
        host.samples = (1..=samples)
            .map(|slot| {
                let mut value = || Some(stands * (0.05 * noise.normal()).exp());
                let (before, mut after) = (value(), value());
                if i < bad && slot % 20 == 0 {
                    after = after.map(|v| 2.0 * v);
                }
                Sample { slot, before, after }
            })
            .collect();
    }
    rows
}

#[test]
fn a_longer_tail_is_found_where_the_median_is_silent() {
    let mut noise = Noise::new(10);
    for (canaries, controls, samples) in [(5, 20, 200), (10, 15, 20), (10, 15, 40), (10, 15, 99)] {
        let rows = class(&mut noise, canaries, controls, 0.0);
        let judged = judge_class(&lower(), &sampled(&mut noise, rows, samples, canaries));
        assert_eq!(judged.verdict, Call::Fail, "{samples} samples: {judged:?}");
        assert!(matches!(judged.test, Some(Test::Shape(_))), "{judged:?}");
    }
}

#[test]
fn shapes_of_sound_hosts_pause_nothing() {
    let mut noise = Noise::new(17);
    let paused = share(200, || {
        let rows = class(&mut noise, 10, 15, 0.0);
        judge_class(&lower(), &sampled(&mut noise, rows, 20, 0)).verdict == Call::Fail
    });
    assert!(paused <= 0.03, "{paused}");
}

#[test]
fn a_family_finds_the_guilty_class_only() {
    let mut noise = Noise::new(11);
    let mut rows: Vec<ClassRows> = (0..12).map(|_| class(&mut noise, 5, 60, 0.0)).collect();
    rows[7] = class(&mut noise, 5, 60, 0.05);
    let plan = lower();
    let tasks: Vec<Task<'_>> = rows.iter().map(|rows| Task { plan: &plan, rows }).collect();
    let judged = judge_family(&mut Nulls::new(), plan.alpha, &tasks);
    let failed: Vec<usize> = (0..12).filter(|&i| judged[i].verdict == Call::Fail).collect();
    assert_eq!(failed, [7]);
    assert_eq!(overall(&judged), Call::Fail);
    assert_eq!(overall(&[]), Call::Extend);
}

#[test]
fn the_stream_goes_on_beyond_the_last_look() {
    let mut noise = Noise::new(12);
    let plan = Plan { looks: vec![3], min_effect: 0.0, ..lower() };
    let judged = judge_class(&plan, &class(&mut noise, 200, 200, 0.003));
    assert_eq!((judged.verdict, judged.test), (Call::Fail, Some(Test::Stream)), "{judged:?}");
    assert!(judged.decided_at_host.is_some_and(|n| n > 3 && n < 200));
}

#[test]
fn the_same_data_give_the_same_verdict() {
    let rows = class(&mut Noise::new(13), 30, 60, 0.002);
    assert_eq!(judge_class(&lower(), &rows), judge_class(&lower(), &rows));
}

#[test]
fn plans_that_cannot_be_kept_are_refused() {
    assert_eq!(lower().check(), Ok(()));
    for (plan, field) in [
        (Plan { looks: vec![], ..lower() }, "looks"),
        (Plan { looks: vec![2, 5], ..lower() }, "looks"),
        (Plan { looks: vec![5, 5], ..lower() }, "looks"),
        (Plan { margin: 0.0, ..lower() }, "margin"),
        (Plan { alpha: 0.0, ..lower() }, "alpha"),
        (Plan { min_effect: f64::NAN, ..lower() }, "min-effect"),
    ] {
        assert_eq!(plan.check().unwrap_err().0, field);
    }
}
