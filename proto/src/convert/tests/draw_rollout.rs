//! Random values of rollouts.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use wavegate_common::judge::{Goal, JudgeRule, MetricName, MetricRule};
use wavegate_common::plan::{HostWait, PlanReport, WaveReport};
use wavegate_common::ratio::Ratio;
use wavegate_common::rollout::{
    AbortReason, ExcludeReason, FailReason, HostPhase, PauseReason, RolloutPhase, Scope,
};
use wavegate_common::spec::{
    Bound, Budget, CanaryRule, GateRule, Limits, RollbackRule, RolloutSpec, Share, SignalRule,
    Waiver, Wave,
};
use wavegate_common::verdict::{Finding, Metric, Verdict};
use wavegate_common::waiting::WaitingOn;
use wavegate_common::window::{DayTime, Weekday, Window};

use super::draw::{
    boot, class, domain, fail_step, generation, host, kernel, method, rollout_id, span, text,
    texts, time, word,
};

fn scope() -> BoxedStrategy<Scope> {
    prop_oneof![
        Just(Scope::Rollout),
        class().prop_map(Scope::Class),
        domain().prop_map(Scope::Domain)
    ]
    .boxed()
}

pub(super) fn finding() -> BoxedStrategy<Finding> {
    let metric = select(vec![
        Metric::Lost,
        Metric::FellBack,
        Metric::UnexpectedReboot,
        Metric::HealthChecks,
        Metric::StepFailed,
        Metric::Reports,
        Metric::Performance,
        Metric::Errors,
        Metric::Reboots,
    ]);
    let effect = (any::<i64>(), any::<(i64, i64)>());
    (metric, option::of(class()), option::of(metric_name()), effect, text(), vec(host(), 0..3))
        .prop_map(|(metric, class, name, (effect_ppm, interval_ppm), evidence, hosts)| Finding {
            metric,
            class,
            name,
            effect_ppm,
            interval_ppm,
            evidence,
            hosts,
        })
        .boxed()
}

pub(super) fn metric_name() -> BoxedStrategy<MetricName> {
    let names = vec!["io.read_latency/p99", "signal/checkout", "suite/fio-read"];
    select(names).prop_map(|name| name.parse().unwrap()).boxed()
}

fn judge_rule() -> BoxedStrategy<JudgeRule> {
    let better = select(vec![Goal::Lower, Goal::Higher]);
    let metric =
        (metric_name(), better, share(), share()).prop_map(|(name, better, min_effect, margin)| {
            MetricRule { name, better, min_effect, margin }
        });
    (vec(metric, 0..3), share(), vec(any::<u32>(), 0..4), span(), span())
        .prop_map(|(metrics, alpha, looks, warm_up, max_wait)| JudgeRule {
            metrics,
            alpha,
            looks,
            warm_up,
            max_wait,
        })
        .boxed()
}

pub(super) fn verdict() -> BoxedStrategy<Verdict> {
    prop_oneof![
        Just(Verdict::Pass),
        (scope(), vec(finding(), 0..3))
            .prop_map(|(scope, findings)| Verdict::Fail { scope, findings }),
        text().prop_map(|missing| Verdict::Extend { missing }),
        text().prop_map(|why| Verdict::Inconclusive { why }),
    ]
    .boxed()
}

fn pause() -> BoxedStrategy<PauseReason> {
    prop_oneof![
        (any::<u16>(), scope(), vec(finding(), 0..3))
            .prop_map(|(wave, scope, findings)| PauseReason::Gate { wave, scope, findings }),
        (text(), text()).prop_map(|(by, reason)| PauseReason::Operator { by, reason }),
        text().prop_map(|text| PauseReason::Violation { text }),
    ]
    .boxed()
}

pub(super) fn phase() -> BoxedStrategy<RolloutPhase> {
    let moving = prop_oneof![
        Just(RolloutPhase::Draft),
        Just(RolloutPhase::Canary),
        any::<u16>().prop_map(|wave| RolloutPhase::Rolling { wave }),
        (any::<u16>(), time()).prop_map(|(wave, until)| RolloutPhase::Baking { wave, until }),
        Just(RolloutPhase::RollingBack),
        Just(RolloutPhase::Succeeded),
        Just(RolloutPhase::Aborted { reason: AbortReason::RolledBack }),
        (text(), text()).prop_map(|(by, reason)| RolloutPhase::Aborted {
            reason: AbortReason::Operator { by, reason }
        }),
    ];
    moving
        .prop_recursive(2, 2, 1, |inner| {
            (inner, pause()).prop_map(|(inner, reason)| RolloutPhase::Paused {
                resume_to: Box::new(inner),
                reason,
            })
        })
        .boxed()
}

