//! The whole daemon on a host of a few files, with a controller on loopback and an actuator that
//! says yes.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tonic::Status;
use wavegate_common::actuator::{
    Answer, Armed, Capabilities, Kexec, Loader, LoaderKind, PanicRecord, Request, Staged, Watchdog,
};
use wavegate_common::baseline::{BaselineSlot, MetricId, Metrics};
use wavegate_common::command::PERMIT_LIFE;
use wavegate_common::{
    Action, AgentMessage, BootCause, BootId, BootMethod, BootOrder, Command, CommandId,
    ControllerMessage, Generation, HealthState, HostReport, Labels, Millis, PermitAnswer,
    PermitDecision, Precondition, Release, ReleaseSource, RolloutId, Timestamp, TransactionStep,
    Welcome,
};

use super::run::serve;
use super::{DaemonError, LinkState, StatusFile, identity_dir};
use crate::act::testing as actuator;
use crate::baseline::{BaselineRules, ServiceTools, Spool};
use crate::config::{Hooks, Settings};
use crate::health::HealthRules;
use crate::link::testing::{Authority, Behaviour, FakeController, Seen};
use crate::observe::GuardRules;
use crate::root::fake::FakeHost;

/// For anything that should happen at once, on a machine that is busy.
const LIMIT: Duration = Duration::from_secs(30);
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

fn host() -> FakeHost {
    FakeHost::new()
        .with(BOOT, BootId(5).to_string())
        .with("/proc/sys/kernel/osrelease", "6.1.0-47\n")
        .with("/boot/vmlinuz-6.1.0-47", "")
        .dir("/lib/modules/6.1.0-47")
        .dir("/run/wavegate")
        .dir("/var/lib/agent")
}

fn settings(host: &FakeHost, controller: &FakeController) -> Settings {
    let path = |path: &str| host.root().path(path);
    Settings {
        controllers: vec![controller.address.clone()],
        name: "web-1".into(),
        labels: Labels::from([("role".to_owned(), "web".to_owned())]),
        observe: false,
        state_dir: path("/var/lib/agent"),
        actuator_dir: path("/run/wavegate"),
        hooks: Hooks { drain: path("/etc/drain.d"), undrain: path("/etc/undrain.d") },
        guard: GuardRules { hold_file: "/etc/hold".into(), boot_min_free_mib: 0 },
        min_reboot_gap: Millis(0),
        health: HealthRules {
            systemctl: None,
            ignore_units: Vec::new(),
            scripts: path("/etc/health.d"),
        },
        baseline: BaselineRules { every: None, tools: ServiceTools::default() },
    }
}

fn yes(request: &Request) -> Option<Answer> {
    Some(match request {
        Request::Probe { .. } => Answer::Probed(Box::new(Capabilities {
            running: "6.1.0-47".into(),
            started_by: None,
            installed: Vec::new(),
            loader: Loader {
                kind: LoaderKind::Grub,
                default_entry: None,
                default_kernel: Some("6.1.0-47".into()),
                no_default: Vec::new(),
                no_one_shot: Vec::new(),
                entries: Vec::new(),
            },
            kexec: Kexec {
                refusals: vec!["the watchdog stops over kexec".into()],
                loaded: false,
                dry_run: None,
            },
            watchdog: Watchdog::default(),
            panic_timeout: Some(10),
            secure_boot: None,
            lockdown: None,
            boot_free_bytes: None,
            panic_records: Vec::new(),
            armed: None,
            hazards: Vec::new(),
        })),
        Request::Stage { release, .. } => Answer::Staged(Staged {
            kernel: release.kernel.clone(),
            installed: false,
            default_moved_back: false,
            default_kernel: None,
        }),
        Request::Collect => Answer::Collected(vec![PanicRecord {
            name: "one".into(),
            text: "Kernel panic - not syncing: VFS".into(),
        }]),
        Request::Arm { boot_id, kernel, .. } => Answer::Armed(Armed {
            boot_id: *boot_id,
            kernel: kernel.clone(),
            method: BootMethod::Firmware,
            entry: Some("wavegate-once".into()),
            cmdline: None,
            why_not_kexec: vec!["the watchdog stops over kexec".into()],
        }),
        Request::Switch { .. } | Request::Revert { .. } => Answer::Leaving,
        Request::Confirm { .. } => Answer::Confirmed { entry: "wavegate".into() },
        Request::Disarm => Answer::Disarmed,
    })
}

