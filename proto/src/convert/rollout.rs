//! Where rollouts and their hosts stand, what gates say, what the planner says.

use wavegate_common::id::HostId;
use wavegate_common::plan::{HostWait, PlanReport, WaveReport};
use wavegate_common::rollout::{
    AbortReason, ExcludeReason, FailReason, HostPhase, PauseReason, RolloutPhase, Scope,
};
use wavegate_common::time::Timestamp;
use wavegate_common::verdict::{Finding, Metric, Verdict};
use wavegate_common::waiting::WaitingOn;

use super::field::OnWire;
use super::invalid::{At, EVIDENCE, HOSTS, Invalid, LONG, NAME, PAGE};
use super::shape::{choice, enumeration, record, required};
use crate::wire;

enumeration!(Metric {
    Lost,
    FellBack,
    UnexpectedReboot,
    HealthChecks,
    StepFailed,
    Reports,
    Performance,
    Errors,
    Reboots,
});
choice!(Scope in scope { Rollout, Class(class), Domain(domain) });
record!(Finding = Finding {
    metric, class, name, effect_ppm, interval_ppm, evidence[EVIDENCE], hosts[HOSTS],
});

impl OnWire<wire::Interval> for (i64, i64) {
    fn read(wire: wire::Interval, _: &At<'_>) -> Result<Self, Invalid> {
        Ok((wire.low, wire.high))
    }
    fn write(&self) -> wire::Interval {
        wire::Interval { low: self.0, high: self.1 }
    }
}
required!((i64, i64) = Interval);

choice!(Verdict in verdict {
    Pass,
    Fail { scope, findings },
    Extend { missing[LONG] },
    Inconclusive { why[LONG] },
});

choice!(PauseReason in pause_reason {
    Gate { wave, scope, findings },
    Operator { by[NAME], reason },
    Violation { text[LONG] },
});
choice!(AbortReason in abort_reason { Operator { by[NAME], reason }, RolledBack });

// By hand, because a paused phase holds another one and the wire boxes it.
impl OnWire<wire::RolloutPhase> for RolloutPhase {
    fn read(wire: wire::RolloutPhase, at: &At<'_>) -> Result<Self, Invalid> {
        use wire::rollout_phase::Kind;
        match wire.kind {
            Some(Kind::Draft(wire::Nothing {})) => Ok(Self::Draft),
            Some(Kind::Canary(wire::Nothing {})) => Ok(Self::Canary),
            Some(Kind::Rolling(rolling)) => {
                let at = at.field("rolling");
                Ok(Self::Rolling { wave: OnWire::read(rolling.wave, &at.field("wave"))? })
            }
            Some(Kind::Baking(baking)) => {
                let at = at.field("baking");
                Ok(Self::Baking {
                    wave: OnWire::read(baking.wave, &at.field("wave"))?,
                    until: Timestamp(baking.until),
                })
            }
            Some(Kind::Paused(paused)) => {
                let at = at.field("paused");
                let to = at.field("resume_to");
                let resume_to = *paused.resume_to.ok_or_else(|| to.missing())?;
                Ok(Self::Paused {
                    resume_to: Box::new(Self::read(resume_to, &to)?),
                    reason: OnWire::read(paused.reason, &at.field("reason"))?,
                })
            }
            Some(Kind::RollingBack(wire::Nothing {})) => Ok(Self::RollingBack),
            Some(Kind::Succeeded(wire::Nothing {})) => Ok(Self::Succeeded),
            Some(Kind::Aborted(aborted)) => {
                let at = at.field("aborted");
                Ok(Self::Aborted { reason: OnWire::read(aborted.reason, &at.field("reason"))? })
            }
            None => Err(at.invalid("missing, or of a kind not known here")),
        }
    }

    fn write(&self) -> wire::RolloutPhase {
        use wire::rollout_phase::{Aborted, Baking, Kind, Paused, Rolling};
        let kind = match self {
            Self::Draft => Kind::Draft(wire::Nothing {}),
            Self::Canary => Kind::Canary(wire::Nothing {}),
            Self::Rolling { wave } => Kind::Rolling(Rolling { wave: wave.write() }),
            Self::Baking { wave, until } => {
                Kind::Baking(Baking { wave: wave.write(), until: until.write() })
            }
            Self::Paused { resume_to, reason } => Kind::Paused(Box::new(Paused {
                resume_to: Some(Box::new(Self::write(resume_to))),
                reason: reason.write(),
            })),
            Self::RollingBack => Kind::RollingBack(wire::Nothing {}),
            Self::Succeeded => Kind::Succeeded(wire::Nothing {}),
            Self::Aborted { reason } => Kind::Aborted(Aborted { reason: reason.write() }),
        };
        wire::RolloutPhase { kind: Some(kind) }
    }
}
required!(RolloutPhase = RolloutPhase);

choice!(FailReason in fail_reason {
    FellBack { evidence[EVIDENCE] },
    WrongKernel { running },
    UnexpectedReboot { evidence[EVIDENCE] },
    HealthChecks { failed[LONG] },
    Step { error },
});
choice!(ExcludeReason in exclude_reason {
    Operator { by[NAME], reason },
    AlreadyThere,
    KnownBad { what[LONG] },
    Ended,
});
choice!(HostPhase in host_phase {
    Pending,
    Staging { since },
    Staged,
    Draining { since },
    Rebooting { from, deadline },
    Verifying { since, boot },
    Updated { at, boot },
    RolledBack,
    Failed { step, reason },
    Lost,
    Excluded { reason },
});

choice!(WaitingOn in waiting_on {
    Bake { until },
    DisruptionBudget { budget, down, max },
    FailureDomainBusy { domain, down, max },
    FailureDomainDark { domain },
    Window { opens },
    Freeze { name, until },
    CanaryVerdict { class },
    ClassRamp { class, under_way, max },
    GateData { wave, missing[LONG] },
    EarlierWave { current, own },
    Holdback,
    ControllerHostLast,
    NoRecentReport { last },
    LostSight { unseen_ppm },
    Drift { items },
    Unhealthy { checks[LONG] },
    HostGuard { reasons },
    Held { by[NAME], reason },
    Approval { to },
    KnownBad { what[LONG] },
    Staging,
    Drain { waiting },
    RebootInProgress { deadline },
    Verification,
    HostLost,
    Paused { reason[LONG] },
    Failed { what[LONG] },
});

impl OnWire<wire::WaitingSince> for (WaitingOn, Timestamp) {
    fn read(wire: wire::WaitingSince, at: &At<'_>) -> Result<Self, Invalid> {
        Ok((OnWire::read(wire.on, &at.field("on"))?, Timestamp(wire.since)))
    }
    fn write(&self) -> wire::WaitingSince {
        wire::WaitingSince { on: self.0.write(), since: self.1.write() }
    }
}

impl OnWire<wire::HostSince> for (HostId, Timestamp) {
    fn read(wire: wire::HostSince, at: &At<'_>) -> Result<Self, Invalid> {
        Ok((OnWire::read(wire.host, &at.field("host"))?, Timestamp(wire.since)))
    }
    fn write(&self) -> wire::HostSince {
        wire::HostSince { host: self.0.write(), since: self.1.write() }
    }
}

record!(WaveReport = WaveReport { index, share_ppm, hosts, updated, under_way, harmed, verdict });
record!(HostWait = HostWait { on, hosts[HOSTS] });
record!(PlanReport = PlanReport {
    rollout, generation, at, phase, waiting, waves, hosts[PAGE],
});
