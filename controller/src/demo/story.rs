//! The course of a demo: start everything, begin the rollout, let things go wrong, wait for the
//! end, say what happened.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, timeout};
use wavegate_common::view::{RolloutView, RolloutWhyView};

use super::directory::Directory;
use super::ending::{epilogue, outcome};
use super::outcome::DemoOutcome;
use super::scenario::Scenario;
use super::setup::set;
use super::stage::Stage;
use crate::cli::context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::rollout::exit_of;
use crate::cli::session::asked_to_stop;
use crate::config::{Alerts, Name, Source};

/// A demo that takes longer than this is broken, also on a busy machine.
const LIMIT: Duration = Duration::from_secs(300);

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
    /// Who is told of incidents.
    pub alerts: Alerts,
    /// Outside sources.
    pub signals: BTreeMap<Name, Source>,
}

/// Runs a demo to its end.
///
/// # Errors
/// If something in wavegate, or this machine, does not work, or somebody stops it early.
pub async fn run(settings: &Settings, output: &Output) -> Result<Exit, Failure> {
    let begun = Instant::now();
    // Whoever stops the demo stops its controller too, and the directory goes.
    let stop = asked_to_stop()?;
    tokio::pin!(stop);
    let dir = Directory::make(settings)?;
    let (mut stage, view, why) = tokio::select! {
        known = until_known(settings, output, &dir.path) => known?,
        () = &mut stop => {
            return Err(Failure::new(Exit::Failed, "the demo was stopped before its end"));
        }
    };
    let sums = stage.ground.sums();
    let outcome = outcome(stage.scenario, settings.seed, &view, &sums, begun);
    for violation in &sums.violations {
        output.say(format!("violation: {violation}"));
    }
    output.data(&outcome, || epilogue(&outcome, &why, output))?;
    if settings.stay {
        output.say(format!(
            "\nController and hosts go on running. In another terminal:\n  \
             export {}={}\nCtrl-C ends the demo.",
            context::VARIABLE,
            stage.controller.context_file().display()
        ));
        stop.await;
    }
    stage.hosts.shutdown().await;
    stage.controller.stop().await;
    dir.leave(output);
    Ok(exit(settings, &view, &outcome))
}

/// Plays until the rollout is over or paused and its hosts have come to rest.
async fn until_known(
    settings: &Settings,
    output: &Output,
    dir: &Path,
) -> Result<(Stage, RolloutView, RolloutWhyView), Failure> {
    let mut stage = set(settings, output, dir).await?;
    let done = timeout(LIMIT, stage.play()).await.unwrap_or_else(|_| {
        Err(Failure::new(Exit::Failed, "the demo did not come to an end")
            .because(format!("it has been running for {} s", LIMIT.as_secs()))
            .next("run it with `--keep` and look at controller.log in its directory"))
    });
    stage.show.close();
    let (view, why) = done?;
    Ok((stage, view, why))
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