pub(super) fn exclude() -> BoxedStrategy<ExcludeReason> {
    prop_oneof![
        (text(), text()).prop_map(|(by, reason)| ExcludeReason::Operator { by, reason }),
        Just(ExcludeReason::AlreadyThere),
        text().prop_map(|what| ExcludeReason::KnownBad { what }),
        Just(ExcludeReason::Ended),
    ]
    .boxed()
}

pub(super) fn host_phase() -> BoxedStrategy<HostPhase> {
    let fail = prop_oneof![
        text().prop_map(|evidence| FailReason::FellBack { evidence }),
        kernel().prop_map(|running| FailReason::WrongKernel { running }),
        text().prop_map(|evidence| FailReason::UnexpectedReboot { evidence }),
        text().prop_map(|failed| FailReason::HealthChecks { failed }),
        text().prop_map(|error| FailReason::Step { error }),
    ];
    prop_oneof![
        Just(HostPhase::Pending),
        time().prop_map(|since| HostPhase::Staging { since }),
        Just(HostPhase::Staged),
        time().prop_map(|since| HostPhase::Draining { since }),
        (boot(), time()).prop_map(|(from, deadline)| HostPhase::Rebooting { from, deadline }),
        (time(), boot()).prop_map(|(since, boot)| HostPhase::Verifying { since, boot }),
        (time(), boot()).prop_map(|(at, boot)| HostPhase::Updated { at, boot }),
        Just(HostPhase::RolledBack),
        (fail_step(), fail).prop_map(|(step, reason)| HostPhase::Failed { step, reason }),
        Just(HostPhase::Lost),
        exclude().prop_map(|reason| HostPhase::Excluded { reason }),
    ]
    .boxed()
}

/// Every kind of waiting.
pub(super) fn waiting() -> BoxedStrategy<WaitingOn> {
    use WaitingOn as On;
    let numbers = (any::<u64>(), any::<u64>());
    let limits = prop_oneof![
        time().prop_map(|until| On::Bake { until }),
        (text(), numbers).prop_map(|(budget, (down, max))| On::DisruptionBudget {
            budget,
            down,
            max
        }),
        (domain(), numbers).prop_map(|(domain, (down, max))| On::FailureDomainBusy {
            domain,
            down,
            max
        }),
        domain().prop_map(|domain| On::FailureDomainDark { domain }),
        option::of(time()).prop_map(|opens| On::Window { opens }),
        (text(), time()).prop_map(|(name, until)| On::Freeze { name, until }),
        class().prop_map(|class| On::CanaryVerdict { class }),
        (class(), numbers).prop_map(|(class, (under_way, max))| On::ClassRamp {
            class,
            under_way,
            max
        }),
        (any::<u16>(), text()).prop_map(|(wave, missing)| On::GateData { wave, missing }),
        any::<(u16, u16)>().prop_map(|(current, own)| On::EarlierWave { current, own }),
        Just(On::Holdback),
        Just(On::ControllerHostLast),
    ];
    let states = prop_oneof![
        option::of(time()).prop_map(|last| On::NoRecentReport { last }),
        any::<u64>().prop_map(|unseen_ppm| On::LostSight { unseen_ppm }),
        texts().prop_map(|items| On::Drift { items }),
        text().prop_map(|checks| On::Unhealthy { checks }),
        texts().prop_map(|reasons| On::HostGuard { reasons }),
        (text(), text()).prop_map(|(by, reason)| On::Held { by, reason }),
        text().prop_map(|to| On::Approval { to }),
        text().prop_map(|what| On::KnownBad { what }),
        Just(On::Staging),
        option::of(text()).prop_map(|waiting| On::Drain { waiting }),
        time().prop_map(|deadline| On::RebootInProgress { deadline }),
        Just(On::Verification),
        Just(On::HostLost),
        text().prop_map(|reason| On::Paused { reason }),
        text().prop_map(|what| On::Failed { what }),
    ];
    prop_oneof![limits, states].boxed()
}

