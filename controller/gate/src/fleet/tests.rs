//! Whole rollouts: one bad class is named, clean ones pass, silence is never a pass.

use wavegate_common::order::stable_hash;
use wavegate_common::{HostClass, HostId, JudgeRule, Says, Timestamp, Verdict};

use super::{
    Arm, ClassMeasures, Evidence, HostMeasures, HostRisk, Pair, SignalHost, SignalMeasures, assess,
};
use crate::perf::ranksum::Nulls;

/// Noise of about half a per cent from a hash: the sum of four even rolls.
fn noise(seed: u64, host: u64, salt: u64) -> f64 {
    let roll = |n: u64| {
        let hash = stable_hash(seed, &[u128::from(host), u128::from(salt), u128::from(n)]);
        (hash >> 11) as f64 / (1u64 << 53) as f64
    };
    0.0087 * ((0..4).map(roll).sum::<f64>() - 2.0)
}

fn rule(metrics: usize) -> JudgeRule {
    let names = (0..metrics).map(|n| format!(r#"{{"name":"m{n}/p50"}}"#)).collect::<Vec<_>>();
    serde_json::from_str(&format!(r#"{{"metrics":[{}]}}"#, names.join(","))).unwrap()
}

/// `classes` classes of 60 hosts, `moved` of each on the new kernel; metric 0 of class 0 is worse
/// by `effect` there.
fn evidence(seed: u64, classes: u64, moved: u64, effect: f64) -> Evidence {
    let rule = rule(3);
    let class = |c: u64| ClassMeasures {
        class: HostClass::from(format!("class-{c}").as_str()),
        open: 50,
        hosts: (0..60)
            .map(|n| {
                let id = c * 1_000 + n;
                let arm = if n < moved { Arm::Moved(n + 1) } else { Arm::Control };
                let value = |m: u64| {
                    let level = 100.0 * (1.0 + 0.03 * noise(seed, id, 100 + m) / 0.005);
                    let bad = c == 0 && m == 0 && n < moved;
                    let change = noise(seed, id, m) + if bad { effect } else { 0.0 };
                    Some(Pair { before: level, after: level * (1.0 + change) })
                };
                HostMeasures { host: HostId(id.into()), arm, values: (0..3).map(value).collect() }
            })
            .collect(),
    };
    Evidence {
        at: Timestamp(1),
        seed,
        rule,
        classes: (0..classes).map(class).collect(),
        risks: Vec::new(),
        signals: Vec::new(),
    }
}

fn verdicts(evidence: &Evidence) -> Vec<String> {
    let says = assess(&mut Nulls::new(), evidence);
    says.classes.iter().map(|class| class.verdict.name().to_owned()).collect()
}

#[test]
fn the_bad_class_is_named_and_the_others_pass() {
    let evidence = evidence(1, 6, 5, 0.05);
    let says = assess(&mut Nulls::new(), &evidence);
    let Verdict::Fail { findings, .. } = &says.classes[0].verdict else {
        panic!("{:?}", says.classes[0])
    };
    assert_eq!(findings[0].name.as_ref().unwrap().as_str(), "m0/p50");
    assert!((30_000..70_000).contains(&findings[0].effect_ppm), "{}", findings[0].effect_ppm);
    assert_eq!(says.classes[0].metrics[1].says, Says::Pass);
    for class in &says.classes[1..] {
        assert_eq!(class.verdict, Verdict::Pass, "{:?}", class.metrics);
    }
    assert_eq!(says.evidence, evidence.digest());
}

#[test]
fn between_looks_a_class_stands_as_at_the_last_one() {
    let at_five = verdicts(&evidence(2, 3, 5, 0.0));
    assert_eq!(at_five, ["pass"; 3]);
    assert_eq!(verdicts(&evidence(2, 3, 7, 0.0)), at_five);
    assert_eq!(verdicts(&evidence(2, 3, 4, 0.0)), ["extend"; 3]);
    assert_eq!(verdicts(&evidence(2, 3, 30, 0.0)), ["pass"; 3]);
}

#[test]
fn silence_is_never_a_pass() {
    let mut silent = evidence(3, 3, 5, 0.0);
    for host in &mut silent.classes[1].hosts {
        host.values[2] = None;
    }
    assert_eq!(verdicts(&silent), ["pass", "extend", "pass"]);
    let mut small = evidence(3, 1, 2, 0.0);
    assert_eq!(verdicts(&small), ["extend"]);
    small.classes[0].open = 0;
    assert_eq!(verdicts(&small), ["inconclusive"]);
    assert!(verdicts(&evidence(3, 3, 0, 0.0)).is_empty());
}

#[test]
fn a_class_that_reboots_too_often_is_stopped_and_says_who() {
    let mut evidence = evidence(5, 3, 20, 0.0);
    let day = |n: i64| Timestamp(n * 86_400_000);
    evidence.at = day(10);
    for class in &evidence.classes {
        for (n, host) in class.hosts.iter().enumerate() {
            let moved = matches!(host.arm, Arm::Moved(_));
            let bad = class.class.as_str() == "class-1" && moved && n % 2 == 0;
            evidence.risks.push(HostRisk {
                host: host.host,
                class: class.class.clone(),
                domains: Vec::new(),
                on_old: (day(0), None),
                on_new: moved.then(|| day(2)),
                reboots: if bad {
                    vec![Timestamp(day(3).0 + 3_600_000 * n as i64)]
                } else {
                    vec![]
                },
            });
        }
    }
    let says = assess(&mut Nulls::new(), &evidence);
    let Verdict::Fail { findings, .. } = &says.classes[1].verdict else { panic!("{says:?}") };
    assert!(findings[0].evidence.contains("reboot unasked more often"), "{}", findings[0].evidence);
    assert!(findings[0].hosts.len() >= 4);
    // That the others never rebooted proves nothing yet, and holds nothing up.
    assert_eq!(says.classes[0].verdict, Verdict::Pass);
    assert_eq!(says.classes[0].metrics[3].says, Says::Extend);
    for risk in &mut evidence.risks {
        risk.reboots.clear();
    }
    assert_eq!(verdicts(&evidence), ["pass"; 3]);
}

/// Every host of three classes serves 100,000 requests; hosts of `class-1` on the new kernel have
/// so many errors, and all others so many.
fn errors(bad: u64, usual: u64) -> Evidence {
    let mut evidence = evidence(6, 3, 10, 0.0);
    let hosts = evidence.classes.iter().flat_map(|class| {
        class.hosts.iter().map(|host| {
            let moved = matches!(host.arm, Arm::Moved(_));
            let errors = if moved && class.class.as_str() == "class-1" { bad } else { usual };
            let class = class.class.clone();
            SignalHost { host: host.host, class, moved, errors, requests: 100_000 }
        })
    });
    evidence.signals = vec![SignalMeasures {
        source: "signal/checkout".parse().unwrap(),
        margin_ppm: 1_250_000,
        missing: None,
        hosts: hosts.collect(),
    }];
    evidence
}

#[test]
fn errors_on_the_new_kernel_alone_stop_a_class_and_errors_everywhere_do_not() {
    assert_eq!(verdicts(&errors(60, 3)), ["pass", "fail", "pass"]);
    assert_eq!(verdicts(&errors(60, 60)), ["pass"; 3]);
    assert_eq!(verdicts(&errors(0, 0)), ["pass"; 3]);
}

#[test]
fn a_source_that_says_nothing_keeps_every_class_waiting() {
    let mut evidence = errors(3, 3);
    evidence.signals[0].missing = Some("the source cannot be asked: refused".to_owned());
    let says = assess(&mut Nulls::new(), &evidence);
    for class in &says.classes {
        let Verdict::Extend { missing } = &class.verdict else { panic!("{class:?}") };
        assert_eq!(missing, "signal/checkout: the source cannot be asked: refused");
    }
    evidence.signals[0].missing = None;
    evidence.signals[0].hosts.retain(|host| !host.moved);
    assert_eq!(verdicts(&evidence), ["extend"; 3]);
}

#[test]
fn nothing_but_the_evidence_matters() {
    let evidence = evidence(4, 4, 10, 0.01);
    let stored: Evidence =
        serde_json::from_str(&serde_json::to_string(&evidence).unwrap()).unwrap();
    let mut warm = Nulls::new();
    let first = assess(&mut warm, &evidence);
    assert_eq!(first, assess(&mut warm, &stored));
    assert_eq!(first, assess(&mut Nulls::new(), &stored));
}

#[test]
fn clean_rollouts_are_not_stopped() {
    let mut nulls = Nulls::new();
    let stopped = (0..200).filter(|seed| {
        let says = assess(&mut nulls, &evidence(100 + seed, 6, 20, 0.0));
        says.classes.iter().any(|class| class.verdict.name() == "fail")
    });
    // At 1 % each, more than six of 200 come once in ten thousand times.
    assert!(stopped.count() <= 6);
}
