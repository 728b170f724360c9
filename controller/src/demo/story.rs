//! The course of a demo: start everything, begin the rollout, let things go wrong, wait for the
//! end, say what happened.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use wavegate_agent::machine::MachineConfig;
use wavegate_common::view::{RolloutView, RolloutWhyView};
use wavegate_common::{Millis, RolloutPhase};
use wavegate_proto::operator::ask::{
    AddKernel, ApplyRollout, GetRollout, PlanRollout, WhyRollout,
};
use wavegate_simfleet::{EPOCH, Fleet, Timing};

use super::controller::ControllerProcess;
use super::directory::Directory;
use super::driver::World;
use super::ending::{epilogue, outcome};
use super::fleet::{raise, settled};
use super::follow::follow;
use super::ground::Ground;
use super::outcome::DemoOutcome;
use super::recipe;
use super::scenario::{CUT, Scenario};
use super::show::Show;
use crate::cli::client::reason;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::render::time;
use crate::cli::rollout::exit_of;

/// A demo that takes longer than this is broken, also on a busy machine.
const LIMIT: Duration = Duration::from_secs(300);
/// Hosts that were under way when the rollout stopped come to rest within this.
const REST: Duration = Duration::from_secs(40);

/// What to show.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The story; without one the default, which ends well when the gate did its work.
    pub scenario: Option<Scenario>,
    /// From which everything random follows.
    pub seed: u64,
    /// How many hosts.
    pub hosts: usize,
    /// How many times faster than real ones they are.
    pub speed: u64,
    /// Stay when the outcome is known, until Ctrl-C.
    pub stay: bool,
    /// Leave the controller's directory behind.
    pub keep: bool,
    /// The controller's directory, instead of a temporary one.
    pub dir: Option<PathBuf>,
}

/// Everything that runs while a demo does.
struct Stage<'a> {
    settings: &'a Settings,
    scenario: Scenario,
    controller: ControllerProcess,
    ground: Arc<Ground>,
    cut: watch::Sender<Option<String>>,
    rack: Option<String>,
    show: Show,
    /// One task per host.
    hosts: JoinSet<()>,
}

/// Runs a demo to its end.
///
/// # Errors
/// If something in wavegate, or this machine, does not work.
pub async fn run(settings: &Settings, output: &Output) -> Result<Exit, Failure> {
    let begun = Instant::now();
    let dir = Directory::make(settings)?;
    let mut stage = set(settings, output, &dir.path).await?;
    let done = match timeout(LIMIT, stage.play()).await {
        Ok(view) => view,
        Err(_) => Err(Failure::new(Exit::Failed, "the demo did not come to an end")
            .because(format!("it has been running for {} s", LIMIT.as_secs()))
            .next(format!("look at {}/controller.log; run with `--keep`", dir.path.display()))),
    };
    stage.show.close();
    let (view, why) = match done {
        Ok(done) => done,
        Err(failure) => {
            stage.controller.stop().await;
            return Err(failure);
        }
    };
    let outcome = outcome(stage.scenario, settings.seed, &view, &stage.ground.sums(), begun);
    for violation in &stage.ground.sums().violations {
        output.say(format!("violation: {violation}"));
    }
    output.data(&outcome, || epilogue(&outcome, &why, output))?;
    if settings.stay {
        stage.linger(output).await?;
    }
    stage.hosts.shutdown().await;
    stage.controller.stop().await;
    dir.leave(output);
    Ok(exit(settings, &view, &outcome))
}

/// The exit status: what the rollout came to, unless something was broken on the way. The tour
/// without a scenario is meant to end with a closed gate.
fn exit(settings: &Settings, view: &RolloutView, outcome: &DemoOutcome) -> Exit {
    let ended = exit_of(view).unwrap_or(Exit::Failed);
    match ended {
        _ if outcome.violations > 0 => Exit::Failed,
        Exit::Paused if settings.scenario.is_none() => Exit::Ok,
        ended => ended,
    }
}

/// Starts controller and hosts.
async fn set<'a>(
    settings: &'a Settings,
    output: &Output,
    dir: &Path,
) -> Result<Stage<'a>, Failure> {
    let scenario = settings.scenario.unwrap_or_default();
    let mut profiles = Fleet::demo(settings.hosts, settings.seed).profiles;
    let clock_offset = time::now().0.saturating_sub(EPOCH.0);
    for profile in &mut profiles {
        profile.clock_offset = clock_offset;
        profile.timing = Timing::default().faster(settings.speed);
        profile.config = MachineConfig {
            min_reboot_gap: Millis(0),
            permit_retry: Millis(500),
            ..profile.config
        };
    }
    let mut racks: Vec<String> =
        profiles.iter().filter_map(|p| p.labels.get("rack").cloned()).collect();
    racks.dedup();
    let classes: std::collections::BTreeSet<_> = profiles.iter().map(|p| p.class()).collect();
    let head = format!(
        "wavegate demo · {} · seed {} · {} hosts of {} classes in {} racks\n{}",
        scenario.name(),
        settings.seed,
        settings.hosts,
        classes.len(),
        racks.len(),
        scenario.says()
    );
    let mut show = Show::new(output, head, racks);
    let kernel = recipe::release().kernel;
    let (physics, _) = scenario.prepare(&mut profiles, &kernel, settings.seed);
    let rack = scenario.rack(&profiles, settings.seed);

    let controller = ControllerProcess::start(dir).await?;
    show.event(&format!("the controller listens on {}", controller.address()));
    let mut client = controller.client().await?;
    let keys = recipe::policy().domain_keys;
    let ground = Arc::new(Ground::new(kernel, &keys));
    let (cut, cut_seen) = watch::channel(None);
    let world = World {
        begun: Instant::now(),
        controller: controller.address(),
        ground: Arc::clone(&ground),
        cut: cut_seen,
    };
    let ca_pem = ca(&controller)?;
    let hosts =
        raise(profiles, &Arc::new(physics), settings.seed, &ca_pem, &client, &world).await?;
    show.event(&format!("{} hosts have enrolled, each with its own token and key", hosts.len()));
    settled(&mut client, settings.hosts, |_| {}).await?;
    show.event("every host has reported that it is well");
    Ok(Stage { settings, scenario, controller, ground, cut, rack, show, hosts })
}

fn ca(controller: &ControllerProcess) -> Result<String, Failure> {
    let context = crate::cli::context::Context::load(&controller.context_file())?;
    std::fs::read_to_string(&context.ca).map_err(|error| {
        Failure::new(Exit::Failed, "the demo's controller has no CA certificate").caused_by(&error)
    })
}

impl Stage<'_> {
    /// From the specification to the end of the rollout.
    async fn play(&mut self) -> Result<(RolloutView, RolloutWhyView), Failure> {
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
        let everyone = "*".parse().map_err(|error: wavegate_common::selector::BadSelector| {
            Failure::new(Exit::Failed, "the demo's selector is broken").caused_by(&error)
        })?;
        let spec = recipe::spec(everyone);
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
        let mut kills = self.scenario.kills(self.settings.seed).into_iter();
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

    /// Leaves everything running for people to try their hands.
    async fn linger(&mut self, output: &Output) -> Result<(), Failure> {
        let context = self.controller.context_file();
        output.say(format!(
            "\nController and hosts go on running. In another terminal:\n  \
             export {}={}\nCtrl-C ends the demo.",
            crate::cli::context::VARIABLE,
            context.display()
        ));
        tokio::signal::ctrl_c().await.map_err(|error| {
            Failure::new(Exit::Failed, "cannot listen for signals").caused_by(&error)
        })
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