pub(super) fn wave_report() -> BoxedStrategy<WaveReport> {
    let counts = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
    (any::<u16>(), 0..=1_000_000u64, counts, option::of(verdict()))
        .prop_map(|(index, share_ppm, (hosts, updated, under_way, harmed), verdict)| WaveReport {
            index,
            share_ppm,
            hosts,
            updated,
            under_way,
            harmed,
            verdict,
        })
        .boxed()
}

pub(super) fn plan_report() -> BoxedStrategy<PlanReport> {
    let wait =
        (waiting(), vec((host(), time()), 0..3)).prop_map(|(on, hosts)| HostWait { on, hosts });
    let head = (rollout_id(), generation(), time(), phase());
    (head, option::of((waiting(), time())), vec(wave_report(), 0..3), vec(wait, 0..3))
        .prop_map(|((rollout, generation, at, phase), waiting, waves, hosts)| PlanReport {
            rollout,
            generation,
            at,
            phase,
            waiting,
            waves,
            hosts,
        })
        .boxed()
}

pub(super) fn share() -> BoxedStrategy<Share> {
    (0..=1_000_000u32).prop_map(Share).boxed()
}

pub(super) fn waiver() -> BoxedStrategy<Waiver> {
    (class(), text(), text()).prop_map(|(class, by, reason)| Waiver { class, by, reason }).boxed()
}

fn budget() -> BoxedStrategy<Budget> {
    let bound = prop_oneof![any::<u64>().prop_map(Bound::Count), share().prop_map(Bound::Share)];
    prop_oneof![
        (word(), bound.clone()).prop_map(|(key, max_down)| Budget::PerDomain { key, max_down }),
        bound.prop_map(|max_down| Budget::Selected {
            selector: "role=web".parse().unwrap(),
            max_down
        }),
    ]
    .boxed()
}

fn window() -> BoxedStrategy<Window> {
    use Weekday::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};
    let day = select(vec![Mon, Tue, Wed, Thu, Fri, Sat, Sun]);
    let time = || (0..=1440u16).prop_map(DayTime);
    (vec(day, 0..3), time(), time(), word())
        .prop_map(|(days, from, to, zone)| Window { days, from, to, zone })
        .boxed()
}

fn limits() -> BoxedStrategy<Limits> {
    (span(), span(), span(), span(), span())
        .prop_map(|(drain, boot, verify, soak, order)| Limits { drain, boot, verify, soak, order })
        .boxed()
}

fn signal_rule() -> BoxedStrategy<SignalRule> {
    let margin = (0..1_000_000_000u64).prop_map(Ratio);
    (word(), margin, any::<u64>(), span())
        .prop_map(|(source, margin, min_exposure, max_wait)| SignalRule {
            source,
            margin,
            min_exposure,
            max_wait,
        })
        .boxed()
}

pub(super) fn spec() -> BoxedStrategy<RolloutSpec> {
    let selector = select(vec!["*", "role=web,site in (ams,fra)", "!spare"]);
    let canary = (any::<u32>(), any::<u32>(), vec(waiver(), 0..3))
        .prop_map(|(per_class, at_least, waive)| CanaryRule { per_class, at_least, waive });
    let gate = (any::<u64>(), any::<u64>(), share(), share()).prop_map(
        |(canary_failures, class_failures, failures, reporting)| GateRule {
            canary_failures,
            class_failures,
            failures,
            reporting,
        },
    );
    let rollback = select(vec![RollbackRule::Manual, RollbackRule::OnGateFailure]);
    let what = (word(), word(), selector);
    let pace = (vec(share().prop_map(Wave), 0..4), share(), span());
    let rules = (
        canary,
        gate,
        option::of(judge_rule()),
        vec(budget(), 0..3),
        vec(window(), 0..3),
        vec(signal_rule(), 0..3),
    );
    (what, pace, rules, (method(), limits(), rollback))
        .prop_map(|((name, release, selector), pace, rules, (method, limits, rollback))| {
            let (waves, holdback, bake) = pace;
            let (canary, gate, judge, budgets, windows, signals) = rules;
            RolloutSpec {
                name,
                release: release.into(),
                selector: selector.parse().unwrap(),
                canary,
                waves,
                holdback,
                bake,
                gate,
                judge,
                signals,
                budgets,
                windows,
                method,
                limits,
                rollback,
            }
        })
        .boxed()
}
