//! Who may come in, and who may do what.

use wavegate_common::view::{AuditView, Outcome, Role, TokenBinding};
use wavegate_common::{AgentMessage, BootId, ControllerMessage, Generation, HostId};
use wavegate_proto::agent::AgentClient;
use wavegate_proto::operator::{OperatorClient, ask};
use wavegate_proto::tls::{HostKey, Identity, client_config, connect};

use super::kit::{Line, admin, channel, controller, enroll, hello, joined, report, token, why};
use crate::clock;
use crate::server::Running;
use crate::trust::Authority;

/// Waits until the log holds a refusal of this act that says this.
async fn refusal(admin: &mut OperatorClient, act: &str, says: &str) -> AuditView {
    for _ in 0..500 {
        let page = admin.list_audit(&ask::ListAudit { after: None, limit: 0 }).await.unwrap();
        let found = page.entries.into_iter().find(|entry| {
            let refused = matches!(&entry.outcome, Outcome::Refused { why } if why.contains(says));
            entry.act == act && refused
        });
        if let Some(found) = found {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("no refusal of {act} that says `{says}`");
}

#[tokio::test]
async fn a_token_admits_the_host_it_is_for_once() {
    let dir = tempfile::tempdir().unwrap();
    let running = controller(dir.path()).await;
    let mut admin = admin(&running).await;
    let made = token(&mut admin, TokenBinding::Host { name: "web-1".into() }).await;
    let key = HostKey::generate().unwrap();
    let other = enroll(&running, &made.secret, "web-2", &key).await.unwrap_err();
    assert_eq!(other.code(), tonic::Code::PermissionDenied);
    enroll(&running, &made.secret, "web-1", &key).await.unwrap();
    let again = HostKey::generate().unwrap();
    let used = enroll(&running, &made.secret, "web-1", &again).await.unwrap_err();
    assert!(used.message().contains("used already"), "{used}");
    let bad = enroll(&running, "wg1-nonsense", "web-1", &again).await.unwrap_err();
    assert_eq!(bad.code(), tonic::Code::PermissionDenied);
    let entry = refusal(&mut admin, "host.enroll", "used already").await;
    assert!(entry.from.starts_with("127.0.0.1:"), "{entry:?}");
    refusal(&mut admin, "host.enroll", "not for host web-2").await;
    refusal(&mut admin, "host.enroll", "not known here").await;
    let page =
        admin.list_hosts(&ask::ListHosts { selector: None, after: None, limit: 0 }).await.unwrap();
    assert_eq!(page.hosts.len(), 1, "who was refused is not there");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_foreign_certificate_is_refused_and_written_down() {
    let dir = tempfile::tempdir().unwrap();
    let running = controller(dir.path()).await;
    let mut admin = admin(&running).await;
    let foreign = Authority::open_or_create(&dir.path().join("foreign"), clock::now()).unwrap();
    let key = HostKey::generate().unwrap();
    let signed = foreign.sign_host(&key.csr().unwrap(), clock::now()).unwrap();
    let identity = Identity::new(&signed.certificate_pem, key).unwrap();
    let ca = std::fs::read_to_string(running.context.with_file_name("ca.pem")).unwrap();
    let tls = client_config(&ca, Some(&identity)).unwrap();
    // In TLS 1.3 the client may learn of the refusal only with its first call.
    if let Ok(channel) = connect(&running.address.to_string(), tls).await {
        assert!(AgentClient::new(channel).renew(vec![1]).await.is_err());
    }
    refusal(&mut admin, "connection.open", "handshake").await;
    running.stop().await.unwrap();
}

#[tokio::test]
async fn another_hosts_key_is_not_renewed() {
    let dir = tempfile::tempdir().unwrap();
    let running = controller(dir.path()).await;
    let mut admin = admin(&running).await;
    let identity = joined(&running, &mut admin, "web-1").await;
    let mut host = AgentClient::new(channel(&running, Some(&identity)).await);
    let renewed = host.renew(identity.key().csr().unwrap()).await.unwrap();
    identity.replace(&renewed.certificate_pem).unwrap();
    let stranger = HostKey::generate().unwrap();
    let refused = host.renew(stranger.csr().unwrap()).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    refusal(&mut admin, "host.renew", "another host's key").await;
    let operator = OperatorClient::new(channel(&running, Some(&identity)).await);
    let mut operator = operator;
    let refused = operator.list_rollouts(&ask::ListRollouts {}).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    refusal(&mut admin, "operator.call", "host's certificate").await;
    running.stop().await.unwrap();
}

#[tokio::test]
async fn roles_hold_and_refusals_are_written_down() {
    let dir = tempfile::tempdir().unwrap();
    let running = controller(dir.path()).await;
    let mut admin = admin(&running).await;
    let mut viewer = operator(&running, &mut admin, "eve", Role::Viewer).await;
    let binding = TokenBinding::Operator { name: "eve".into(), role: Role::Admin };
    let life = wavegate_common::Millis::mins(1);
    let ask = ask::CreateToken { binding, life, reason: why() };
    let refused = viewer.create_token(&ask).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    let entry = refusal(&mut admin, "operator.call", "needs the role admin").await;
    assert_eq!((entry.who.as_str(), entry.role.as_str()), ("eve", "viewer"));
    let hold = ask::HoldHosts { hosts: vec!["web".into()], selector: None, reason: why() };
    let missing = admin.hold_hosts(&hold).await.unwrap_err();
    assert_eq!(missing.code(), tonic::Code::NotFound);
    refusal(&mut admin, "host.hold", "there is no host `web`").await;
    running.stop().await.unwrap();
}

async fn operator(
    running: &Running,
    admin: &mut OperatorClient,
    name: &str,
    role: Role,
) -> OperatorClient {
    let made = token(admin, TokenBinding::Operator { name: name.into(), role }).await;
    let key = HostKey::generate().unwrap();
    let mut anybody = OperatorClient::new(channel(running, None).await);
    let csr = key.csr().unwrap();
    let ask = ask::EnrollOperator { token: made.secret.clone(), csr };
    let enrolled = anybody.enroll_operator(&ask).await.unwrap();
    assert_eq!((enrolled.name.as_str(), enrolled.role), (name, role));
    assert!(anybody.enroll_operator(&ask).await.is_err(), "once");
    let identity = Identity::new(&enrolled.certificate_pem, key).unwrap();
    OperatorClient::new(channel(running, Some(&identity)).await)
}

#[tokio::test]
async fn a_host_is_seen_held_and_found_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let running = controller(dir.path()).await;
    let mut admin = admin(&running).await;
    let identity = joined(&running, &mut admin, "web-01").await;
    let said = report(identity.key().host_id(), "web-01", "r1");
    let mut line = Line::open(&running, &identity, hello(&said)).await;
    let Some(ControllerMessage::Welcome(welcome)) = line.hear().await else { panic!("welcome") };
    assert!(welcome.send_report);
    line.out.send(AgentMessage::Report(Box::new(said.clone()))).await.unwrap();
    let mut host = admin.get_host(&ask::GetHost { host: "web-01".into() }).await.unwrap();
    while host.report.is_none() {
        host = admin.get_host(&ask::GetHost { host: "web-01".into() }).await.unwrap();
    }
    assert_eq!(host.report, Some(said.clone()));
    assert!(host.connected);
    let near = admin.get_host(&ask::GetHost { host: "web-1".into() }).await.unwrap_err();
    assert!(near.message().contains("did you mean `web-01`?"), "{near}");
    let hold = ask::HoldHosts { hosts: vec!["web-01".into()], selector: None, reason: why() };
    admin.hold_hosts(&hold).await.unwrap();
    let held = admin.get_host(&ask::GetHost { host: "web-01".into() }).await.unwrap();
    assert_eq!(held.hold.unwrap().by, "admin");

    // A reconnect with the same report sends nothing and writes nothing.
    drop(line);
    let before = rows(&running).await;
    let mut line = Line::open(&running, &identity, hello(&said)).await;
    let Some(ControllerMessage::Welcome(welcome)) = line.hear().await else { panic!("welcome") };
    assert!(!welcome.send_report);
    for _ in 0..20 {
        let beat =
            AgentMessage::Heartbeat { boot_id: said.boot.boot_id, report_digest: said.digest() };
        line.out.send(beat).await.unwrap();
    }
    // An unknown digest is asked for, once the heartbeats before it were heard.
    let digest = wavegate_common::Digest::of(b"other");
    let beat = AgentMessage::Heartbeat { boot_id: said.boot.boot_id, report_digest: digest };
    line.out.send(beat).await.unwrap();
    assert_eq!(line.hear().await, Some(ControllerMessage::SendReport));
    assert_eq!(rows(&running).await, before, "heartbeats write no row");
    running.stop().await.unwrap();
}

/// Rows that were ever written, as far as hosts and generations show it.
async fn rows(running: &Running) -> (Generation, usize, Option<wavegate_common::Timestamp>) {
    let snapshot = running.driver().store().snapshot().await.unwrap();
    (snapshot.generation, snapshot.hosts.len(), snapshot.hosts[0].last_seen)
}

#[tokio::test]
async fn two_machines_with_one_key_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let running = controller(dir.path()).await;
    let mut admin = admin(&running).await;
    let identity = joined(&running, &mut admin, "web-1").await;
    let said = report(identity.key().host_id(), "web-1", "r1");
    let mut lines = Vec::new();
    for boot in [1, 2, 1] {
        let mut words = hello(&said);
        words.boot_id = BootId(boot);
        let mut line = Line::open(&running, &identity, words).await;
        assert!(matches!(line.hear().await, Some(ControllerMessage::Welcome(_))));
        lines.push(line);
    }
    let ended = lines[0].back.message().await.unwrap_err();
    assert_eq!(ended.code(), tonic::Code::Aborted, "{ended}");
    let page = admin.list_audit(&ask::ListAudit { after: None, limit: 0 }).await.unwrap();
    let clone = page.entries.iter().find(|entry| entry.act == "host.clone_suspected").unwrap();
    assert!(clone.reason.contains("two machines hold this key"), "{clone:?}");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn an_old_store_is_lifted_above_what_hosts_have_seen() {
    let dir = tempfile::tempdir().unwrap();
    let running = controller(dir.path()).await;
    let mut admin = admin(&running).await;
    let identity = joined(&running, &mut admin, "web-1").await;
    let said = report(identity.key().host_id(), "web-1", "r1");
    let mut words = hello(&said);
    words.generation = Generation(4_711);
    let mut line = Line::open(&running, &identity, words.clone()).await;
    assert!(matches!(line.hear().await, Some(ControllerMessage::Welcome(_))));
    let mut published = running.driver().published();
    let at_least = |generation: &Generation| *generation > Generation(4_711);
    published.wait_for(at_least).await.unwrap();
    assert!(running.driver().store().generation().await.unwrap() > Generation(4_711));
    // A lie must not use up all generations there are.
    words.generation = Generation(u64::MAX);
    let mut line = Line::open(&running, &identity, words).await;
    let refused = line.back.message().await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied, "{refused}");
    let stranger = HostId(1);
    assert!(!page_names(&mut admin).await.contains(&stranger.to_string()));
    running.stop().await.unwrap();
}

async fn page_names(admin: &mut OperatorClient) -> Vec<String> {
    let ask = ask::ListHosts { selector: None, after: None, limit: 0 };
    admin.list_hosts(&ask).await.unwrap().hosts.into_iter().map(|host| host.name).collect()
}
