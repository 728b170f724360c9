//! A verdict for 5,000 hosts in 12 classes with 20 metrics each, on one core. Run with
//! `cargo bench -p wavegate-gate`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use wavegate_gate::perf::ranksum::Nulls;
use wavegate_gate::perf::{Arm, Better, ClassRows, HostRows, Plan, Sample, Task, judge_family};

const HOSTS: usize = 5_000;
const CLASSES: usize = 12;
const METRICS: usize = 20;

/// SplitMix64, summed to something bell-shaped.
struct Noise(u64);

impl Noise {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn bell(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

/// `round` keeps so many steps to one, so that values tie.
fn fleet(noise: &mut Noise, canaries: usize, round: Option<f64>) -> Vec<ClassRows> {
    let hosts = HOSTS / CLASSES;
    let host = |i: usize, noise: &mut Noise| {
        let before = 100.0 * (0.02 * noise.bell()).exp();
        let after = before * (0.005 * noise.bell()).exp();
        let rounded = |v: f64| round.map_or(v, |steps| (v * steps).round() / steps);
        let (before, after) = (Some(rounded(before)), Some(rounded(after)));
        let canary = i < canaries;
        HostRows {
            host: format!("h{i}"),
            arm: if canary { Arm::Canary } else { Arm::Control },
            order: canary.then_some(i as u64 + 1),
            samples: vec![Sample { slot: 0, before, after }],
        }
    };
    let class = |c: usize, noise: &mut Noise| ClassRows {
        class: format!("c{c}"),
        slotted: false,
        hosts: (0..hosts).map(|i| host(i, noise)).collect(),
        faults: Vec::new(),
    };
    (0..CLASSES * METRICS).map(|c| class(c, noise)).collect()
}

fn judge(c: &mut Criterion) {
    let plan = Plan::new(Better::Lower);
    for (name, canaries, round) in [
        ("5 canaries", 5, None),
        ("20 canaries", 20, None),
        ("20 canaries, ties", 20, Some(10.0)),
        ("a quarter moved", HOSTS / CLASSES / 4, None),
    ] {
        let rows = fleet(&mut Noise(1), canaries, round);
        let tasks: Vec<Task<'_>> = rows.iter().map(|rows| Task { plan: &plan, rows }).collect();
        c.bench_function(&format!("5,000 hosts, 20 metrics, 12 classes: {name}"), |b| {
            b.iter(|| judge_family(&mut Nulls::new(), plan.alpha, black_box(&tasks)));
        });
    }
}

criterion_group!(benches, judge);
criterion_main!(benches);
