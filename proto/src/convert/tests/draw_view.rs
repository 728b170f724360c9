//! Random values of what operators see.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use wavegate_common::baseline::{MetricId, SlotValue};
use wavegate_common::inventory::Hold;
use wavegate_common::view::{
    AuditView, BaselineBoot, BaselineValue, BaselineView, Choice, ClassCount, ClassHosts, Coverage,
    DomainLoad, EventView, ExcludedHost, HarmedHost, HostCounts, HostInRollout, HostRef,
    HostStanding, HostView, HostWhyView, KernelView, KnownBadView, Outcome, PlanView, PlanWave,
    Role, RolloutView, RolloutWhyView, Standing, TokenBinding, TokenState, TokenView, WaitGroup,
    WaitView, WaveView,
};

use super::draw::{
    HOST, boot, class, digest, domain, generation, health_state, host, kernel, labels, release,
    report, rollout_id, span, text, texts, time, word,
};
use super::draw_rollout::{
    exclude, finding, host_phase, phase, plan_report, share, spec, waiting, waiver, wave_report,
};

fn role() -> BoxedStrategy<Role> {
    select(vec![Role::Viewer, Role::Operator, Role::Admin]).boxed()
}
fn host_ref() -> BoxedStrategy<HostRef> {
    (host(), word()).prop_map(|(id, name)| HostRef { id, name }).boxed()
}
fn wait() -> BoxedStrategy<WaitView> {
    (waiting(), time()).prop_map(|(on, since)| WaitView::new(on, since)).boxed()
}

fn in_rollout() -> BoxedStrategy<HostInRollout> {
    (rollout_id(), word(), any::<u16>(), host_phase(), option::of(kernel()))
        .prop_map(|(rollout, rollout_name, wave, phase, came_from)| HostInRollout {
            rollout,
            rollout_name,
            wave,
            standing: HostStanding::of(phase),
            came_from,
        })
        .boxed()
}

pub(super) fn host_view() -> BoxedStrategy<HostView> {
    let hold = (text(), text()).prop_map(|(by, reason)| Hold { by, reason });
    let who = (word(), class(), vec(domain(), 0..3), labels());
    let now = (option::of(kernel()), health_state(), option::of(time()), any::<bool>());
    let place = (option::of(hold), option::of(in_rollout()), option::of(wait()));
    (who, now, place, option::of(report()))
        .prop_map(|((name, class, domains, labels), now, (hold, rollout, waiting), report)| {
            let (kernel, health, last_seen, connected) = now;
            HostView {
                id: HOST,
                name,
                class,
                domains,
                labels,
                kernel,
                health,
                last_seen,
                connected,
                hold,
                rollout,
                waiting,
                report,
            }
        })
        .boxed()
}

pub(super) fn baseline_view() -> BoxedStrategy<BaselineView> {
    // A mean that decimal digits hold exactly.
    let value = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u32>(), any::<u64>()).prop_map(
        |(p50, p99, iqr, mean, count)| {
            let mean = f64::from(mean) / 4.0;
            SlotValue { p50, p99, iqr, mean, count }
        },
    );
    let value =
        (select(MetricId::ALL), value).prop_map(|(metric, v)| BaselineValue::new(metric, v));
    let boots = (boot(), kernel(), time(), time(), any::<u64>(), vec(value, 0..3)).prop_map(
        |(boot_id, kernel, first, last, slots, metrics)| BaselineBoot {
            boot_id,
            kernel,
            first,
            last,
            slots,
            metrics,
        },
    );
    (host_ref(), vec(boots, 0..3)).prop_map(|(host, boots)| BaselineView { host, boots }).boxed()
}

pub(super) fn host_why() -> BoxedStrategy<HostWhyView> {
    (host(), word(), option::of(in_rollout()), option::of(wait()), text(), option::of(text()))
        .prop_map(|(host, name, rollout, waiting, text, next)| HostWhyView {
            host,
            name,
            rollout,
            waiting,
            text,
            next,
        })
        .boxed()
}

pub(super) fn kernel_view() -> BoxedStrategy<KernelView> {
    let bad = (option::of(class()), text(), time()).prop_map(|(class, what, since)| KnownBadView {
        class,
        what,
        since,
    });
    let added = (word(), time(), text());
    (release(), digest(), added, any::<(u64, bool)>(), vec(bad, 0..3))
        .prop_map(
            |(release, key, (added_by, added_at, reason), (running, available), known_bad)| {
                KernelView {
                    release,
                    key,
                    added_by,
                    added_at,
                    reason,
                    running,
                    available,
                    known_bad,
                }
            },
        )
        .boxed()
}

pub(super) fn token_view() -> BoxedStrategy<TokenView> {
    let binding = prop_oneof![
        word().prop_map(|name| TokenBinding::Host { name }),
        Just(TokenBinding::Hosts { selector: "role=web".parse().unwrap() }),
        (word(), role()).prop_map(|(name, role)| TokenBinding::Operator { name, role }),
    ];
    let state = prop_oneof![
        Just(TokenState::Open),
        (time(), word()).prop_map(|(at, by)| TokenState::Used { at, by }),
        (time(), word()).prop_map(|(at, by)| TokenState::Revoked { at, by }),
    ];
    (word(), binding, word(), time(), text(), time(), state)
        .prop_map(|(id, binding, made_by, made_at, reason, expires, state)| TokenView {
            id,
            binding,
            made_by,
            made_at,
            reason,
            expires,
            state,
        })
        .boxed()
}

