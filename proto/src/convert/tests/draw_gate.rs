//! Random values of what the gate's statistics say.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use wavegate_common::view::{AcceptedClass, GateView, ReplayView, ReplayedClass, ReplayedVerdict};
use wavegate_common::{Assessment, ClassAssessment, MetricAssessment, Says};

use super::draw::{class, digest, host, text, time, word};
use super::draw_rollout::{metric_name, verdict};

fn metric() -> BoxedStrategy<MetricAssessment> {
    let says = select(vec![Says::Pass, Says::Fail, Says::Extend, Says::Inconclusive]);
    let size =
        (option::of(any::<i64>()), option::of(any::<(i64, i64)>()), option::of(any::<u64>()));
    let hosts = (any::<u64>(), any::<u64>(), option::of(any::<u64>()), vec(host(), 0..3));
    (metric_name(), says, size, hosts, text())
        .prop_map(|(metric, says, size, hosts, evidence)| {
            let (effect_ppm, interval_ppm, detectable_ppm) = size;
            let (hosts_used, controls_used, decided_at_host, worst) = hosts;
            MetricAssessment {
                metric,
                says,
                effect_ppm,
                interval_ppm,
                detectable_ppm,
                hosts_used,
                controls_used,
                decided_at_host,
                evidence,
                worst,
            }
        })
        .boxed()
}

pub(super) fn gate_view() -> BoxedStrategy<GateView> {
    let of_class = (class(), verdict(), vec(metric(), 0..3))
        .prop_map(|(class, verdict, metrics)| ClassAssessment { class, verdict, metrics });
    let assessment = (time(), digest(), vec(of_class, 0..3))
        .prop_map(|(at, evidence, classes)| Assessment { at, evidence, classes });
    let accepted = (class(), text()).prop_map(|(class, words)| AcceptedClass { class, words });
    (word(), vec(accepted, 0..3), option::of(assessment))
        .prop_map(|(rollout, accepted, assessment)| GateView { rollout, accepted, assessment })
        .boxed()
}

pub(super) fn replay_view() -> BoxedStrategy<ReplayView> {
    let of_class = (class(), word(), word()).prop_map(|(class, stored, replayed)| ReplayedClass {
        class,
        stored,
        replayed,
    });
    let verdict = (time(), digest(), any::<bool>(), vec(of_class, 0..3)).prop_map(
        |(at, evidence, identical, classes)| ReplayedVerdict { at, evidence, identical, classes },
    );
    (word(), vec(verdict, 0..3))
        .prop_map(|(rollout, verdicts)| ReplayView { rollout, verdicts })
        .boxed()
}
