//! What operators may ask of a rollout, and the events that follow.

use std::collections::BTreeSet;

use wavegate_common::{
    AbortReason, ExcludeReason, HostClass, HostId, HostPhase, PauseReason, RolloutPhase, Timestamp,
};

use crate::event::{Event, HostChange, RolloutChange};
use crate::state::Rollout;

/// What an operator wants of a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Nothing begins any more; what is not irreversible is given up.
    Pause,
    /// Go on. Failures so far are acknowledged; blocked classes stay blocked but for the named
    /// ones, whose failed hosts try again.
    Resume {
        /// Classes that may try again.
        retry: Vec<HostClass>,
    },
    /// End it; hosts stay where they are.
    Abort,
    /// Every host that moved goes back to the kernel it came from.
    Rollback,
    /// A second person agrees.
    Approve,
    /// A person answers for these classes: whatever the gate's statistics say of them does not
    /// hold the rollout up, and what was blocked by them alone goes on.
    Accept {
        /// Which.
        classes: Vec<HostClass>,
    },
    /// These hosts take no part any more.
    Exclude {
        /// Which.
        hosts: Vec<HostId>,
    },
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Refused {
    /// One sentence: what is in the way and what to do.
    pub why: String,
}

/// Who asks, why, and when.
#[derive(Debug, Clone, Copy)]
struct Asked<'a> {
    by: &'a str,
    reason: &'a str,
}

/// The events that follow from a request.
///
/// # Errors
/// If the rollout's phase does not allow it.
pub fn request(
    rollout: &Rollout,
    request: &Request,
    by: &str,
    reason: &str,
    now: Timestamp,
) -> Result<Vec<Event>, Refused> {
    let asked = Asked { by, reason };
    let changes = match request {
        _ if rollout.phase.is_over() => {
            return refuse(format!(
                "the rollout is {}: nothing can change it",
                rollout.phase.name()
            ));
        }
        Request::Pause => pause(rollout, asked)?,
        Request::Resume { retry } => resume(rollout, retry, asked)?,
        Request::Abort => abort(rollout, asked)?,
        Request::Rollback => rollback(rollout)?,
        Request::Approve => approve(rollout, asked)?,
        Request::Accept { classes } => accept(rollout, classes, asked)?,
        Request::Exclude { hosts } => exclude(rollout, hosts, asked)?,
    };
    Ok(changes.into_iter().map(|change| Event { rollout: rollout.id, at: now, change }).collect())
}

fn refuse<T>(why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused { why: why.into() })
}

fn by_operator(asked: Asked<'_>) -> PauseReason {
    PauseReason::Operator { by: asked.by.to_owned(), reason: asked.reason.to_owned() }
}

fn pause(rollout: &Rollout, asked: Asked<'_>) -> Result<Vec<RolloutChange>, Refused> {
    if let RolloutPhase::Paused { reason, .. } = &rollout.phase {
        return refuse(format!("it is paused already: {reason}"));
    }
    let resume_to = Box::new(rollout.phase.clone());
    let to = RolloutPhase::Paused { resume_to, reason: by_operator(asked) };
    Ok(vec![RolloutChange::Moved { to }])
}

fn resume(
    rollout: &Rollout,
    retry: &[HostClass],
    asked: Asked<'_>,
) -> Result<Vec<RolloutChange>, Refused> {
    let RolloutPhase::Paused { resume_to, .. } = &rollout.phase else {
        return refuse(format!("it is not paused, it is {}", rollout.phase.name()));
    };
    if resume_to.is_over() {
        return refuse("it is being aborted; apply a new rollout instead");
    }
    let (by, reason) = (asked.by.to_owned(), asked.reason.to_owned());
    let retried = retried_classes(rollout, retry)?;
    let mut changes =
        vec![RolloutChange::FailuresAcknowledged { by: by.clone(), reason: reason.clone() }];
    for class in &retried {
        let Some(name) = rollout.classes.get(*class as usize).cloned() else { continue };
        let (by, reason) = (by.clone(), reason.clone());
        changes.push(RolloutChange::ClassCleared { class: *class, name, by, reason });
    }
    for host in &rollout.hosts {
        let change = match &host.phase {
            HostPhase::Failed { .. } if retried.contains(&host.class) => {
                Some(HostChange::Retried { by: by.clone(), reason: reason.clone() })
            }
            HostPhase::Pending | HostPhase::Staging { .. } | HostPhase::Staged => {
                let blocked = rollout.blocked.get(&host.class);
                blocked.filter(|_| !retried.contains(&host.class)).map(|what| {
                    HostChange::Excluded { reason: ExcludeReason::KnownBad { what: what.clone() } }
                })
            }
            _ => None,
        };
        changes.extend(change.map(|change| RolloutChange::Host { host: host.host, change }));
    }
    changes.push(RolloutChange::Moved { to: (**resume_to).clone() });
    Ok(changes)
}

