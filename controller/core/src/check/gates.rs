//! I3, I4, I9, I13, I14: who may begin, and when a gate may open.

use wavegate_common::{Direction, HostPhase, RolloutHost, RolloutPhase, Verdict};

use super::opinion::Case;
use crate::event::HostChange;
use crate::input::{Plan, PlanningInput, Violation};

pub(super) fn check(
    input: &PlanningInput<'_>,
    plan: &Plan,
    case: &Case<'_>,
    out: &mut Vec<Violation>,
) {
    for (id, change) in &case.changes {
        let begins = match change {
            HostChange::StageOrdered { .. } => true,
            HostChange::ActivateOrdered { direction, .. } => *direction == Direction::Forward,
            _ => false,
        };
        if begins && let Some(host) = case.rollout.host(*id) {
            may_begin(input, case, host, out);
        }
    }
    for pair in case.phases.windows(2) {
        if let [from, to] = pair {
            may_pass(input, plan, case, from, to, out);
        }
    }
}

fn may_begin(
    input: &PlanningInput<'_>,
    case: &Case<'_>,
    host: &RolloutHost,
    out: &mut Vec<Violation>,
) {
    let name = host.host;
    match case.phase() {
        RolloutPhase::Canary if host.wave == 0 => {}
        RolloutPhase::Rolling { wave } | RolloutPhase::Baking { wave, .. }
            if host.wave <= *wave => {}
        RolloutPhase::Paused { .. } => {
            out.push(case.breaks(4, format!("host {name} begins while the rollout is paused")));
        }
        phase => {
            let text = format!("host {name} of wave {} begins in {}", host.wave, phase.name());
            out.push(case.breaks(3, text));
        }
    }
    let class = case.rollout.classes.get(host.class as usize);
    let key = case.rollout.release.key();
    let bad = class.and_then(|class| input.known_bad.against(&key, class, name)).is_some();
    if bad || case.rollout.blocked.contains_key(&host.class) {
        out.push(case.breaks(13, format!("host {name} begins although the release is known bad")));
    }
    // A host that this very plan sees to its end does not wait any more.
    let ends = |id| {
        case.changes.iter().any(|(host, change)| {
            let end = matches!(
                change,
                HostChange::Confirmed | HostChange::Excluded { .. } | HostChange::Failed { .. }
            );
            *host == id && end
        })
    };
    let others_wait = || {
        let mut others = case.rollout.hosts.iter().filter(|other| other.host != name);
        others.any(|other| !other.phase.is_settled() && !ends(other.host))
    };
    if input.policy.controller_host == Some(name) && others_wait() {
        out.push(case.breaks(14, format!("the controller's own host {name} is not last")));
    }
}

/// A wave is left only through its gate: a verdict `Pass`, made from hosts that report.
fn may_pass(
    input: &PlanningInput<'_>,
    plan: &Plan,
    case: &Case<'_>,
    from: &RolloutPhase,
    to: &RolloutPhase,
    out: &mut Vec<Violation>,
) {
    let wave = match (from, to) {
        (RolloutPhase::Canary, RolloutPhase::Baking { .. }) => 0,
        (RolloutPhase::Rolling { wave }, RolloutPhase::Baking { .. }) => *wave,
        (
            RolloutPhase::Baking { wave, until },
            RolloutPhase::Rolling { .. } | RolloutPhase::Succeeded,
        ) => {
            let watched = case.rollout.hosts.iter().filter_map(|host| match host.phase {
                HostPhase::Updated { at, .. } => Some(at.after(case.rollout.spec.bake)),
                _ => None,
            });
            if watched.chain([*until]).any(|until| input.now < until) {
                out.push(case.breaks(3, format!("wave {wave} is left before it has baked")));
            }
            *wave
        }
        (RolloutPhase::Canary, RolloutPhase::Rolling { .. } | RolloutPhase::Succeeded) => {
            let left = |id| {
                case.changes.iter().any(|(host, change)| {
                    *host == id && matches!(change, HostChange::Excluded { .. })
                })
            };
            let canary = |host: &&RolloutHost| {
                let out = matches!(host.phase, HostPhase::Excluded { .. });
                host.wave == 0 && !out && !left(host.host)
            };
            if case.rollout.hosts.iter().any(|host| canary(&host)) {
                out.push(case.breaks(3, "the canary stage is left without its gate".to_owned()));
            }
            return;
        }
        _ => return,
    };
    let verdict = plan
        .reports
        .iter()
        .find(|report| report.rollout == case.rollout.id)
        .and_then(|report| report.waves.get(usize::from(wave)))
        .and_then(|report| report.verdict.as_ref());
    if verdict != Some(&Verdict::Pass) {
        out.push(case.breaks(3, format!("wave {wave} is left without a verdict that passes")));
    }
    reported(input, case, wave, out);
    if matches!(from, RolloutPhase::Baking { .. }) {
        compared(input, case, wave, out);
    }
}

/// I9: where comparison was asked for, every class on the new kernel was compared and found as
/// good, or a person answers for it, or it was stopped.
fn compared(input: &PlanningInput<'_>, case: &Case<'_>, wave: u16, out: &mut Vec<Violation>) {
    if !case.rollout.spec.is_compared() {
        return;
    }
    // Of a class that is through nobody is left to compare with, and nobody to protect.
    let through = |class: u32| {
        let mut of_class = case.rollout.hosts.iter().filter(|host| host.class == class);
        of_class.all(|h| h.wave <= wave || matches!(h.phase, HostPhase::Excluded { .. }))
    };
    let says = input.assessments.get(&case.rollout.id);
    for (name, class) in case.rollout.classes.iter().zip(0u32..) {
        let excused = case.rollout.blocked.contains_key(&class)
            || case.rollout.accepted.contains_key(&class)
            || case.rollout.passed.contains(&class)
            || through(class);
        let there = |host: &RolloutHost| {
            host.class == class
                && host.wave <= wave
                && matches!(host.phase, HostPhase::Updated { .. })
        };
        if excused || !case.rollout.hosts.iter().any(there) {
            continue;
        }
        let passed = says
            .and_then(|says| says.classes.iter().find(|known| known.class == *name))
            .is_some_and(|known| known.verdict == Verdict::Pass);
        if !passed {
            let text = format!("wave {wave} is left although class {name} has not passed");
            out.push(case.breaks(9, text));
        }
    }
}

/// I9: most hosts that were updated have been heard of lately, and there are some.
fn reported(input: &PlanningInput<'_>, case: &Case<'_>, wave: u16, out: &mut Vec<Violation>) {
    let (mut updated, mut heard) = (0u64, 0u64);
    for host in &case.rollout.hosts {
        let confirmed = case
            .changes
            .iter()
            .any(|(id, change)| *id == host.host && matches!(change, HostChange::Confirmed));
        let there = matches!(host.phase, HostPhase::Updated { .. }) || confirmed;
        if there && host.wave <= wave {
            updated += 1;
            let seen = input.inventory.get(host.host).and_then(|record| record.last_seen);
            let stale_after = input.policy.stale_after;
            heard += u64::from(seen.is_some_and(|seen| {
                seen <= input.now.after(stale_after) && input.now <= seen.after(stale_after)
            }));
        }
    }
    let needed = case.rollout.spec.gate.reporting.of(updated);
    if updated == 0 || heard < needed {
        let text =
            format!("the gate of wave {wave} opens with {heard} of {updated} hosts heard of");
        out.push(case.breaks(9, text));
    }
}
