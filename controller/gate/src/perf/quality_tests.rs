use super::*;

fn host(name: &str, arm: Arm, order: Option<u64>, pairs: &[(f64, f64)]) -> HostRows {
    let samples = pairs.iter().zip(1..).map(|(&(before, after), slot)| Sample {
        slot,
        before: Some(before).filter(|v| v.is_finite()),
        after: Some(after).filter(|v| v.is_finite()),
    });
    HostRows { host: name.into(), arm, order, samples: samples.collect() }
}

/// Five canaries and ten controls; `change` may spoil a host.
fn class(slots: usize, change: impl Fn(usize, &mut HostRows)) -> ClassRows {
    let hosts = (0..15).map(|i| {
        let pairs: Vec<(f64, f64)> =
            (0..slots).map(|s| ((100 + i + s) as f64, (101 + i + 2 * s) as f64)).collect();
        let (arm, order) =
            if i < 5 { (Arm::Canary, Some(i as u64 + 1)) } else { (Arm::Control, None) };
        let mut host = host(&format!("h{i}"), arm, order, &pairs);
        change(i, &mut host);
        host
    });
    ClassRows { class: "c".into(), slotted: slots > 1, hosts: hosts.collect(), faults: vec![] }
}

fn faults(rows: &ClassRows) -> String {
    Quality::of(rows).faults.join("; ")
}

#[test]
fn sound_data_have_no_fault() {
    for slots in [1, 8, 60] {
        assert_eq!(faults(&class(slots, |_, _| {})), "");
    }
}

#[test]
fn missing_canaries_and_controls_are_named() {
    let silent = class(1, |i, h| {
        if i < 2 {
            h.samples[0].after = None;
        }
    });
    assert!(faults(&silent).contains("2 of 5 canaries have no usable data"));
    let unknown = class(1, |i, h| {
        if i > 11 {
            h.samples[0].before = Some(f64::NAN);
        }
    });
    assert!(faults(&unknown).contains("3 of 10 controls have no usable data"));
}

#[test]
fn stale_slots_are_named() {
    let old = class(10, |i, h| {
        if i >= 5 {
            h.samples.iter_mut().for_each(|s| s.slot += 1_000);
        }
    });
    assert!(faults(&old).contains("share 0 slots"), "{}", faults(&old));
    let thin = class(10, |i, h| {
        if i < 5 {
            h.samples.truncate(7);
        }
    });
    assert!(faults(&thin).contains("canaries have 70 % of the slots"), "{}", faults(&thin));
    assert!(faults(&class(4, |_, _| {})).contains("share 4 slots"));
}

#[test]
fn frozen_sources_are_no_data() {
    let frozen = class(10, |i, h| {
        if i == 7 {
            h.samples.iter_mut().for_each(|s| s.after = Some(5.0));
        }
    });
    let quality = Quality::of(&frozen);
    assert!(!quality.usable[7] && quality.faults[0].contains("frozen"), "{quality:?}");
    let repeats = class(1, |i, h| {
        if i >= 5 {
            h.samples[0].after = h.samples[0].before;
        }
    });
    assert!(faults(&repeats).contains("10 controls repeat their values"), "{}", faults(&repeats));
    let one_value = class(1, |i, h| {
        if i < 5 {
            h.samples[0].after = Some(42.0);
        }
    });
    let quality = Quality::of(&one_value);
    assert!(quality.faults[0].contains("all canaries report the same value"), "{quality:?}");
    assert!(!quality.usable[..5].contains(&true) && quality.usable[5]);
}

#[test]
fn constants_everywhere_and_zeros_are_sound() {
    let zeros = class(8, |_, h| {
        h.samples.iter_mut().for_each(|s| (s.before, s.after) = (Some(0.0), Some(0.0)));
    });
    assert_eq!(faults(&zeros), "");
}

#[test]
fn gaps_in_the_orders_are_missing_canaries() {
    let with = |orders: &[u64]| {
        let canaries = orders
            .iter()
            .map(|&o| host(&format!("h{o}"), Arm::Canary, Some(o), &[(1.0, 2.0)]))
            .collect();
        ClassRows { class: "c".into(), slotted: false, hosts: canaries, faults: vec![] }
    };
    let faults = |classes: &[&[u64]]| {
        let mut all: Vec<ClassRows> = classes.iter().map(|orders| with(orders)).collect();
        find_gaps(&mut all);
        all.into_iter().map(|class| class.faults.len()).collect::<Vec<_>>()
    };
    assert_eq!(faults(&[&[1, 2, 3, 4, 5]]), [0]);
    assert_eq!(faults(&[&[0, 1, 2, 3, 4]]), [0]);
    assert_eq!(faults(&[&[1, 2, 5]]), [1]);
    assert_eq!(faults(&[&[3, 4, 5]]), [1]);
    // Counted over both classes.
    assert_eq!(faults(&[&[1, 3, 5], &[2, 4, 6]]), [0, 0]);
    // Counted in each.
    assert_eq!(faults(&[&[1, 2, 3], &[1, 2, 5]]), [0, 1]);
    // Seconds of a clock.
    assert_eq!(faults(&[&[1_700_000_000, 1_700_000_060, 1_700_000_999]]), [0]);
}
