//! The link against a controller on loopback, over real TLS.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use wavegate_common::{
    AgentMessage, BootCause, BootId, BootRecord, Command, CommandId, ControllerMessage, Facts,
    Generation, Health, HostReport, Labels, Millis, Nonce, PermitRequest, Precondition, RolloutId,
    Timestamp, Welcome,
};

use wavegate_proto::tls::HostKey;

use super::testing::{Authority, Behaviour, FakeController, Seen};
use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn report(identity: &Identity, seq: u64) -> Arc<HostReport> {
    Arc::new(HostReport {
        host: identity.host,
        seq,
        name: "web-1".into(),
        labels: Labels::new(),
        facts: Facts::default(),
        boot: BootRecord {
            boot_id: BootId(5),
            kernel: "6.1.0-47".into(),
            booted_at: Timestamp(1),
            cause: BootCause::First,
        },
        installed: Vec::new(),
        default_kernel: None,
        health: Health::default(),
        transaction: None,
        generation: Generation(3),
        guard: Vec::new(),
        no_kexec: Vec::new(),
        drift: Vec::new(),
    })
}

struct Bench {
    report: watch::Sender<Arc<HostReport>>,
    permits: mpsc::Sender<PermitRequest>,
    events: mpsc::Receiver<LinkEvent>,
    task: tokio::task::JoinHandle<()>,
}

impl Bench {
    async fn event(&mut self) -> LinkEvent {
        tokio::time::timeout(Duration::from_secs(30), self.events.recv()).await.unwrap().unwrap()
    }

    async fn up(&mut self) {
        loop {
            if let LinkEvent::Up { .. } = self.event().await {
                return;
            }
        }
    }
}

fn link(address: &str, identity: &Identity, renewal: Renewal) -> Bench {
    let pace = Pace { retry_floor: Duration::from_millis(1), ..Pace::default() };
    let controllers = vec![address.to_owned()];
    let config = LinkConfig { controllers, version: "1.2.3".into(), pace, renewal };
    let (report, reports) = watch::channel(report(identity, 1));
    let (permits, requests) = mpsc::channel(4);
    let (tell, events) = mpsc::channel(16);
    let ends = LinkEnds {
        report: reports,
        permits: requests,
        baselines: mpsc::channel(1).1,
        events: tell,
    };
    let task = tokio::spawn(run_link(config, identity.clone(), ends));
    Bench { report, permits, events, task }
}

fn welcome(heartbeat_every: u64, send_report: bool) -> Behaviour {
    let heartbeat_every = Millis(heartbeat_every);
    let welcome = Welcome {
        heartbeat_every,
        reconnect_window: Millis(1),
        send_report,
        baseline_every: Millis(0),
    };
    Behaviour { welcome, ..Behaviour::default() }
}

#[tokio::test]
async fn hello_carries_the_digest_and_nothing_else_is_sent_if_it_is_known() {
    let authority = Authority::new();
    let identity = authority.identity(Duration::ZERO, HOUR);
    let mut controller = FakeController::start(&authority, welcome(60, false));
    let mut bench = link(&controller.address, &identity, Renewal::Never);
    let (host, _line, hello) = controller.attached().await;
    bench.up().await;
    let digest = report(&identity, 1).digest();
    assert_eq!(host, identity.host);
    assert_eq!((hello.report_digest, hello.boot_id), (digest, BootId(5)));
    assert_eq!((hello.generation, hello.version.as_str()), (Generation(3), "1.2.3"));

    let Seen::Said(next) = controller.next().await else { panic!("nothing said") };
    assert_eq!(next, AgentMessage::Heartbeat { boot_id: BootId(5), report_digest: digest });
}

#[tokio::test]
async fn the_report_goes_when_it_is_wanted_and_when_it_changed() {
    let authority = Authority::new();
    let identity = authority.identity(Duration::ZERO, HOUR);
    let mut controller = FakeController::start(&authority, welcome(60_000, true));
    let bench = link(&controller.address, &identity, Renewal::Never);
    let (_, line, _) = controller.attached().await;
    let mut expect = async |seq| {
        let Seen::Said(AgentMessage::Report(said)) = controller.next().await else {
            panic!("no report")
        };
        assert_eq!(*said, *report(&identity, seq));
    };
    expect(1).await;
    bench.report.send_replace(report(&identity, 2));
    expect(2).await;
    line.send(Ok(ControllerMessage::SendReport)).await.unwrap();
    expect(2).await;
}

