//! Everything that runs while a demo does, and how things go wrong on it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use wavegate_common::RolloutPhase;
use wavegate_common::selector::BadSelector;
use wavegate_common::view::{RolloutView, RolloutWhyView};
use wavegate_proto::operator::ask::{AddKernel, ApplyRollout, GetRollout, PlanRollout, WhyRollout};

use super::controller::ControllerProcess;
use super::follow::follow;
use super::ground::Ground;
use super::recipe;
use super::scenario::{CUT, Scenario};
use super::show::Show;
use crate::cli::client::reason;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::rollout::exit_of;

/// Hosts that were under way when the rollout stopped come to rest within this.
const REST: Duration = Duration::from_secs(40);

/// Controller, hosts, and the screen.
pub(super) struct Stage {
    pub(super) scenario: Scenario,
    pub(super) seed: u64,
    pub(super) controller: ControllerProcess,
    pub(super) ground: Arc<Ground>,
    /// Hosts measure their disks, and the gate compares them.
    pub(super) judged: bool,
    /// The rack that is cut off now.
    pub(super) cut: watch::Sender<Option<String>>,
    /// The rack that is still to be cut off.
    pub(super) rack: Option<String>,
    pub(super) show: Show,
    /// One task per host.
    pub(super) hosts: JoinSet<()>,
}

impl Stage {
    /// From the specification to the end of the rollout.
    pub(super) async fn play(&mut self) -> Result<(RolloutView, RolloutWhyView), Failure> {
        let name = self.begin().await?;
        let (views, mut seen) = mpsc::channel(16);
        let follower = tokio::spawn(follow(self.controller.context_file(), name.clone(), views));
        let ended = self.until_the_end(&mut seen).await;
        follower.abort();
        let view = ended?;
        let view = self.at_rest(&name, view).await?;
        let mut client = self.controller.client().await?;
        let why = client
            .calls
            .why_rollout(&WhyRollout { rollout: name })
            .await
            .map_err(|status| client.failed("cannot ask why", &status))?;
        Ok((view, why))
    }

    /// Registers the kernel, plans, and applies the plan.
    async fn begin(&mut self) -> Result<String, Failure> {
        let mut client = self.controller.client().await?;
        let ask = AddKernel { release: recipe::release(), reason: reason("the demo's kernel")? };
        client
            .calls
            .add_kernel(&ask)
            .await
            .map_err(|status| client.failed("the demo's kernel was not taken", &status))?;
        let everyone = "*".parse().map_err(|error: BadSelector| {
            Failure::new(Exit::Failed, "the demo's selector is broken").caused_by(&error)
        })?;
        let spec = recipe::spec(everyone, self.judged);
        let mut tries = 0;
        loop {
            tries += 1;
            let plan = client
                .calls
                .plan_rollout(&PlanRollout { spec: spec.clone() })
                .await
                .map_err(|status| client.failed("the rollout cannot be planned", &status))?;
            let ask = ApplyRollout {
                spec: spec.clone(),
                plan: Some(plan.hash),
                reason: reason("to show how it is done")?,
                draft: false,
            };
            match client.calls.apply_rollout(&ask).await {
                Ok(view) => {
                    self.show.event(&format!("rollout {} begins", view.name));
                    return Ok(view.name);
                }
                // The last reports came in between; plan again, as a person would.
                Err(status)
                    if tries < 5 && status.code() == tonic::Code::FailedPrecondition
                        || status.code() == tonic::Code::Aborted => {}
                Err(status) => return Err(client.failed("the rollout was not begun", &status)),
            }
        }
    }

    /// Follows the rollout and lets things go wrong, until it is over or paused.
    async fn until_the_end(
        &mut self,
        seen: &mut mpsc::Receiver<RolloutView>,
    ) -> Result<RolloutView, Failure> {
        let mut kills = self.scenario.kills(self.seed).into_iter();
        let mut next_kill = kills.next().map(|pause| Instant::now() + pause);
        let mut heal: Option<Instant> = None;
        loop {
            tokio::select! {
                view = seen.recv() => {
                    let Some(view) = view else {
                        return Err(Failure::new(Exit::Failed, "nobody follows the rollout any more"));
                    };
                    self.show.rollout(&view);
                    // What should go wrong goes wrong before the demo may end.
                    let pending = next_kill.is_some() || heal.is_some();
                    if exit_of(&view).is_some() && !pending {
                        return Ok(view);
                    }
                    if heal.is_none() && self.is_time_to_cut(&view) {
                        heal = Some(Instant::now() + CUT);
                        self.cut();
                    }
                }
                () = at(next_kill) => {
                    self.show.event("the controller is killed (SIGKILL)");
                    self.controller.kill_and_restart().await?;
                    self.show.event("the controller is back");
                    next_kill = kills.next().map(|pause| Instant::now() + pause);
                }
                () = at(heal) => {
                    heal = None;
                    self.show.event("the rack is on the network again");
                    self.cut.send_replace(None);
                }
            }
        }
    }

    fn is_time_to_cut(&self, view: &RolloutView) -> bool {
        self.rack.is_some() && matches!(view.standing.phase_detail, RolloutPhase::Rolling { .. })
    }

    fn cut(&mut self) {
        let rack = self.rack.take();
        let text = format!("rack {} is cut off the network", rack.as_deref().unwrap_or("?"));
        self.show.event(&text);
        self.cut.send_replace(rack);
    }

    /// Waits until no host is under way any more: what was irreversible runs to its end.
    async fn at_rest(&mut self, name: &str, mut view: RolloutView) -> Result<RolloutView, Failure> {
        if exit_of(&view) == Some(Exit::Paused) {
            self.ground.pause_seen(Instant::now());
        }
        let begun = Instant::now();
        while view.hosts.under_way > 0 && !resting(&view) && begun.elapsed() < REST {
            sleep(Duration::from_millis(200)).await;
            let mut client = self.controller.client().await?;
            let ask = GetRollout { rollout: name.to_owned(), report: false };
            view = client
                .calls
                .get_rollout(&ask)
                .await
                .map_err(|status| client.failed("cannot show the rollout", &status))?;
            self.show.rollout(&view);
        }
        self.ground.pause_over();
        Ok(view)
    }
}

/// Whether nobody is away but those who will not come back by themselves. Staged hosts hold
/// nothing and wait for their turn.
fn resting(view: &RolloutView) -> bool {
    let racks = view.down_by_domain.iter().filter(|load| load.domain.key == "rack");
    racks.map(|load| load.down).sum::<u64>() <= view.hosts.lost + view.hosts.failed
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
