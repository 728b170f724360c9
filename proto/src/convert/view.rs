//! What operators see.

use wavegate_common::inventory::Hold;
use wavegate_common::plan::WaveReport;
use wavegate_common::rollout::{HostPhase, RolloutPhase};
use wavegate_common::time::Timestamp;
use wavegate_common::view::{
    ArtifactView, AuditBreak, AuditCheck, AuditPage, AuditView, Choice, ClassCount, ClassHosts,
    Coverage, DomainLoad, EventPage, EventView, ExcludedHost, HarmedHost, HostCounts,
    HostInRollout, HostPage, HostRef, HostStanding, HostView, HostWhyView, HostsChanged,
    KernelList, KernelView, KnownBadView, OperatorEnrolled, Outcome, PlanView, PlanWave, Role,
    RolloutList, RolloutView, RolloutWhyView, Standing, TokenBinding, TokenList, TokenMade,
    TokenState, TokenView, VersionView, WaitGroup, WaitView, WaveView, WhoView,
};
use wavegate_common::waiting::WaitingOn;

use super::field::OnWire;
use super::host::{report, write_report};
use super::invalid::{At, CERTIFICATE, HOSTS, Invalid, LONG, NAME, PAGE};
use super::shape::{choice, enumeration, record, required};
use crate::wire;

enumeration!(Role { Viewer, Operator, Admin });
record!(VersionView = VersionView { version[NAME], protocol[NAME] });
record!(WhoView = WhoView { name[NAME], role });

/// A view that is made from one domain value crosses as that value; its words are made anew.
macro_rules! words {
    ($view:ident($inner:ty) = $wire:ident, $make:expr, $take:expr) => {
        impl OnWire<wire::$wire> for $view {
            fn read(wire: wire::$wire, at: &At<'_>) -> Result<Self, Invalid> {
                let make: fn($inner) -> $view = $make;
                <$inner as OnWire<wire::$wire>>::read(wire, at).map(make)
            }
            fn write(&self) -> wire::$wire {
                let take: fn(&$view) -> $inner = $take;
                take(self).write()
            }
        }
        required!($view = $wire);
    };
}
words!(Standing(RolloutPhase) = RolloutPhase, Standing::of, |view| view.phase_detail.clone());
words!(HostStanding(HostPhase) = HostPhase, HostStanding::of, |view| view.phase_detail.clone());
words!(
    WaitView((WaitingOn, Timestamp)) = WaitingSince,
    |(on, since)| WaitView::new(on, since),
    |view| (view.on.clone(), view.since)
);
words!(WaveView(WaveReport) = WaveReport, WaveView::from, |view| WaveReport {
    index: view.index,
    share_ppm: view.share.0.into(),
    hosts: view.hosts,
    updated: view.updated,
    under_way: view.under_way,
    harmed: view.harmed,
    verdict: view.verdict_detail.clone(),
});

record!(HostRef = HostRef { id, name[NAME] });
record!(HostInRollout = HostInRollout { rollout, rollout_name[NAME], wave, standing, came_from });
record!(Hold = Hold { by[NAME], reason });

// By hand, because a report does not say whose it is.
impl OnWire<wire::HostView> for HostView {
    fn read(wire: wire::HostView, at: &At<'_>) -> Result<Self, Invalid> {
        let id = OnWire::read(wire.id, &at.field("id"))?;
        Ok(Self {
            id,
            name: OnWire::read(wire.name, &at.field("name").limited(NAME))?,
            class: OnWire::read(wire.class, &at.field("class"))?,
            domains: OnWire::read(wire.domains, &at.field("domains"))?,
            labels: OnWire::read(wire.labels, &at.field("labels"))?,
            kernel: OnWire::read(wire.kernel, &at.field("kernel"))?,
            health: OnWire::read(wire.health, &at.field("health"))?,
            last_seen: OnWire::read(wire.last_seen, &at.field("last_seen"))?,
            connected: wire.connected,
            hold: OnWire::read(wire.hold, &at.field("hold"))?,
            rollout: OnWire::read(wire.rollout, &at.field("rollout"))?,
            waiting: OnWire::read(wire.waiting, &at.field("waiting"))?,
            report: wire.report.map(|wire| report(id, wire, &at.field("report"))).transpose()?,
        })
    }

