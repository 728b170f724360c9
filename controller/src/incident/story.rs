//! What is told besides the alert's sentence: the same words as `rollout why`.

use wavegate_common::{Alert, AlertKind, PauseReason, RolloutPhase};
use wavegate_core::Rollout;

use super::model::{EVIDENCE, NAMED, SENTENCE, Story};
use crate::driver::World;
use crate::view::{Known, host_ref, rollout_why};

/// Renders it. `rollout` is the rollout as it will be after the plan.
#[must_use]
pub fn story(world: &World, alert: &Alert, rollout: Option<&Rollout>) -> Story {
    let hosts = alert.hosts.iter().take(NAMED).map(|host| host_ref(world, *host)).collect();
    let Some(rollout) = rollout else {
        return Story { rollout: alert.rollout.to_string(), hosts, ..Story::default() };
    };
    let why =
        rollout_why(world, Known { rollout, report: world.reports.get(&rollout.id), last: None });
    // What hosts have in common says something only where hosts are the point.
    let shared = if alert.hosts.is_empty() { Vec::new() } else { why.shared };
    Story {
        rollout: rollout.spec.name.clone(),
        shared,
        hosts,
        evidence: evidence(alert, rollout),
        next: why.choices,
    }
}

fn evidence(alert: &Alert, rollout: &Rollout) -> Vec<String> {
    let findings = match &rollout.phase {
        RolloutPhase::Paused { reason: PauseReason::Gate { findings, .. }, .. }
            if alert.kind == AlertKind::GateClosed =>
        {
            findings.as_slice()
        }
        _ => &[],
    };
    let bounded = |text: &str| text.chars().take(SENTENCE).collect();
    findings.iter().take(EVIDENCE).map(|finding| bounded(&finding.evidence)).collect()
}
