//! What the gate's statistics mean for the gate of a wave. They are computed outside, from stored
//! evidence, because they cost more than a pass may; what follows from them is decided here.

use wavegate_common::{Assessment, Finding, HostClass, RolloutPhase, Scope, Verdict};

use super::work::{Seat, Work};
use crate::input::PlanningInput;
use crate::sabotage::{Guard, on};

/// What the comparison says of everything that has moved up to a wave, on top of what boots say.
/// A class that is worse stops at once, also while hosts are still under way.
pub(super) fn compared(
    input: &PlanningInput<'_>,
    work: &Work<'_>,
    wave: u16,
    boots: Verdict,
) -> Verdict {
    let spec = &work.stored.spec;
    if !spec.is_compared() || matches!(boots, Verdict::Fail { .. }) || !on(Guard::Assessment) {
        return boots;
    }
    let assessment = input.assessments.get(&work.stored.id);
    let open = moved(work, wave);
    let findings = worse(work, &open, assessment);
    if !findings.is_empty() {
        return Verdict::Fail { scope: scope(&findings), findings };
    }
    // What is measured after a boot takes time to come: the wave bakes meanwhile.
    let RolloutPhase::Baking { until, .. } = &work.phase else { return boots };
    if boots != Verdict::Pass {
        return boots;
    }
    let waited = input.now > until.after(spec.patience());
    // Once its last host has moved there is nobody in a class left to compare with, and nobody to
    // protect.
    let open: Vec<(u32, &HostClass)> = open
        .into_iter()
        .filter(|(at, _)| {
            work.stored.has_hosts_after(*at, wave) && !work.stored.passed.contains(at)
        })
        .collect();
    match undecided(&open, assessment) {
        Some(Verdict::Extend { missing }) if waited => {
            let why = format!("{missing}; it has been waited for {}", spec.patience());
            Verdict::Inconclusive { why }
        }
        Some(verdict) => verdict,
        None => Verdict::Pass,
    }
}

/// Classes that comparison finds as good as before: it is written down, so that the class need not
/// prove it again with fewer controls in a later wave.
pub(super) fn write_down(input: &PlanningInput<'_>, work: &mut Work<'_>) {
    if !work.stored.spec.is_compared() || !on(Guard::Assessment) {
        return;
    }
    let RolloutPhase::Baking { wave, .. } = work.phase else { return };
    let Some(assessment) = input.assessments.get(&work.stored.id) else { return };
    let passed: Vec<u32> = moved(work, wave)
        .into_iter()
        .filter(|(_, class)| {
            assessment.class(class).is_some_and(|known| known.verdict == Verdict::Pass)
        })
        .map(|(at, _)| at)
        .collect();
    for class in passed {
        work.pass_class(class, assessment.evidence);
    }
}

/// Classes with hosts on the new kernel whose verdict counts: not blocked, and nobody has
/// answered for them.
fn moved<'a>(work: &'a Work<'_>, wave: u16) -> Vec<(u32, &'a HostClass)> {
    let mut has = vec![false; work.stored.classes.len()];
    for host in work.seats.iter().map(Seat::host) {
        let on_new = matches!(host.phase, wavegate_common::HostPhase::Updated { .. });
        if on_new
            && host.wave <= wave
            && let Some(has) = has.get_mut(host.class as usize)
        {
            *has = true;
        }
    }
    let classes = work.stored.classes.iter().zip(0u32..).zip(has);
    classes
        .filter(|((_, at), has)| {
            *has && !work.is_blocked(*at) && !work.stored.accepted.contains_key(at)
        })
        .map(|((class, at), _)| (at, class))
        .collect()
}

/// What is worse, class by class.
fn worse(
    work: &Work<'_>,
    open: &[(u32, &HostClass)],
    assessment: Option<&Assessment>,
) -> Vec<Finding> {
    let Some(assessment) = assessment else { return Vec::new() };
    assessment
        .classes
        .iter()
        .filter(|known| {
            open.iter().any(|(_, class)| **class == known.class)
                && work.stored.classes.contains(&known.class)
        })
        .filter_map(|known| match &known.verdict {
            Verdict::Fail { findings, .. } => Some(findings),
            Verdict::Pass | Verdict::Extend { .. } | Verdict::Inconclusive { .. } => None,
        })
        .flatten()
        .cloned()
        .collect()
}

fn scope(findings: &[Finding]) -> Scope {
    let mut classes = findings.iter().filter_map(|finding| finding.class.as_ref());
    match classes.next() {
        Some(first) if classes.all(|class| class == first) => Scope::Class(first.clone()),
        _ => Scope::Rollout,
    }
}

/// The first class that has not passed: what is missing, or why it cannot be told. A class of
/// which nothing is said lacks data: silence is never a pass.
fn undecided(open: &[(u32, &HostClass)], assessment: Option<&Assessment>) -> Option<Verdict> {
    let mut unclear = None;
    for (_, class) in open {
        match assessment.and_then(|a| a.class(class)).map(|known| &known.verdict) {
            Some(Verdict::Pass) => {}
            // These were taken out before.
            Some(Verdict::Fail { .. }) => {}
            Some(Verdict::Extend { missing }) => {
                return Some(Verdict::Extend { missing: format!("class {class}: {missing}") });
            }
            Some(Verdict::Inconclusive { why }) => {
                let why = format!("class {class}: {why}");
                unclear.get_or_insert(Verdict::Inconclusive { why });
            }
            None => {
                let missing = format!("class {class}: nothing was measured on it yet");
                return Some(Verdict::Extend { missing });
            }
        }
    }
    unclear
}

/// The finding behind a class that was stopped, for a pause that comes later.
pub(super) fn findings_of(input: &PlanningInput<'_>, work: &Work<'_>, class: u32) -> Vec<Finding> {
    let Some(name) = work.stored.classes.get(class as usize) else { return Vec::new() };
    let known = input.assessments.get(&work.stored.id).and_then(|a| a.class(name));
    match known.map(|known| &known.verdict) {
        Some(Verdict::Fail { findings, .. }) => findings.clone(),
        _ => {
            let what = work.stored.blocked.get(&class).cloned().unwrap_or_default();
            vec![Finding {
                metric: wavegate_common::Metric::Performance,
                class: Some(name.clone()),
                name: None,
                effect_ppm: 0,
                interval_ppm: (0, 0),
                evidence: what,
                hosts: Vec::new(),
            }]
        }
    }
}