    fn write(&self) -> wire::HostView {
        wire::HostView {
            id: self.id.write(),
            name: self.name.clone(),
            class: self.class.write(),
            domains: self.domains.write(),
            labels: self.labels.clone(),
            kernel: self.kernel.write(),
            health: self.health.write(),
            last_seen: self.last_seen.write(),
            connected: self.connected,
            hold: self.hold.write(),
            rollout: self.rollout.write(),
            waiting: self.waiting.write(),
            report: self.report.as_ref().map(write_report),
        }
    }
}

record!(HostPage = HostPage { hosts[PAGE], next, total });
record!(HostWhyView = HostWhyView { host, name[NAME], rollout, waiting, text[LONG], next });
record!(HostsChanged = HostsChanged { hosts[HOSTS] });

record!(KnownBadView = KnownBadView { class, what[LONG], since });
record!(KernelView = KernelView {
    release, key, added_by[NAME], added_at, reason, running, available, known_bad[PAGE],
});
record!(KernelList = KernelList { kernels[PAGE] });
record!(ArtifactView = ArtifactView { digest, size, received });

choice!(TokenBinding in token_binding {
    Host { name[NAME] },
    Hosts { selector },
    Operator { name[NAME], role },
});
choice!(TokenState in token_state { Open, Used { at, by[NAME] }, Revoked { at, by[NAME] } });
record!(TokenView = TokenView { id[NAME], binding, made_by[NAME], made_at, reason, expires, state });
record!(TokenList = TokenList { tokens[PAGE] });
record!(TokenMade = TokenMade { secret[NAME], token });
record!(OperatorEnrolled = OperatorEnrolled {
    certificate_pem[CERTIFICATE], ca_pem[CERTIFICATE], name[NAME], role, not_after,
});

record!(ClassHosts = ClassHosts { class, hosts });
record!(PlanWave = PlanWave { index, share, hosts, classes[PAGE] });
record!(Coverage = Coverage { class, hosts, canaries[PAGE], waived });
record!(DomainLoad = DomainLoad { domain, down, max });
record!(ExcludedHost = ExcludedHost { id, name[NAME], reason });
record!(PlanView = PlanView {
    hash, name[NAME], release, hosts, seed, waves, holdback, coverage[PAGE], peak_down[HOSTS],
    p50, p90, unreached, excluded[HOSTS], warnings[LONG], needs_approval,
});

record!(
    HostCounts =
        HostCounts { total, updated, failed, lost, rolled_back, pending, under_way, excluded }
);
record!(ClassCount = ClassCount { class, total, updated, harmed, blocked[LONG] });
record!(RolloutView = RolloutView {
    id, name[NAME], release, standing, generation, seed, created_by[NAME], created_at, changed_at,
    hosts, waves, classes[PAGE], down_by_domain[HOSTS], waiting, spec, report,
});
record!(RolloutList = RolloutList { rollouts[PAGE] });
record!(HarmedHost = HarmedHost { id, name[NAME], class, domains, standing });
record!(Choice = Choice { command, effect });
record!(WaitGroup = WaitGroup { waiting, count, hosts[HOSTS] });
record!(RolloutWhyView = RolloutWhyView {
    id, name[NAME], standing, text[LONG], since, waiting, findings, harmed[HOSTS], shared, done,
    choices, waits[PAGE],
});

record!(EventView = EventView { seq, at, rollout, host, kind[NAME], text[LONG] });
record!(EventPage = EventPage { events[PAGE], next });
choice!(Outcome in outcome { Done, Refused { why[LONG] } });
record!(AuditView = AuditView {
    seq, at, who[NAME], role[NAME], from[NAME], act[NAME], target, reason, outcome, hash,
});
record!(AuditPage = AuditPage { entries[PAGE], next });
record!(AuditBreak = AuditBreak { seq, problem[LONG] });
record!(AuditCheck = AuditCheck { entries, head, broken });
