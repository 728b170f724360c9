//! A controller, its admin, and hosts that obey at once.

use std::path::Path;

use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use wavegate_common::spec::{Bound, Share};
use wavegate_common::view::{TokenBinding, TokenMade};
use wavegate_common::{
    Action, AgentMessage, BootCause, BootId, BootRecord, Budget, CheckResult, Command,
    ControllerMessage, Facts, Generation, Health, Hello, HostId, HostReport, Labels, Millis,
    PermitDecision, PermitRequest, Release, ReleaseSource, RolloutSpec, Timestamp, Transaction,
    TransactionStep,
};
use wavegate_proto::agent::{AgentClient, ControllerStream, Enroll};
use wavegate_proto::operator::{OperatorClient, ask};
use wavegate_proto::tls::{HostKey, Identity, client_config, connect};

use crate::config::Config;
use crate::server::{Running, start};

pub(super) const OLD: &str = "6.1.0-47";
pub(super) const NEW: &str = "6.1.0-56";

pub(super) fn config(dir: &Path) -> Config {
    let mut config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        data_dir: dir.join("data"),
        drive_every: Millis(20),
        heartbeat_every: Millis(200),
        ..Config::default()
    };
    config.policy.settle = Millis(0);
    config.policy.retry_after = Millis(10);
    config.policy.budgets =
        vec![Budget::PerDomain { key: "rack".into(), max_down: Bound::Share(Share(500_000)) }];
    config
}

pub(super) async fn controller(dir: &Path) -> Running {
    start(config(dir)).await.unwrap()
}

pub(super) async fn channel(
    running: &Running,
    identity: Option<&Identity>,
) -> tonic::transport::Channel {
    let ca = std::fs::read_to_string(running.context.with_file_name("ca.pem")).unwrap();
    let tls = client_config(&ca, identity).unwrap();
    connect(&running.address.to_string(), tls).await.unwrap()
}

pub(super) async fn admin(running: &Running) -> OperatorClient {
    let read = |name| std::fs::read_to_string(running.context.with_file_name(name)).unwrap();
    let key = HostKey::from_pem(&read("admin.key")).unwrap();
    let identity = Identity::new(&read("admin.pem"), key).unwrap();
    OperatorClient::new(channel(running, Some(&identity)).await)
}

pub(super) fn why() -> ask::Reason {
    ask::Reason::new("a test").unwrap()
}

pub(super) async fn token(admin: &mut OperatorClient, binding: TokenBinding) -> TokenMade {
    let ask = ask::CreateToken { binding, life: Millis::mins(5), reason: why() };
    admin.create_token(&ask).await.unwrap()
}

pub(super) async fn enroll(
    running: &Running,
    secret: &str,
    name: &str,
    key: &HostKey,
) -> Result<Identity, Status> {
    let mut anybody = AgentClient::new(channel(running, None).await);
    let ask = Enroll {
        token: secret.to_owned(),
        csr: key.csr().unwrap(),
        name: name.to_owned(),
        labels: Labels::new(),
    };
    let enrolled = anybody.enroll(&ask).await?;
    assert_eq!(enrolled.host, key.host_id());
    Ok(Identity::new(&enrolled.certificate_pem, HostKey::from_pem(&key.to_pem()).unwrap()).unwrap())
}

/// Enrols a new host.
pub(super) async fn joined(running: &Running, admin: &mut OperatorClient, name: &str) -> Identity {
    let made = token(admin, TokenBinding::Host { name: name.to_owned() }).await;
    let key = HostKey::generate().unwrap();
    enroll(running, &made.secret, name, &key).await.unwrap()
}

