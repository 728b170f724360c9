//! Random incidents and signals.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use wavegate_common::plan::AlertKind;
use wavegate_common::signal::{
    Better, HostSignal, Measure, SignalKind, SignalReading, SignalState,
};
use wavegate_common::view::{Choice, DeliveryView, HostRef, IncidentView, ReceiverView, Severity};

use super::draw::{host, rollout_id, span, text, texts, time, word};

fn delivery() -> BoxedStrategy<DeliveryView> {
    let counts = any::<(u32, u32, u64)>();
    (word(), counts, option::of(time()), option::of(time()), option::of(text()))
        .prop_map(|(receiver, (sent, attempts, failures), sent_at, next_at, error)| DeliveryView {
            receiver,
            sent,
            sent_at,
            attempts,
            failures,
            next_at,
            error,
        })
        .boxed()
}

pub(super) fn incident() -> BoxedStrategy<IncidentView> {
    use AlertKind::{Finished, GateClosed, HostsLost, HostsSilent, OutOfSight, Violation};
    let kind = select(vec![GateClosed, HostsLost, OutOfSight, Violation, Finished, HostsSilent]);
    let severity = select(vec![Severity::Critical, Severity::Warning, Severity::Notice]);
    let hosts = vec((host(), word()).prop_map(|(id, name)| HostRef { id, name }), 0..3);
    let next = vec((text(), text()).prop_map(|(command, effect)| Choice { command, effect }), 0..3);
    let head = (any::<(u64, u64, u32)>(), word(), kind, severity, rollout_id(), word());
    let says = (text(), text(), texts(), hosts, texts(), next);
    let times = (time(), time(), option::of(time()));
    (head, says, times, vec(delivery(), 0..3))
        .prop_map(|(head, says, (opened_at, updated_at, resolved_at), deliveries)| {
            let ((id, host_count, revision), key, kind, severity, rollout, rollout_name) = head;
            let (text, scope, shared, hosts, evidence, next) = says;
            IncidentView {
                id,
                key,
                kind,
                severity,
                rollout,
                rollout_name,
                text,
                scope,
                shared,
                host_count,
                hosts,
                evidence,
                next,
                opened_at,
                updated_at,
                resolved_at,
                revision,
                deliveries,
            }
        })
        .boxed()
}

pub(super) fn receiver() -> BoxedStrategy<ReceiverView> {
    let counts = any::<(u64, u64, u64)>();
    (word(), word(), counts, option::of(time()), option::of(text()))
        .prop_map(|(name, kind, (pending, failures, silences), sent_at, error)| ReceiverView {
            name,
            kind,
            pending,
            failures,
            sent_at,
            error,
            silences,
        })
        .boxed()
}

pub(super) fn reading() -> BoxedStrategy<SignalReading> {
    let number = || -1e9..1e9f64;
    let better = select(vec![Better::Lower, Better::Higher]);
    let kind = prop_oneof![
        Just(SignalKind::Ratio),
        better.prop_map(|better| SignalKind::Value { better })
    ];
    let measure = prop_oneof![
        (number(), number()).prop_map(|(errors, requests)| Measure::Ratio { errors, requests }),
        number().prop_map(|value| Measure::Value { value }),
    ];
    let signal =
        (host(), time(), measure).prop_map(|(host, at, measure)| HostSignal { host, at, measure });
    let state = prop_oneof![
        Just(SignalState::Unasked),
        (time(), vec(signal, 1..4), any::<u64>())
            .prop_map(|(at, hosts, strangers)| SignalState::Answered { at, hosts, strangers }),
        (time(), any::<u64>()).prop_map(|(at, strangers)| SignalState::Empty { at, strangers }),
        (time(), text()).prop_map(|(since, error)| SignalState::Unreachable { since, error }),
    ];
    (word(), kind, any::<u64>(), span(), state)
        .prop_map(|(source, kind, min_exposure, stale_after, state)| SignalReading {
            source,
            kind,
            min_exposure,
            stale_after,
            state,
        })
        .boxed()
}
