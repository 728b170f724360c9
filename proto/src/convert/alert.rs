//! Incidents and signals.

use wavegate_common::plan::AlertKind;
use wavegate_common::signal::{
    Better, HostSignal, Measure, SignalKind, SignalReading, SignalState,
};
use wavegate_common::view::{
    DeliveryView, IncidentList, IncidentView, ReceiverTest, ReceiverView, Severity, SignalList,
};

use super::invalid::{HOSTS, LONG, NAME, PAGE};
use super::shape::{choice, enumeration, record};

enumeration!(AlertKind { GateClosed, HostsLost, OutOfSight, Violation, Finished, HostsSilent });
enumeration!(Severity { Critical, Warning, Notice });
record!(DeliveryView = DeliveryView {
    receiver[NAME], sent, sent_at, attempts, failures, next_at, error[LONG],
});
record!(IncidentView = IncidentView {
    id, key[LONG], kind, severity, rollout, rollout_name[NAME], text[LONG], scope[LONG],
    shared[LONG], host_count, hosts, evidence[LONG], next[LONG], opened_at, updated_at,
    resolved_at, revision, deliveries[PAGE],
});
record!(ReceiverView = ReceiverView {
    name[NAME], kind[NAME], pending, failures, sent_at, error[LONG], silences,
});
record!(IncidentList = IncidentList { incidents[PAGE], receivers[PAGE] });
record!(ReceiverTest = ReceiverTest { receiver[NAME], taken, detail[LONG] });

enumeration!(Better { Lower, Higher });
choice!(SignalKind in signal_kind { Ratio, Value { better } });
choice!(Measure in measure { Ratio { errors, requests }, Value { value } });
record!(HostSignal = HostSignal { host, at, measure });
choice!(SignalState in signal_state {
    Unasked,
    Answered { at, hosts[HOSTS], strangers },
    Empty { at, strangers },
    Unreachable { since, error[LONG] },
});
record!(SignalReading = SignalReading { source[NAME], kind, min_exposure, stale_after, state });
record!(SignalList = SignalList { readings[PAGE] });