pub(super) fn report(host: HostId, name: &str, rack: &str) -> HostReport {
    HostReport {
        host,
        seq: 1,
        name: name.to_owned(),
        labels: Labels::from([("rack".to_owned(), rack.to_owned())]),
        facts: Facts { product: "R640".into(), ..Facts::default() },
        boot: BootRecord {
            boot_id: BootId(host.0 ^ 1),
            kernel: OLD.into(),
            booted_at: Timestamp(1),
            cause: BootCause::First,
        },
        installed: vec![OLD.into()],
        default_kernel: Some(OLD.into()),
        health: Health::of(vec![CheckResult {
            name: "units".into(),
            ok: true,
            detail: String::new(),
        }]),
        transaction: None,
        generation: Generation(0),
        guard: Vec::new(),
        no_kexec: Vec::new(),
        drift: Vec::new(),
    }
}

/// An open stream of a host.
pub(super) struct Line {
    pub(super) out: mpsc::Sender<AgentMessage>,
    pub(super) back: ControllerStream,
}

impl Line {
    pub(super) async fn open(running: &Running, identity: &Identity, hello: Hello) -> Self {
        let mut client = AgentClient::new(channel(running, Some(identity)).await);
        let (out, stream) = mpsc::channel(16);
        out.send(AgentMessage::Hello(hello)).await.unwrap();
        let back = client.attach(ReceiverStream::new(stream)).await.unwrap();
        Self { out, back }
    }

    pub(super) async fn hear(&mut self) -> Option<ControllerMessage> {
        self.back.message().await.unwrap()
    }
}

pub(super) fn hello(report: &HostReport) -> Hello {
    Hello {
        version: "0.1.0".into(),
        boot_id: report.boot.boot_id,
        report_digest: report.digest(),
        generation: report.generation,
    }
}

