//! Starting, stopping, starting again.

use wavegate_common::view::Role;
use wavegate_proto::operator::{OperatorClient, ask};

use super::kit::{admin, channel, config, controller, why};
use crate::backup::{BackupError, backup};
use crate::server::{RunError, start};

#[tokio::test]
async fn a_fresh_directory_is_all_it_needs_and_a_second_start_finds_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let running = controller(dir.path()).await;
    assert!(running.fresh);
    let who = admin(&running).await.who_am_i(&ask::WhoAmI {}).await.unwrap();
    assert_eq!((who.name.as_str(), who.role), ("admin", Role::Admin));
    let data = dir.path().join("data");
    let read = |name: &str| std::fs::read_to_string(data.join(name)).unwrap();
    assert_eq!(read("controller.addr").trim(), running.address.to_string());
    assert!(read("admin.yaml").contains(&running.address.to_string()));
    let before = (read("ca.pem"), read("admin.pem"));
    running.stop().await.unwrap();
    assert!(!data.join("controller.addr").exists(), "nobody listens there any more");

    let again = controller(dir.path()).await;
    assert!(!again.fresh);
    assert_eq!((read("ca.pem"), read("admin.pem")), before);
    let log = admin(&again).await.verify_audit(&ask::VerifyAudit {}).await.unwrap();
    assert_eq!((log.entries, log.broken), (1, None), "the admin is recorded once");
    again.stop().await.unwrap();
}

#[tokio::test]
async fn a_taken_port_is_named_and_nothing_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = config(dir.path());
    config.listen = taken.local_addr().unwrap();
    let error = start(config).await.unwrap_err();
    assert!(matches!(error, RunError::PortInUse { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("--listen") && text.contains("another"), "{text}");
    assert!(!dir.path().join("data/wavegate.db").exists());
}

#[tokio::test]
async fn health_and_reflection_answer() {
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_client::HealthClient;
    let dir = tempfile::tempdir().unwrap();
    let running = controller(dir.path()).await;
    let mut health = HealthClient::new(channel(&running, None).await);
    let answer = health.check(HealthCheckRequest { service: String::new() }).await.unwrap();
    assert_eq!(answer.into_inner().status, 1, "serving");
    let mut nobody = OperatorClient::new(channel(&running, None).await);
    let refused = nobody.list_rollouts(&ask::ListRollouts {}).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unauthenticated);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_backup_of_a_running_controller_starts_as_one() {
    let dir = tempfile::tempdir().unwrap();
    let running = controller(dir.path()).await;
    let binding = wavegate_common::view::TokenBinding::Host { name: "web-1".into() };
    let life = wavegate_common::Millis::mins(5);
    let ask = ask::CreateToken { binding, life, reason: why() };
    admin(&running).await.create_token(&ask).await.unwrap();
    let (from, to) = (dir.path().join("data"), dir.path().join("copy/data"));
    let copied = {
        let (from, to) = (from.clone(), to.clone());
        tokio::task::spawn_blocking(move || backup(&from, &to)).await.unwrap().unwrap()
    };
    assert_eq!(copied.audit_entries, 2);
    assert!(matches!(backup(&from, &to), Err(BackupError::NotEmpty { .. })));
    assert!(matches!(backup(dir.path(), &to), Err(BackupError::NoData { .. })));
    running.stop().await.unwrap();

    let restored = controller(&dir.path().join("copy")).await;
    assert!(!restored.fresh);
    let tokens = admin(&restored).await.list_tokens(&ask::ListTokens {}).await.unwrap();
    assert_eq!(tokens.tokens.len(), 1);
    restored.stop().await.unwrap();
}

#[tokio::test]
async fn a_stop_closes_the_database_and_takes_the_address_back() {
    let dir = tempfile::tempdir().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let config = config(dir.path());
    let data = config.data_dir.clone();
    let running = tokio::spawn(crate::server::run(config, async {
        let _ = stopped.await;
    }));
    while !data.join("controller.addr").exists() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    assert!(!data.join("controller.addr").exists());
    assert!(!data.join("wavegate.db-wal").exists(), "the last connection folds the log in");
}