fn retried_classes(rollout: &Rollout, retry: &[HostClass]) -> Result<Vec<u32>, Refused> {
    let blocked = |wanted: &HostClass| {
        rollout
            .blocked
            .keys()
            .copied()
            .find(|class| rollout.classes.get(*class as usize) == Some(wanted))
    };
    retry
        .iter()
        .map(|wanted| {
            blocked(wanted).ok_or_else(|| {
                let known: Vec<&str> = rollout
                    .blocked
                    .keys()
                    .filter_map(|class| rollout.classes.get(*class as usize))
                    .map(HostClass::as_str)
                    .collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                Refused { why: format!("class {wanted} is not blocked; blocked are: {known}") }
            })
        })
        .collect()
}

fn abort(rollout: &Rollout, asked: Asked<'_>) -> Result<Vec<RolloutChange>, Refused> {
    let (by, reason) = (asked.by.to_owned(), asked.reason.to_owned());
    let end = RolloutPhase::Aborted { reason: AbortReason::Operator { by, reason } };
    if rollout.phase == RolloutPhase::Draft {
        return Ok(vec![RolloutChange::Moved { to: end }]);
    }
    if let RolloutPhase::Paused { resume_to, .. } = &rollout.phase
        && resume_to.is_over()
    {
        return refuse("it is being aborted already");
    }
    // Hosts under way come to rest first; then the planner moves it to its end.
    let to = RolloutPhase::Paused { resume_to: Box::new(end), reason: by_operator(asked) };
    Ok(vec![RolloutChange::Moved { to }])
}

fn rollback(rollout: &Rollout) -> Result<Vec<RolloutChange>, Refused> {
    match &rollout.phase {
        RolloutPhase::Draft => refuse("nothing has moved yet; abort it instead"),
        RolloutPhase::RollingBack => refuse("it is rolling back already"),
        RolloutPhase::Paused { resume_to, .. } if resume_to.is_over() => {
            refuse("it is being aborted; apply a rollout of the old kernel instead")
        }
        RolloutPhase::Paused { resume_to, .. } if **resume_to == RolloutPhase::RollingBack => {
            refuse("its rollback is paused; resume it")
        }
        _ => Ok(vec![RolloutChange::Moved { to: RolloutPhase::RollingBack }]),
    }
}

fn approve(rollout: &Rollout, asked: Asked<'_>) -> Result<Vec<RolloutChange>, Refused> {
    if rollout.phase != RolloutPhase::Draft {
        return refuse(format!("it needs no approval, it is {}", rollout.phase.name()));
    }
    if rollout.created_by == asked.by {
        return refuse(format!("{} made it; somebody else must approve it", asked.by));
    }
    let (by, reason) = (asked.by.to_owned(), asked.reason.to_owned());
    Ok(vec![
        RolloutChange::Approved { by, reason },
        RolloutChange::Moved { to: RolloutPhase::Canary },
    ])
}

fn accept(
    rollout: &Rollout,
    classes: &[HostClass],
    asked: Asked<'_>,
) -> Result<Vec<RolloutChange>, Refused> {
    if !rollout.spec.is_compared() {
        return refuse("its specification has neither `judge` nor `signals`: nothing is compared");
    }
    if classes.is_empty() {
        return refuse("no class was named");
    }
    let mut changes = Vec::new();
    for wanted in classes {
        let found = rollout.classes.iter().zip(0u32..).find(|(name, _)| *name == wanted);
        let Some((name, class)) = found else {
            return refuse(format!("class {wanted} is not part of it"));
        };
        let of = |h: &&wavegate_common::RolloutHost| h.class == class;
        if rollout.hosts.iter().filter(of).any(|h| h.phase.is_harmed() && !h.acknowledged) {
            return refuse(format!(
                "hosts of class {wanted} failed: look at them and resume with `--retry-class`"
            ));
        }
        let (by, reason) = (asked.by.to_owned(), asked.reason.to_owned());
        if rollout.blocked.contains_key(&class) {
            let (name, by, reason) = (name.clone(), by.clone(), reason.clone());
            changes.push(RolloutChange::ClassCleared { class, name, by, reason });
        }
        changes.push(RolloutChange::ClassAccepted { class, name: name.clone(), by, reason });
    }
    Ok(changes)
}

fn exclude(
    rollout: &Rollout,
    hosts: &[HostId],
    asked: Asked<'_>,
) -> Result<Vec<RolloutChange>, Refused> {
    if hosts.is_empty() {
        return refuse("no host was named");
    }
    let reason =
        ExcludeReason::Operator { by: asked.by.to_owned(), reason: asked.reason.to_owned() };
    let hosts: BTreeSet<&HostId> = hosts.iter().collect();
    hosts
        .into_iter()
        .map(|id| {
            let Some(host) = rollout.host(*id) else {
                return refuse(format!("host {id} is not part of it"));
            };
            // A lost host may be let go: that a person looked is the evidence.
            let away = host.phase.holds_slot() && host.phase != HostPhase::Lost;
            if away || matches!(host.phase, HostPhase::Excluded { .. }) {
                return refuse(format!("host {id} is {}", host.phase.name()));
            }
            let change = HostChange::Excluded { reason: reason.clone() };
            Ok(RolloutChange::Host { host: *id, change })
        })
        .collect()
}