/// A host that does at once what it is told. `stop` true makes it end.
pub(super) async fn obey(
    running_address: String,
    ca: String,
    identity: Identity,
    mut report: HostReport,
    mut stop: watch::Receiver<bool>,
) -> HostReport {
    while !*stop.borrow() {
        let tls = client_config(&ca, Some(&identity)).unwrap();
        let Ok(channel) = connect(&running_address, tls).await else {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let (out, stream) = mpsc::channel(16);
        out.send(AgentMessage::Hello(hello(&report))).await.unwrap();
        let mut client = AgentClient::new(channel);
        let Ok(mut back) = client.attach(ReceiverStream::new(stream)).await else { continue };
        let mut beat = tokio::time::interval(std::time::Duration::from_millis(200));
        loop {
            let said = tokio::select! {
                said = back.message() => said,
                _ = stop.changed() => return report,
                _ = beat.tick() => {
                    let beat = AgentMessage::Heartbeat {
                        boot_id: report.boot.boot_id,
                        report_digest: report.digest(),
                    };
                    if out.send(beat).await.is_err() { break }
                    continue;
                }
            };
            let Ok(Some(said)) = said else { break };
            let rebooted = answer(&mut report, said, &out).await;
            if rebooted {
                break;
            }
        }
    }
    report
}

async fn answer(
    report: &mut HostReport,
    said: ControllerMessage,
    out: &mpsc::Sender<AgentMessage>,
) -> bool {
    match said {
        ControllerMessage::Welcome(welcome) if !welcome.send_report => return false,
        ControllerMessage::BaselineAck { .. } => return false,
        ControllerMessage::Welcome(_) | ControllerMessage::SendReport => {}
        ControllerMessage::Command(command) => {
            if let Some(question) = follow(report, &command) {
                let _ = out.send(AgentMessage::Report(Box::new(report.clone()))).await;
                let _ = out.send(AgentMessage::Permit(question)).await;
                return false;
            }
        }
        ControllerMessage::Permit(answer) => {
            let granted = matches!(answer.decision, PermitDecision::Granted { .. });
            let Some(transaction) = report.transaction.as_mut().filter(|_| granted) else {
                return false;
            };
            transaction.step = TransactionStep::Trial;
            let came_from = report.boot.boot_id;
            report.boot = BootRecord {
                boot_id: BootId(came_from.0.wrapping_add(2)),
                kernel: transaction.target.clone(),
                booted_at: Timestamp(2),
                cause: BootCause::Commanded {
                    command: answer.command,
                    method: wavegate_common::BootMethod::Kexec,
                },
            };
            report.seq = 1;
            return true;
        }
    }
    let _ = out.send(AgentMessage::Report(Box::new(report.clone()))).await;
    false
}

/// Goes on with an order; asks for a permit if it is time.
fn follow(report: &mut HostReport, command: &Command) -> Option<PermitRequest> {
    report.generation = report.generation.max(command.generation);
    report.seq += 1;
    let same_boot = report.boot.boot_id == command.precondition.boot_id;
    let (target, step) = match &command.action {
        Action::Stage { release } => {
            report.installed = vec![OLD.into(), NEW.into()];
            (release.kernel.clone(), TransactionStep::Staged)
        }
        Action::Activate(order) if same_boot => {
            (order.release.kernel.clone(), TransactionStep::AwaitingPermit)
        }
        Action::Activate(order) => (order.release.kernel.clone(), TransactionStep::Verified),
        Action::Confirm { kernel } => {
            report.default_kernel = Some(kernel.clone());
            (kernel.clone(), TransactionStep::Confirmed)
        }
        Action::Cancel => {
            let reason = "cancelled".to_owned();
            (report.boot.kernel.clone(), TransactionStep::Aborted { reason })
        }
    };
    let asks = step == TransactionStep::AwaitingPermit;
    report.transaction = Some(Transaction { command: command.id, target, step });
    asks.then(|| PermitRequest {
        host: report.host,
        command: command.id,
        nonce: wavegate_common::Nonce(u128::from(report.seq)),
        boot_id: report.boot.boot_id,
    })
}

/// Hosts that obey, until they are told to stop.
pub(super) struct Fleet {
    stop: watch::Sender<bool>,
    hosts: Vec<tokio::task::JoinHandle<HostReport>>,
}

impl Fleet {
    /// Enrols hosts and lets them run.
    pub(super) async fn join(running: &Running, admin: &mut OperatorClient, count: usize) -> Self {
        let (stop, stopped) = watch::channel(false);
        let ca = std::fs::read_to_string(running.context.with_file_name("ca.pem")).unwrap();
        let mut hosts = Vec::new();
        for n in 0..count {
            let name = format!("web-{n:02}");
            let identity = joined(running, admin, &name).await;
            let report = report(identity.key().host_id(), &name, &format!("r{}", n % 4));
            let address = running.address.to_string();
            hosts.push(tokio::spawn(obey(address, ca.clone(), identity, report, stopped.clone())));
        }
        let fleet = Self { stop, hosts };
        fleet.seen(admin, count).await;
        fleet
    }

    /// Waits until every host has reported.
    async fn seen(&self, admin: &mut OperatorClient, count: usize) {
        let ask = ask::ListHosts { selector: None, after: None, limit: 0 };
        loop {
            let page = admin.list_hosts(&ask).await.unwrap();
            if page.hosts.iter().filter(|host| host.kernel.is_some()).count() == count {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// Ends the hosts; what each said last.
    pub(super) async fn end(self) -> Vec<HostReport> {
        self.stop.send_replace(true);
        let mut reports = Vec::new();
        for host in self.hosts {
            reports.push(host.await.unwrap());
        }
        reports
    }
}

pub(super) async fn kernel(admin: &mut OperatorClient) {
    let release = Release {
        name: "june".into(),
        kernel: NEW.into(),
        source: ReleaseSource::Package { package: "linux-image-56".into(), version: None },
        append: Vec::new(),
    };
    admin.add_kernel(&ask::AddKernel { release, reason: why() }).await.unwrap();
}

pub(super) fn spec() -> RolloutSpec {
    let text = "name: june\nrelease: june\nselector: '*'\nbake: 50ms\nholdback: 0%\n\
                waves: [50%, 100%]\ncanary: {per_class: 2, at_least: 1}\n\
                limits: {soak: 1ms, verify: 30s, boot: 30s}\n";
    serde_saphyr::from_str(text).unwrap()
}
