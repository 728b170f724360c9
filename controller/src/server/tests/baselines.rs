//! Baselines from an agent's spool to the controller's store, over TLS.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use wavegate_agent::baseline::{BaselineRules, Recorder, ServiceTools, Spool, Told};
use wavegate_agent::link::{LinkConfig, LinkEnds, LinkEvent, Pace, Renewal, run_link};
use wavegate_agent::root::Root;
use wavegate_common::baseline::{BaselineSlot, MetricId, Metrics};
use wavegate_common::view::{BaselineView, TokenBinding};
use wavegate_common::{BootId, ControllerMessage, HostReport, Labels, Millis, Timestamp};
use wavegate_proto::agent::{AgentClient, Enroll};
use wavegate_proto::operator::{OperatorClient, ask};
use wavegate_proto::tls::HostKey;

use super::kit::{admin, channel, config, report, token};
use crate::server::{Running, start};

const SLOTS: i64 = 100;

fn slot(boot: BootId, n: i64) -> BaselineSlot {
    let mut metrics = Metrics::default();
    metrics.of(MetricId::IoReadLatency).record_many(80_000 + n as u64, 1_000);
    metrics.of(MetricId::CpuBusy).record(n as u64);
    let (kernel, covered) = ("6.1.0-47".into(), Millis::mins(5));
    BaselineSlot { boot, kernel, start: Timestamp(n * 300_000), covered, metrics }
}

/// The agent's own link and recorder on a spool. Ends when the spool is empty.
async fn agent(running: &Running, key: &HostKey, cert: &str, said: HostReport, state: &Path) {
    let ca_pem = std::fs::read_to_string(running.context.with_file_name("ca.pem")).unwrap();
    let identity = wavegate_agent::link::Identity {
        host: key.host_id(),
        key_pem: key.to_pem(),
        cert_pem: cert.to_owned(),
        ca_pem,
    };
    let config = LinkConfig {
        controllers: vec![running.address.to_string()],
        version: "0.1.0".into(),
        pace: Pace::default(),
        renewal: Renewal::Never,
    };
    let rules = BaselineRules { every: Some(Millis::secs(10)), tools: ServiceTools::default() };
    let (boot, kernel) = (said.boot.boot_id, said.boot.kernel.clone());
    let root = Root::at(state);
    let mut recorder = Recorder::open(&rules, &root, state, boot, kernel).unwrap();
    let (_report, reports) = watch::channel(Arc::new(said));
    let (_permits, requests) = mpsc::channel(1);
    let (slots, baselines) = mpsc::channel(1);
    let (events, mut heard) = mpsc::channel(16);
    let (tell, mut told) = mpsc::channel(16);
    let ends = LinkEnds { report: reports, permits: requests, baselines, events };
    let listen = async {
        while let Some(event) = heard.recv().await {
            match event {
                LinkEvent::Up { welcome, .. } => {
                    tell.send(Told::Up(welcome.baseline_every)).await.unwrap();
                }
                LinkEvent::Message(ControllerMessage::BaselineAck { up_to }) => {
                    tell.send(Told::Acked(up_to)).await.unwrap();
                    // The recorder must have taken it in before it is taken away.
                    while tell.capacity() < tell.max_capacity() {
                        tokio::task::yield_now().await;
                    }
                    if up_to == SLOTS as u64 {
                        return;
                    }
                }
                LinkEvent::Down { reason } => panic!("{reason}"),
                _ => {}
            }
        }
    };
    let all = async {
        tokio::select! {
            () = listen => {}
            () = run_link(config, identity, ends) => panic!("the link has ended"),
            () = recorder.run(&mut told, &slots) => panic!("the recorder has ended"),
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), all).await.expect("all arrive");
    recorder.stop();
}

async fn shown(admin: &mut OperatorClient, metrics: Vec<MetricId>) -> BaselineView {
    let ask = ask::GetBaseline { host: "web-1".into(), metrics };
    admin.get_baseline(&ask).await.unwrap()
}

fn fill(state: &Path, boot: BootId) {
    let mut spool = Spool::open(&state.join("baselines"), 2 << 20).unwrap().spool;
    for n in 1..=SLOTS {
        spool.push(slot(boot, n)).unwrap();
    }
}

#[tokio::test]
async fn a_spool_arrives_once_and_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.baseline_every = Some(Millis(20));
    let running = start(config).await.unwrap();
    let mut admin = admin(&running).await;
    let made = token(&mut admin, TokenBinding::Host { name: "web-1".into() }).await;
    let key = HostKey::generate().unwrap();
    let ask = Enroll {
        token: made.secret,
        csr: key.csr().unwrap(),
        name: "web-1".into(),
        labels: Labels::new(),
    };
    let mut anybody = AgentClient::new(channel(&running, None).await);
    let cert = anybody.enroll(&ask).await.unwrap().certificate_pem;
    let said = report(key.host_id(), "web-1", "r1");
    assert!(shown(&mut admin, Vec::new()).await.boots.is_empty());

    let state = dir.path().join("agent");
    std::fs::create_dir(&state).unwrap();
    // The second time as if every acknowledgement had been lost.
    for _ in 0..2 {
        let _ = std::fs::remove_file(state.join("baselines"));
        fill(&state, BootId(5));
        agent(&running, &key, &cert, said.clone(), &state).await;
        let left = Spool::open(&state.join("baselines"), 2 << 20).unwrap().spool;
        assert!(left.is_empty());
        let view = shown(&mut admin, Vec::new()).await;
        let boot = &view.boots[0];
        assert_eq!((view.boots.len(), boot.boot_id, boot.slots), (1, BootId(5), SLOTS as u64));
        let metrics: Vec<_> = boot.metrics.iter().map(|of| (of.metric, of.value.count)).collect();
        assert_eq!(metrics, [(MetricId::CpuBusy, 100), (MetricId::IoReadLatency, 100_000)]);
    }
    let one = shown(&mut admin, vec![MetricId::IoReadLatency]).await;
    let value = one.boots[0].metrics[0].value;
    assert!(value.p50.abs_diff(80_050) <= 80, "{value:?}");
    assert!((value.mean - 80_050.5).abs() < 0.01, "{value:?}");
    let missing = ask::GetBaseline { host: "web-9".into(), metrics: Vec::new() };
    assert_eq!(admin.get_baseline(&missing).await.unwrap_err().code(), tonic::Code::NotFound);
    assert_eq!(one.host.id, key.host_id());
    running.stop().await.unwrap();
}
