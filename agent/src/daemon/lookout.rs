//! Looks around on this host when told to, beside the daemon's own task: a health check may take
//! seconds.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use wavegate_common::actuator::{Answer, Capabilities, Request};
use wavegate_common::{Facts, Health, Millis};

use crate::act::Actuator;
use crate::health::{HealthRules, UnitBaseline, check, load_baseline, refresh_baseline};
use crate::machine::Surroundings;
use crate::observe::{GuardRules, clocks, facts, guard, installed_kernels};
use crate::root::Root;

/// What the actuator knows changes seldom, and only by what it does itself; a person at the host
/// may change it all the same.
const PROBE_EVERY: Duration = Duration::from_secs(600);
/// When the actuator did not answer, it is asked again sooner.
const PROBE_RETRY: Duration = Duration::from_secs(60);
/// While nothing is under way, checks run less often than the rest is read: they start processes.
const IDLE_CHECK_EVERY: Duration = Duration::from_secs(55);

/// Units that always fail take their time to fail again after a boot; before that they have not
/// recovered.
const SETTLED: Millis = Millis::mins(10);

/// How the host stands, which says how closely to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Situation {
    /// Nothing is under way.
    Idle,
    /// An order is.
    Busy,
    /// A new kernel is on trial: what is checked now is about it.
    Trial,
}

/// One look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) situation: Situation,
    /// The worker has changed something that the actuator would answer differently about.
    pub(super) ask_actuator: bool,
}

/// What was seen.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) surroundings: Surroundings,
    /// Modules come and go and firmware is updated, so facts are read anew now and then; none if
    /// they were not read this time.
    pub(super) facts: Option<Facts>,
}

/// Whoever looks.
#[derive(Debug)]
pub(super) struct Lookout {
    root: Root,
    actuator: Actuator,
    guard: GuardRules,
    rules: HealthRules,
    state_dir: PathBuf,
    baseline: Option<UnitBaseline>,
    probe: Option<(Instant, Result<Box<Capabilities>, String>)>,
    health: Option<(Instant, Health)>,
}

impl Lookout {
    pub(super) fn new(
        root: Root,
        actuator: Actuator,
        guard: GuardRules,
        rules: HealthRules,
        state_dir: PathBuf,
    ) -> Self {
        let (baseline, probe, health) = (None, None, None);
        Self { root, actuator, guard, rules, state_dir, baseline, probe, health }
    }

    /// Answers every request until the other side is gone.
    pub(super) async fn run(mut self, mut looks: mpsc::Receiver<Look>, found: mpsc::Sender<Found>) {
        while let Some(look) = looks.recv().await {
            if found.send(self.look(look).await).await.is_err() {
                return;
            }
        }
    }

    async fn look(&mut self, look: Look) -> Found {
        let probed = self.probe(look.ask_actuator).await;
        let health = self.check(look.situation).await;
        let mut reasons = guard(&self.root, &self.guard);
        let (default_kernel, no_kexec) = match &self.probe {
            Some((_, Ok(capabilities))) => {
                (capabilities.loader.default_kernel.clone(), capabilities.no_kexec())
            }
            Some((_, Err(why))) => {
                reasons.push(why.clone());
                (None, vec![why.clone()])
            }
            None => (None, vec!["the actuator was not asked yet".to_owned()]),
        };
        let installed = installed_kernels(&self.root);
        let surroundings =
            Surroundings { installed, default_kernel, guard: reasons, no_kexec, health };
        // Both cost the most and change the least, so they go together.
        Found { surroundings, facts: probed.then(|| facts(&self.root)) }
    }

    /// Whether it was asked.
    async fn probe(&mut self, ask: bool) -> bool {
        let due = match &self.probe {
            None => true,
            Some((at, Ok(_))) => at.elapsed() >= PROBE_EVERY,
            Some((at, Err(_))) => at.elapsed() >= PROBE_RETRY,
        };
        if !due && !ask {
            return false;
        }
        let answer = match self.actuator.ask(&Request::Probe { dry_run: None }).await {
            Ok(Answer::Probed(capabilities)) => Ok(capabilities),
            Ok(_) => Err("the actuator answered to probe with something else".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let known = matches!((&self.probe, &answer), (Some((_, Err(old))), Err(new)) if old == new);
        if let (Err(why), false) = (&answer, known) {
            tracing::warn!(why, "the actuator does not say what this host can do");
        }
        self.probe = Some((Instant::now(), answer));
        true
    }

    async fn check(&mut self, situation: Situation) -> Health {
        if let (Situation::Idle, Some((at, health))) = (situation, &self.health)
            && at.elapsed() < IDLE_CHECK_EVERY
        {
            return health.clone();
        }
        if self.baseline.is_none() && situation != Situation::Trial {
            // On trial a unit that fails is news, whatever was known before.
            self.baseline = load_baseline(&self.rules, &self.state_dir).await;
        }
        if self.baseline.is_none() {
            self.baseline = UnitBaseline::load(&self.state_dir);
        }
        let settled = clocks().boottime >= SETTLED;
        if let (Situation::Idle, true, Some(baseline)) = (situation, settled, &mut self.baseline) {
            refresh_baseline(&self.rules, baseline, &self.state_dir).await;
        }
        let health = check(&self.rules, self.baseline.as_ref()).await;
        self.health = Some((Instant::now(), health.clone()));
        health
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::fake::FakeHost;
    use wavegate_common::HealthState;

    fn lookout(host: &FakeHost) -> Lookout {
        let root = host.root();
        let rules = HealthRules {
            systemctl: None,
            ignore_units: Vec::new(),
            scripts: root.path("/etc/wavegate/health.d"),
        };
        let guard = GuardRules { hold_file: "/etc/wavegate/hold".into(), boot_min_free_mib: 0 };
        let actuator = Actuator::in_dir(&root.path("/run/wavegate"));
        let state_dir = root.path("/var/lib/wavegate-agent");
        Lookout::new(root, actuator, guard, rules, state_dir)
    }

    #[tokio::test]
    async fn without_an_actuator_nothing_can_be_done_here() {
        let host = FakeHost::new()
            .dir("/lib/modules/6.1.0-47")
            .with("/boot/vmlinuz-6.1.0-47", "")
            .with("/etc/wavegate/hold", "moving racks");
        let look = Look { situation: Situation::Idle, ask_actuator: false };
        let found = lookout(&host).look(look).await.surroundings;
        assert_eq!(found.installed, ["6.1.0-47".into()]);
        assert_eq!(found.health.state, HealthState::Unknown);
        assert_eq!(found.guard[0], "hold file /etc/wavegate/hold: moving racks");
        assert!(found.guard[1].starts_with("cannot reach the actuator"), "{:?}", found.guard);
        assert_eq!(found.no_kexec.len(), 1);
    }
}
