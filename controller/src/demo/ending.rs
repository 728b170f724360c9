//! The end of a demo: in numbers, and in words.

use tokio::time::Instant;
use wavegate_common::view::{RolloutView, RolloutWhyView};
use wavegate_common::{PauseReason, RolloutPhase, Scope};

use super::ground::Sums;
use super::outcome::{DemoHosts, DemoOutcome, DemoRollout, DemoWave};
use super::scenario::Scenario;
use crate::cli::output::Output;
use crate::cli::render::paint::Paint;
use crate::cli::render::{time, why as why_text};

/// What the controller says of the rollout, and what really happened to the hosts.
pub(super) fn outcome(
    scenario: Scenario,
    seed: u64,
    view: &RolloutView,
    sums: &Sums,
    begun: Instant,
) -> DemoOutcome {
    let counts = &view.hosts;
    let settled = counts.updated + counts.failed + counts.lost + counts.rolled_back;
    DemoOutcome {
        scenario: scenario.name().to_owned(),
        seed,
        rollout: DemoRollout {
            phase: view.standing.phase.clone(),
            reason: view.standing.reason.clone(),
            scope: scope(&view.standing.phase_detail),
            waves: view
                .waves
                .iter()
                .map(|wave| DemoWave {
                    index: wave.index,
                    share: u64::from(wave.share.0),
                    hosts: wave.hosts,
                    verdict: wave.verdict.clone(),
                })
                .collect(),
        },
        hosts: DemoHosts {
            total: counts.total,
            updated: counts.updated,
            failed: counts.failed,
            lost: counts.lost,
            rolled_back: counts.rolled_back,
            pending: counts.total.saturating_sub(settled),
        },
        exposed_hosts: sums.exposed,
        harmed_hosts: sums.harmed,
        max_down_by_domain: sums.max_down_by_domain.clone(),
        commanded_reboots: sums.commanded_reboots,
        duplicate_reboots: sums.duplicate_reboots,
        violations: sums.violations.len() as u64,
        wall_s: (begun.elapsed().as_secs_f64() * 10.0).round() / 10.0,
    }
}

fn scope(phase: &RolloutPhase) -> Option<String> {
    let RolloutPhase::Paused { reason: PauseReason::Gate { scope, .. }, .. } = phase else {
        return None;
    };
    Some(match scope {
        Scope::Rollout => "rollout".to_owned(),
        Scope::Class(class) => format!("class:{class}"),
        Scope::Domain(domain) => format!("domain:{domain}"),
    })
}

/// The end in words.
pub(super) fn epilogue(outcome: &DemoOutcome, why: &RolloutWhyView, output: &Output) -> String {
    let hosts = &outcome.hosts;
    let mut out = why_text::why(why, time::now(), Paint(output.colour));
    out.push_str(&format!(
        "\n{} of {} hosts run the new kernel, {} tried it, {} came to harm; {} reboots, {} of them \
         twice; {:.0} s\n",
        hosts.updated,
        hosts.total,
        outcome.exposed_hosts,
        outcome.harmed_hosts,
        outcome.commanded_reboots,
        outcome.duplicate_reboots,
        outcome.wall_s
    ));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::samples;

    #[test]
    fn the_class_is_named_in_the_scope() {
        let view = samples::paused();
        let scope = scope(&view.standing.phase_detail).unwrap();
        assert!(scope.starts_with("class:dell-inc."), "{scope}");
    }
}