#[tokio::test]
async fn orders_and_permits_pass_both_ways() {
    let authority = Authority::new();
    let identity = authority.identity(Duration::ZERO, HOUR);
    let mut controller = FakeController::start(&authority, welcome(60_000, false));
    let mut bench = link(&controller.address, &identity, Renewal::Never);
    let (_, line, _) = controller.attached().await;
    bench.up().await;

    let order = ControllerMessage::Command(Box::new(Command {
        id: CommandId(9),
        host: identity.host,
        rollout: RolloutId(1),
        generation: Generation(4),
        precondition: Precondition {
            boot_id: BootId(5),
            running: "6.1.0-47".into(),
            ttl: Millis::secs(60),
        },
        action: wavegate_common::Action::Cancel,
    }));
    line.send(Ok(order.clone())).await.unwrap();
    let LinkEvent::Message(came) = bench.event().await else { panic!("no message") };
    assert_eq!(came, order);

    let request = PermitRequest {
        host: identity.host,
        command: CommandId(9),
        nonce: Nonce(7),
        boot_id: BootId(5),
    };
    bench.permits.send(request.clone()).await.unwrap();
    let Seen::Said(said) = controller.next().await else { panic!("nothing said") };
    assert_eq!(said, AgentMessage::Permit(request));
}

#[tokio::test]
async fn a_lost_stream_comes_back_with_the_report_of_now() {
    let authority = Authority::new();
    let identity = authority.identity(Duration::ZERO, HOUR);
    let mut controller = FakeController::start(&authority, welcome(60_000, false));
    let mut bench = link(&controller.address, &identity, Renewal::Never);
    let (_, line, _) = controller.attached().await;
    bench.up().await;
    drop(line);
    let LinkEvent::Down { reason } = bench.event().await else { panic!("still up") };
    assert_eq!(reason, "the controller closed the stream");
    let (_, _line, _) = controller.attached().await;
    bench.up().await;

    // The whole controller dies and another takes its place.
    let address = controller.address.clone();
    drop(controller);
    assert!(matches!(bench.event().await, LinkEvent::Down { .. }));
    let lost = PermitRequest {
        host: identity.host,
        command: CommandId(1),
        nonce: Nonce(1),
        boot_id: BootId(5),
    };
    for _ in 0..8 {
        // More than the channel holds: requests without a stream are thrown away.
        bench.permits.send(lost.clone()).await.unwrap();
    }
    bench.report.send_replace(report(&identity, 2));
    let mut next = loop {
        // The port is free as soon as the last connection of the old controller is gone.
        if tokio::net::TcpStream::connect(&address).await.is_err() {
            break FakeController::start_at(&authority, welcome(60, false), &address);
        }
        tokio::task::yield_now().await;
    };
    let (_, _line, hello) = next.attached().await;
    assert_eq!(hello.report_digest, report(&identity, 2).digest());
}

#[tokio::test]
async fn a_certificate_is_renewed_at_half_life_on_the_same_stream() {
    let authority = Authority::new();
    let identity = authority.identity(HOUR, HOUR / 2);
    let mut controller = FakeController::start(&authority, welcome(60_000, false));
    let mut bench = link(&controller.address, &identity, Renewal::HalfLife);
    let (_, line, _) = controller.attached().await;
    bench.up().await;
    let Seen::Renewed(host) = controller.next().await else { panic!("not renewed") };
    assert_eq!(host, identity.host);
    let LinkEvent::Renewed(fresh) = bench.event().await else { panic!("not told") };
    assert_eq!((fresh.host, &fresh.key_pem), (identity.host, &identity.key_pem));
    assert_ne!(fresh.cert_pem, identity.cert_pem);
    assert_eq!(controller.connections.load(Ordering::SeqCst), 1, "the stream was not dropped");
    // Half of its life is over by its dates, and yet it is fresh: nothing is renewed again.
    line.send(Ok(ControllerMessage::SendReport)).await.unwrap();
    let Seen::Said(AgentMessage::Report(_)) = controller.next().await else { panic!("renewed") };

    // The next connection shows the new certificate and is let in with it.
    drop(line);
    let (again, _line, _) = controller.attached().await;
    assert_eq!(again, identity.host);
}

