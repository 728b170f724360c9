//! The daemon's one loop.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use wavegate_common::{BootMethod, ControllerMessage, HostId, NumberedSlot};
use wavegate_proto::agent::AgentClient;

use super::keeper::{Keeper, tell_systemd};
use super::lookout::{Found, Look, Lookout, Situation};
use super::report::{Host, compose};
use super::start::{Started, start_machine};
use super::status_file::LinkState;
use crate::act::{Actuator, Worker};
use crate::baseline::{Recorder, Told};
use crate::config::Settings;
use crate::ledger::LedgerError;
use crate::link::{
    Identity, IdentityError, LinkConfig, LinkEnds, LinkEvent, Pace, Renewal, run_link,
};
use crate::machine::{Done, Input, Surroundings};
use crate::observe::{BootFacts, UnknownBoot, boot_facts, clocks, facts};
use crate::root::Root;

/// Messages that may wait for the loop, per source. The machine has a handful open at most.
const QUEUE: usize = 16;
/// Time passes for the machine at least this often.
const TICK_BUSY: Duration = Duration::from_secs(1);
const TICK_IDLE: Duration = Duration::from_secs(10);
/// A controller is told of the host after its first look around, or after this long.
const FIRST_LOOK: Duration = Duration::from_secs(10);

/// Why the agent cannot run.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The state directory cannot be used.
    #[error("cannot use the state directory {path}: {source}; it must belong to the agent's user")]
    StateDir {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not enrolled, or the identity is damaged.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The running boot cannot be told.
    #[error(transparent)]
    Boot(#[from] UnknownBoot),
    /// The ledger failed earlier, and can be written again.
    #[error("the ledger could not be written and now can: starting anew is left to the service")]
    StartAnew,
    /// Signals cannot be listened to.
    #[error("cannot listen to signals: {0}")]
    Signals(io::Error),
}

/// Where an enrolled host's identity is.
#[must_use]
pub fn identity_dir(settings: &Settings) -> PathBuf {
    settings.state_dir.join("identity")
}

/// The ends of the other tasks that the loop listens to.
struct Ears {
    link: mpsc::Receiver<LinkEvent>,
    done: mpsc::Receiver<Done>,
    found: mpsc::Receiver<Found>,
    looks: mpsc::Sender<Look>,
    client: watch::Sender<Option<AgentClient>>,
    baseline: mpsc::Sender<Told>,
}

/// Runs the agent until it is told to stop.
///
/// # Errors
/// See [`DaemonError`]. Nothing is under way then that the ledger does not know of.
pub async fn run(settings: Settings, root: Root) -> Result<(), DaemonError> {
    let mut stop = signal(SignalKind::terminate()).map_err(DaemonError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(DaemonError::Signals)?;
    let ended = async {
        tokio::select! {
            _ = stop.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    serve(settings, root, ended).await
}

fn host_of(settings: &Settings, root: &Root, id: HostId) -> Host {
    let (name, labels) = (settings.name.clone(), settings.labels.clone());
    Host { id, name, labels, facts: facts(root) }
}

fn recorder(settings: &Settings, root: &Root, boot: &BootFacts) -> Option<Recorder> {
    let (state, kernel) = (&settings.state_dir, boot.kernel.clone());
    Recorder::open(&settings.baseline, root, state, boot.boot_id, kernel)
}

/// As [`run`], until `ended`.
pub(super) async fn serve(
    settings: Settings,
    root: Root,
    ended: impl Future<Output = ()>,
) -> Result<(), DaemonError> {
    std::fs::create_dir_all(&settings.state_dir)
        .map_err(|source| DaemonError::StateDir { path: settings.state_dir.clone(), source })?;
    let boot = boot_facts(&root)?;
    let identity = Identity::load(&identity_dir(&settings))?;
    let Started { machine, ledger, effects } =
        start_machine(&settings, &root, identity.host, &boot).await?;
    tracing::info!(host = %identity.host, name = settings.name, boot = %boot.boot_id,
        kernel = %boot.kernel, observe = settings.observe, "the agent runs");

    let host = host_of(&settings, &root, identity.host);
    let now = clocks();
    let mut first = compose(&host, machine.status(), &Surroundings::default());
    // Grows over restarts within a boot, unless there were a thousand changes a second.
    first.seq = now.boottime.0;
    let (report, reports) = watch::channel(Arc::new(first));
    let (jobs, todo) = mpsc::channel(QUEUE);
    let (permits, requests) = mpsc::channel(QUEUE);
    let (answers, done) = mpsc::channel(QUEUE);
    let (looks, looking) = mpsc::channel(1);
    let (found_it, found) = mpsc::channel(QUEUE);
    let (tell, link) = mpsc::channel(QUEUE);
    let (client, clients) = watch::channel(None);
    let (baseline, mut told) = mpsc::channel(QUEUE);
    let (slots, baselines) = mpsc::channel(1);
    let mut recorder = recorder(&settings, &root, &boot);

    let worker = worker(&settings, boot.boot_id, clients);
    let lookout = lookout(&settings, &root);
    let mut keeper = Keeper {
        machine,
        ledger,
        host,
        seen: Surroundings::default(),
        link: LinkState::Down { since: now.wall, reason: "not connected yet".to_owned() },
        state_dir: settings.state_dir.clone(),
        jobs,
        permits,
        report,
        method: BootMethod::Auto,
        told: String::new(),
        ledger_failed: false,
    };
    let ends = LinkEnds { report: reports, permits: requests, baselines, events: tell };
    let mut ears = Ears { link, done, found, looks, client, baseline };

    // The others end with this function: nothing of the agent outlives its loop.
    let end = tokio::select! {
        () = worker.run(todo, answers) => Ok(()),
        () = lookout.run(looking, found_it) => Ok(()),
        () = ended => Ok(()),
        () = record(recorder.as_mut(), &mut told, &slots) => Ok(()),
        end = async {
            keeper.carry_out(effects).await;
            if let Some(found) = first_look(&mut ears).await {
                keeper.see(found).await;
            }
            keeper.keep_status();
            tell_systemd(&[NotifyState::Ready]);
            let link = run_link(link_config(&settings), identity, ends);
            tokio::select! {
                end = keep_on(&mut keeper, &mut ears, &settings) => end,
                // It ends only when nobody listens.
                () = link => Ok(()),
            }
        } => end,
    };
    tell_systemd(&[NotifyState::Stopping]);
    if let Some(recorder) = recorder {
        recorder.stop();
    }
    tracing::info!("the agent stops");
    end
}

/// Measures for as long as the agent runs.
async fn record(
    recorder: Option<&mut Recorder>,
    told: &mut mpsc::Receiver<Told>,
    slots: &mpsc::Sender<Vec<NumberedSlot>>,
) {
    match recorder {
        Some(recorder) => recorder.run(told, slots).await,
        None => std::future::pending().await,
    }
}

fn worker(
    settings: &Settings,
    boot_id: wavegate_common::BootId,
    client: watch::Receiver<Option<AgentClient>>,
) -> Worker {
    Worker {
        actuator: Actuator::in_dir(&settings.actuator_dir),
        hooks: settings.hooks.clone(),
        artifacts: settings.state_dir.join("artifacts"),
        boot_id,
        client,
    }
}

fn lookout(settings: &Settings, root: &Root) -> Lookout {
    Lookout::new(
        root.clone(),
        Actuator::in_dir(&settings.actuator_dir),
        settings.guard.clone(),
        settings.health.clone(),
        settings.state_dir.clone(),
    )
}

fn link_config(settings: &Settings) -> LinkConfig {
    LinkConfig {
        controllers: settings.controllers.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pace: Pace::default(),
        renewal: Renewal::HalfLife,
    }
}

async fn first_look(ears: &mut Ears) -> Option<Found> {
    let look = Look { situation: Situation::Busy, ask_actuator: true };
    let _ = ears.looks.try_send(look);
    timeout(FIRST_LOOK, ears.found.recv()).await.ok().flatten()
}

/// How long to wait before the next look.
fn look_every(situation: Situation) -> Duration {
    match situation {
        Situation::Trial => Duration::from_secs(5),
        Situation::Busy => Duration::from_secs(10),
        Situation::Idle => Duration::from_secs(30),
    }
}

/// Takes one thing after another until the link or a task is gone.
async fn keep_on(
    keeper: &mut Keeper,
    ears: &mut Ears,
    settings: &Settings,
) -> Result<(), DaemonError> {
    let mut next_look = Instant::now();
    let mut ask_actuator = false;
    loop {
        let situation = keeper.situation();
        next_look = next_look.min(Instant::now() + look_every(situation));
        let tick = if situation == Situation::Idle { TICK_IDLE } else { TICK_BUSY };
        tokio::select! {
            event = ears.link.recv() => match event {
                Some(event) => hear(keeper, ears, settings, event).await,
                None => return Ok(()),
            },
            done = ears.done.recv() => match done {
                Some(done) => {
                    ask_actuator = true;
                    next_look = Instant::now();
                    keeper.feed(Input::Done(done)).await;
                }
                None => return Ok(()),
            },
            found = ears.found.recv() => match found {
                Some(found) => {
                    keeper.see(found).await;
                    if keeper.should_start_anew() {
                        return Err(DaemonError::StartAnew);
                    }
                }
                None => return Ok(()),
            },
            () = sleep_until(next_look) => {
                // If the last look is still under way, the next one comes in its turn.
                if ears.looks.try_send(Look { situation, ask_actuator }).is_ok() {
                    ask_actuator = false;
                }
                next_look = Instant::now() + look_every(situation);
            }
            () = sleep_until(Instant::now() + tick) => keeper.feed(Input::Tick).await,
        }
        tell_systemd(&[NotifyState::Watchdog]);
    }
}

async fn hear(keeper: &mut Keeper, ears: &Ears, settings: &Settings, event: LinkEvent) {
    let since = clocks().wall;
    match event {
        LinkEvent::Up { client, welcome } => {
            tell(&ears.baseline, Told::Up(welcome.baseline_every));
            ears.client.send_replace(Some(client));
            keeper.set_link(LinkState::Up { since });
        }
        LinkEvent::Down { reason } => {
            ears.client.send_replace(None);
            tell(&ears.baseline, Told::Down);
            let since = match &keeper.link {
                LinkState::Down { since, .. } => *since,
                LinkState::Up { .. } => since,
            };
            keeper.set_link(LinkState::Down { since, reason });
        }
        LinkEvent::Renewed(identity) => match identity.save(&identity_dir(settings)) {
            Ok(()) => tracing::info!("the certificate was renewed"),
            Err(error) => tracing::error!(%error, "cannot keep the renewed certificate"),
        },
        LinkEvent::Message(ControllerMessage::Command(command)) => {
            keeper.feed(Input::Command(command)).await;
        }
        LinkEvent::Message(ControllerMessage::Permit(answer)) => {
            keeper.feed(Input::Permit(answer)).await;
        }
        LinkEvent::Message(ControllerMessage::BaselineAck { up_to }) => {
            tell(&ears.baseline, Told::Acked(up_to));
        }
        // The link answers these itself.
        LinkEvent::Message(ControllerMessage::Welcome(_) | ControllerMessage::SendReport) => {}
    }
}

/// Lost if the recorder is far behind: it sends again, and hears again.
fn tell(baseline: &mpsc::Sender<Told>, what: Told) {
    let _ = baseline.try_send(what);
}