struct Running {
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<Result<(), DaemonError>>,
}

impl Running {
    fn start(host: &FakeHost, settings: Settings) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let root = host.root();
        let ended = async {
            let _ = stopped.await;
        };
        Self { stop, task: tokio::spawn(serve(settings, root, ended)) }
    }

    async fn stop(self) {
        drop(self.stop);
        tokio::time::timeout(LIMIT, self.task).await.unwrap().unwrap().unwrap();
    }
}

type Line = mpsc::Sender<Result<ControllerMessage, Status>>;

/// The next report; heartbeats come all the time and are no reason to wait on.
async fn report(controller: &mut FakeController) -> HostReport {
    let next = async {
        loop {
            if let Seen::Said(AgentMessage::Report(report)) = controller.next().await {
                return *report;
            }
        }
    };
    tokio::time::timeout(LIMIT, next).await.expect("a report")
}

/// The next report that shows this step.
async fn step(controller: &mut FakeController, wanted: TransactionStep) -> HostReport {
    loop {
        let report = report(controller).await;
        if report.transaction.as_ref().is_some_and(|t| t.step == wanted) {
            return report;
        }
    }
}

fn command(report: &HostReport, action: Action) -> Command {
    Command {
        id: CommandId(1),
        host: report.host,
        rollout: RolloutId(1),
        generation: Generation(4),
        precondition: Precondition {
            boot_id: report.boot.boot_id,
            running: report.boot.kernel.clone(),
            ttl: Millis::mins(5),
        },
        action,
    }
}

async fn order(line: &Line, report: &HostReport, action: Action) {
    let command = command(report, action);
    line.send(Ok(ControllerMessage::Command(Box::new(command)))).await.unwrap();
}

fn bench(host: &FakeHost) -> (Arc<Authority>, FakeController, Settings) {
    let authority = Authority::new();
    let welcome = Welcome {
        heartbeat_every: Millis(500),
        reconnect_window: Millis(1),
        send_report: true,
        baseline_every: Millis(0),
    };
    let controller =
        FakeController::start(&authority, Behaviour { welcome, ..Behaviour::default() });
    let settings = settings(host, &controller);
    let identity = authority.identity(Duration::ZERO, Duration::from_secs(3600));
    identity.save(&identity_dir(&settings)).unwrap();
    (authority, controller, settings)
}

#[tokio::test]
async fn it_reports_itself_and_stages_what_is_ordered() {
    let host = host();
    let (_authority, mut controller, settings) = bench(&host);
    let asked = actuator::serve(&settings.actuator_dir, yes);
    let state_dir = settings.state_dir.clone();
    let running = Running::start(&host, settings);

    let (_, line, hello) = controller.attached().await;
    let first = report(&mut controller).await;
    assert_eq!((hello.boot_id, hello.report_digest), (BootId(5), first.digest()));
    assert_eq!(first.boot.cause, BootCause::First);
    assert_eq!(first.default_kernel, Some("6.1.0-47".into()));
    assert_eq!(first.no_kexec, ["the watchdog stops over kexec"]);
    assert_eq!(first.health.state, HealthState::Unknown);
    assert_eq!(first.name, "web-1");

    let release = Release::installed("6.1.0-47".into());
    order(&line, &first, Action::Stage { release }).await;
    let staged = step(&mut controller, TransactionStep::Staged).await;
    assert!(staged.seq > first.seq && staged.generation == Generation(4));
    assert!(asked.lock().unwrap().iter().any(|request| request.verb() == "stage"));

    let status = StatusFile::read(&state_dir).unwrap();
    assert!(matches!(status.link, LinkState::Up { .. }), "{status:?}");
    running.stop().await;
}

/// Leaves its name and what it read where the test finds it.
fn hook(host: &FakeHost, path: &str) {
    let root = host.root();
    let script = format!("#!/bin/sh\ncat > '{}.ran'\n", root.path(path).display());
    host.write(path, script);
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(root.path(path), mode).unwrap();
}