fn load() -> BoxedStrategy<DomainLoad> {
    (domain(), any::<u64>(), option::of(any::<u64>()))
        .prop_map(|(domain, down, max)| DomainLoad { domain, down, max })
        .boxed()
}

pub(super) fn plan_view() -> BoxedStrategy<PlanView> {
    let classes = (class(), any::<u64>()).prop_map(|(class, hosts)| ClassHosts { class, hosts });
    let wave = (any::<u16>(), share(), any::<u64>(), vec(classes, 0..3))
        .prop_map(|(index, share, hosts, classes)| PlanWave { index, share, hosts, classes });
    let coverage = (class(), any::<u64>(), vec(host_ref(), 0..3), option::of(waiver()))
        .prop_map(|(class, hosts, canaries, waived)| Coverage { class, hosts, canaries, waived });
    let excluded = (host(), word(), exclude()).prop_map(|(id, name, reason)| ExcludedHost {
        id,
        name,
        reason,
    });
    let head = (digest(), word(), release(), any::<(u64, u64, u64, u64)>());
    let lists = (vec(wave, 0..3), vec(coverage, 0..3), vec(load(), 0..3), vec(excluded, 0..3));
    (head, lists, option::of(span()), option::of(span()), texts(), any::<bool>())
        .prop_map(|(head, lists, p50, p90, warnings, needs_approval)| {
            let (hash, name, release, (hosts, seed, holdback, unreached)) = head;
            let (waves, coverage, peak_down, excluded) = lists;
            PlanView {
                hash,
                name,
                release,
                hosts,
                seed,
                waves,
                holdback,
                coverage,
                peak_down,
                p50,
                p90,
                unreached,
                excluded,
                warnings,
                needs_approval,
            }
        })
        .boxed()
}

pub(super) fn rollout_view() -> BoxedStrategy<RolloutView> {
    let counts = any::<[u64; 8]>().prop_map(|n| HostCounts {
        total: n[0],
        updated: n[1],
        failed: n[2],
        lost: n[3],
        rolled_back: n[4],
        pending: n[5],
        under_way: n[6],
        excluded: n[7],
    });
    let class = (class(), any::<(u64, u64, u64)>(), option::of(text())).prop_map(
        |(class, (total, updated, harmed), blocked)| ClassCount {
            class,
            total,
            updated,
            harmed,
            blocked,
        },
    );
    let head = (rollout_id(), word(), release(), phase(), generation(), any::<u64>());
    let made = (word(), time(), time());
    let waves = vec(wave_report().prop_map(WaveView::from), 0..3);
    let lists = (counts, waves, vec(class, 0..3), vec(load(), 0..3));
    (head, made, lists, option::of(wait()), spec(), option::of(plan_report()))
        .prop_map(|(head, made, lists, waiting, spec, report)| {
            let (id, name, release, phase, generation, seed) = head;
            let (created_by, created_at, changed_at) = made;
            let (hosts, waves, classes, down_by_domain) = lists;
            RolloutView {
                id,
                name,
                release,
                standing: Standing::of(phase),
                generation,
                seed,
                created_by,
                created_at,
                changed_at,
                hosts,
                waves,
                classes,
                down_by_domain,
                waiting,
                spec,
                report,
            }
        })
        .boxed()
}

pub(super) fn rollout_why() -> BoxedStrategy<RolloutWhyView> {
    let harmed = (host(), word(), class(), vec(domain(), 0..3), host_phase()).prop_map(
        |(id, name, class, domains, phase)| HarmedHost {
            id,
            name,
            class,
            domains,
            standing: HostStanding::of(phase),
        },
    );
    let choice = (text(), text()).prop_map(|(command, effect)| Choice { command, effect });
    let group = (wait(), any::<u64>(), vec(host_ref(), 0..3))
        .prop_map(|(waiting, count, hosts)| WaitGroup { waiting, count, hosts });
    let head = (rollout_id(), word(), phase(), text(), option::of(time()), option::of(wait()));
    let lists = (vec(finding(), 0..2), vec(harmed, 0..3), texts(), texts());
    (head, lists, vec(choice, 0..3), vec(group, 0..3))
        .prop_map(|(head, (findings, harmed, shared, done), choices, waits)| {
            let (id, name, phase, text, since, waiting) = head;
            RolloutWhyView {
                id,
                name,
                standing: Standing::of(phase),
                text,
                since,
                waiting,
                findings,
                harmed,
                shared,
                done,
                choices,
                waits,
            }
        })
        .boxed()
}

pub(super) fn event() -> BoxedStrategy<EventView> {
    (any::<u64>(), time(), rollout_id(), option::of(host_ref()), word(), text())
        .prop_map(|(seq, at, rollout, host, kind, text)| EventView {
            seq,
            at,
            rollout,
            host,
            kind,
            text,
        })
        .boxed()
}

pub(super) fn audit() -> BoxedStrategy<AuditView> {
    let outcome = prop_oneof![Just(Outcome::Done), text().prop_map(|why| Outcome::Refused { why })];
    let who = (word(), word(), text());
    let what = (word(), text(), text());
    (any::<u64>(), time(), who, what, outcome, digest())
        .prop_map(|(seq, at, (who, role, from), (act, target, reason), outcome, hash)| AuditView {
            seq,
            at,
            who,
            role,
            from,
            act,
            target,
            reason,
            outcome,
            hash,
        })
        .boxed()
}