#[tokio::test]
async fn a_fresh_certificate_is_not_renewed() {
    let authority = Authority::new();
    let identity = authority.identity(HOUR / 4, HOUR);
    let mut controller = FakeController::start(&authority, welcome(60, false));
    let _bench = link(&controller.address, &identity, Renewal::HalfLife);
    let _line = controller.attached().await;
    for _ in 0..3 {
        assert!(matches!(controller.next().await, Seen::Said(AgentMessage::Heartbeat { .. })));
    }
}

#[tokio::test]
async fn a_controller_of_another_authority_is_not_spoken_to() {
    let identity = Authority::new().identity(Duration::ZERO, HOUR);
    let controller = FakeController::start(&Authority::new(), Behaviour::default());
    let mut bench = link(&controller.address, &identity, Renewal::Never);
    let LinkEvent::Down { reason } = bench.event().await else { panic!("up") };
    assert!(reason.contains("certificate"), "{reason}");
}

#[tokio::test]
async fn an_expired_certificate_is_named_as_the_reason() {
    let authority = Authority::new();
    let second = Duration::from_secs(1);
    let (key, age) = (HostKey::generate().unwrap(), 2 * HOUR);
    let (host, cert_pem) = authority.sign_until(&key.csr().unwrap(), age, HOUR + second);
    let identity = Identity { host, key_pem: key.to_pem(), cert_pem, ca_pem: authority.pem() };
    let controller = FakeController::start(&authority, Behaviour::default());
    let mut bench = link(&controller.address, &identity, Renewal::Never);
    let LinkEvent::Down { reason } = bench.event().await else { panic!("up") };
    assert!(reason.contains("wavegate-agent enroll --force"), "{reason}");
}

#[tokio::test]
async fn it_ends_when_nobody_listens() {
    let authority = Authority::new();
    let identity = authority.identity(Duration::ZERO, HOUR);
    let mut controller = FakeController::start(&authority, Behaviour::default());
    let bench = link(&controller.address, &identity, Renewal::Never);
    let _line = controller.attached().await;
    drop(bench.events);
    tokio::time::timeout(Duration::from_secs(30), bench.task).await.unwrap().unwrap();
}

fn enrolment(controller: &FakeController, trust: Trust) -> Enrolment {
    Enrolment {
        controller: controller.address.clone(),
        token: "wg1-secret".into(),
        name: "web-1".into(),
        labels: Labels::from([("role".to_owned(), "web".to_owned())]),
        trust,
    }
}

#[tokio::test]
async fn a_host_enrols_by_certificate_or_fingerprint_and_is_let_in() {
    let authority = Authority::new();
    let mut controller = FakeController::start(&authority, Behaviour::default());
    for trust in [Trust::CaPem(authority.pem()), Trust::CaFingerprint(authority.fingerprint())] {
        let identity = enroll(enrolment(&controller, trust)).await.unwrap();
        let Seen::Enrolled(ask) = controller.next().await else { panic!("not enrolled") };
        assert_eq!((ask.name.as_str(), ask.token.as_str()), ("web-1", "wg1-secret"));
        let bench = link(&controller.address, &identity, Renewal::Never);
        let (host, _line, _) = controller.attached().await;
        assert_eq!(host, identity.host);
        bench.task.abort();
    }
}

#[tokio::test]
async fn a_wrong_fingerprint_gets_no_token() {
    let authority = Authority::new();
    let mut controller = FakeController::start(&authority, Behaviour::default());
    let trust = Trust::CaFingerprint(wavegate_common::Digest::of(b"another"));
    let told = enroll(enrolment(&controller, trust)).await.unwrap_err().to_string();
    assert!(told.contains("shows no authority with fingerprint"), "{told}");
    assert!(controller.seen.try_recv().is_err());
}

#[tokio::test]
async fn a_refusal_is_told_in_the_controllers_words() {
    let authority = Authority::new();
    let behaviour = Behaviour { refuse_enrolment: true, ..Behaviour::default() };
    let controller = FakeController::start(&authority, behaviour);
    let asked = enrolment(&controller, Trust::CaPem(authority.pem()));
    assert!(!format!("{asked:?}").contains("wg1-secret"));
    let told = enroll(asked).await.unwrap_err().to_string();
    assert_eq!(told, "the controller refused: the token was used already");
}