fn activation(kernel: &str) -> Action {
    let package =
        ReleaseSource::Package { package: format!("linux-image-{kernel}"), version: None };
    Action::Activate(BootOrder {
        release: Release {
            name: "autumn".into(),
            kernel: kernel.into(),
            source: package,
            append: vec!["quiet".into()],
        },
        method: BootMethod::Auto,
        drain_timeout: Millis::secs(30),
        verify_timeout: Millis::mins(5),
        soak: Millis(0),
    })
}

async fn until(happened: impl Fn() -> bool) {
    let happens = async {
        while !happened() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, happens).await.expect("it happens");
}

/// The next permit request, granted.
async fn grant(controller: &mut FakeController, line: &Line) {
    let request = loop {
        if let Seen::Said(AgentMessage::Permit(request)) = controller.next().await {
            break request;
        }
    };
    let answer = PermitAnswer {
        host: request.host,
        command: request.command,
        nonce: request.nonce,
        boot_id: request.boot_id,
        decision: PermitDecision::Granted { valid_for: PERMIT_LIFE },
    };
    line.send(Ok(ControllerMessage::Permit(answer))).await.unwrap();
}

#[tokio::test]
async fn it_changes_the_kernel_from_drain_to_undrain() {
    let host = host().dir("/lib/modules/6.1.0-56").with("/boot/vmlinuz-6.1.0-56", "");
    hook(&host, "/etc/drain.d/10-lb");
    hook(&host, "/etc/undrain.d/10-lb");
    hook(&host, "/etc/health.d/ping");
    let (_authority, mut controller, settings) = bench(&host);
    let asked = actuator::serve(&settings.actuator_dir, yes);
    let running = Running::start(&host, settings.clone());
    let (_, line, _) = controller.attached().await;
    let first = report(&mut controller).await;
    order(&line, &first, activation("6.1.0-56")).await;
    grant(&mut controller, &line).await;
    step(&mut controller, TransactionStep::Switching).await;
    let read = std::fs::read_to_string(host.root().path("/etc/drain.d/10-lb.ran")).unwrap();
    assert!(read.contains(r#""from":"6.1.0-47","to":"6.1.0-56","method":"auto""#), "{read}");
    let switched = Request::Switch {
        boot_id: BootId(5),
        kernel: "6.1.0-56".into(),
        method: BootMethod::Firmware,
    };
    until(|| asked.lock().unwrap().contains(&switched)).await;
    running.stop().await;

    host.write(BOOT, BootId(6).to_string());
    host.write("/proc/sys/kernel/osrelease", "6.1.0-56\n");
    let running = Running::start(&host, settings);
    let (_, line, _) = controller.attached().await;
    let verified = step(&mut controller, TransactionStep::Verified).await;
    let method = BootMethod::Firmware;
    assert_eq!(verified.boot.cause, BootCause::Commanded { command: CommandId(1), method });
    assert!(!host.root().exists("/etc/undrain.d/10-lb.ran"));
    let confirm = Action::Confirm { kernel: "6.1.0-56".into() };
    let mut command = command(&verified, confirm);
    command.id = CommandId(2);
    line.send(Ok(ControllerMessage::Command(Box::new(command)))).await.unwrap();
    step(&mut controller, TransactionStep::Confirmed).await;
    let confirmed = Request::Confirm { kernel: "6.1.0-56".into() };
    assert!(asked.lock().unwrap().contains(&confirmed));
    until(|| host.root().exists("/etc/undrain.d/10-lb.ran")).await;
    running.stop().await;
}

#[tokio::test]
async fn it_remembers_over_a_restart_and_a_panic() {
    let host = host();
    let (_authority, mut controller, settings) = bench(&host);
    let asked = actuator::serve(&settings.actuator_dir, yes);
    let running = Running::start(&host, settings.clone());
    let (_, line, _) = controller.attached().await;
    let first = report(&mut controller).await;
    let release = Release::installed("6.1.0-47".into());
    order(&line, &first, Action::Stage { release }).await;
    step(&mut controller, TransactionStep::Staged).await;
    running.stop().await;

    // Same boot: nothing is collected again, and later reports are known to be later.
    let running = Running::start(&host, settings.clone());
    let (_, _line, hello) = controller.attached().await;
    assert_eq!(hello.generation, Generation(4));
    let again = report(&mut controller).await;
    assert!(again.seq > first.seq);
    assert_eq!(again.transaction.unwrap().step, TransactionStep::Staged);
    running.stop().await;
    let collected = || asked.lock().unwrap().iter().filter(|r| **r == Request::Collect).count();
    assert_eq!(collected(), 1);

    // Another boot that nobody ordered, with a panic record to explain it.
    host.write(BOOT, BootId(6).to_string());
    let running = Running::start(&host, settings);
    let (_, _line, _) = controller.attached().await;
    let after = report(&mut controller).await;
    assert_eq!(after.boot.boot_id, BootId(6));
    let evidence = "Kernel panic - not syncing: VFS".to_owned();
    assert_eq!(after.boot.cause, BootCause::Panic { evidence });
    assert_eq!(collected(), 2);
    running.stop().await;
}

#[tokio::test]
async fn an_observer_reports_and_refuses() {
    let host = host();
    let (_authority, mut controller, settings) = bench(&host);
    let asked = actuator::serve(&settings.actuator_dir, yes);
    let running = Running::start(&host, Settings { observe: true, ..settings });
    let (_, line, _) = controller.attached().await;
    let first = report(&mut controller).await;
    assert!(first.guard[0].starts_with("observe mode"), "{:?}", first.guard);
    let release = Release::installed("6.1.0-47".into());
    order(&line, &first, Action::Stage { release }).await;
    for _ in 0..2 {
        // Two signs of life after the order: it was looked at and nothing came of it.
        controller.next().await;
    }
    assert!(!asked.lock().unwrap().iter().any(|request| request.verb() == "stage"));
    running.stop().await;
}

#[tokio::test]
async fn a_host_that_is_not_enrolled_is_told_so() {
    let host = host();
    let (_authority, _controller, settings) = bench(&host);
    std::fs::remove_dir_all(identity_dir(&settings)).unwrap();
    let told = serve(settings, host.root(), async {}).await.unwrap_err().to_string();
    assert!(told.contains("wavegate-agent enroll"), "{told}");
}

fn measured(boot: u128, start: i64) -> BaselineSlot {
    let mut metrics = Metrics::default();
    metrics.of(MetricId::CpuBusy).record(7);
    let (start, covered) = (Timestamp(start * 300_000), Millis::mins(5));
    BaselineSlot { boot: BootId(boot), kernel: "6.1.0-47".into(), start, covered, metrics }
}

#[tokio::test]
async fn slots_of_the_last_boot_are_sent_until_they_are_acknowledged() {
    let host = host();
    let (authority, _, settings) = bench(&host);
    let welcome = Welcome {
        heartbeat_every: Millis(500),
        reconnect_window: Millis(1),
        send_report: true,
        baseline_every: Millis(1),
    };
    let mut controller =
        FakeController::start(&authority, Behaviour { welcome, ..Behaviour::default() });
    let path = settings.state_dir.join("baselines");
    let mut spool = Spool::open(&path, 1 << 20).unwrap().spool;
    spool.push(measured(4, 1)).unwrap();
    // The agent of the last boot was stopped in the middle of this one.
    spool.stop(Some(measured(4, 2))).unwrap();
    drop(spool);
    let rules = BaselineRules { every: Some(Millis(10)), tools: ServiceTools::default() };
    let controllers = vec![controller.address.clone()];
    let running = Running::start(&host, Settings { controllers, baseline: rules, ..settings });
    let (_, line, _) = controller.attached().await;
    let slots = loop {
        if let Seen::Said(AgentMessage::Baselines(slots)) = controller.next().await {
            break slots;
        }
    };
    let slots: Vec<_> = slots.into_iter().map(|numbered| (numbered.seq, numbered.slot)).collect();
    assert_eq!(slots, [(1, measured(4, 1)), (2, measured(4, 2))]);
    // An acknowledgement is noted by a file that shrinks.
    let long = std::fs::metadata(&path).unwrap().len();
    line.send(Ok(ControllerMessage::BaselineAck { up_to: 2 })).await.unwrap();
    until(|| std::fs::metadata(&path).unwrap().len() < long).await;
    running.stop().await;
    assert!(Spool::open(&path, 1 << 20).unwrap().spool.is_empty());
}
