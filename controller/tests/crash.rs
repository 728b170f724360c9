//! The real program, killed at any moment: what it acknowledged is there afterwards.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use wavegate_common::Millis;
use wavegate_common::view::TokenBinding;
use wavegate_proto::operator::{OperatorClient, ask};
use wavegate_proto::tls::{HostKey, Identity, client_config, connect};

const ROUNDS: u64 = 6;

struct Controller(Child);

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn(data: &Path) -> Controller {
    // The last run was killed and could not take its address back.
    let _ = std::fs::remove_file(data.join("controller.addr"));
    let child = Command::new(env!("CARGO_BIN_EXE_wavegate"))
        .args(["controller", "run", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Controller(child)
}

async fn client(data: &Path) -> OperatorClient {
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < Duration::from_secs(60), "it does not come up");
        if let Ok(address) = std::fs::read_to_string(data.join("controller.addr")) {
            let read = |name: &str| std::fs::read_to_string(data.join(name)).unwrap();
            let key = HostKey::from_pem(&read("admin.key")).unwrap();
            let identity = Identity::new(&read("admin.pem"), key).unwrap();
            let tls = client_config(&read("ca.pem"), Some(&identity)).unwrap();
            if let Ok(channel) = connect(address.trim(), tls).await {
                return OperatorClient::new(channel);
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Makes tokens until the controller is gone; gives back those that it acknowledged.
async fn make_tokens(
    mut client: OperatorClient,
    round: u64,
    count: watch::Sender<u64>,
) -> Vec<String> {
    let mut made = Vec::new();
    loop {
        let binding = TokenBinding::Host { name: format!("host-{round}-{}", made.len()) };
        let reason = ask::Reason::new("a test").unwrap();
        let ask = ask::CreateToken { binding, life: Millis::mins(5), reason };
        match client.create_token(&ask).await {
            Ok(token) => {
                made.push(token.token.id);
                count.send_modify(|count| *count += 1);
            }
            Err(_) => return made,
        }
    }
}

#[tokio::test]
async fn an_acknowledged_write_survives_kill_nine() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let mut controller = spawn(&data);
        let (count, mut counted) = watch::channel(0);
        let busy: Vec<_> = [client(&data).await, client(&data).await]
            .into_iter()
            .map(|client| tokio::spawn(make_tokens(client, round, count.clone())))
            .collect();
        // Killed in the midst of its work, whatever the machine's speed.
        counted.wait_for(|count| *count > 3 + 5 * round).await.unwrap();
        controller.0.kill().unwrap();
        for made in busy {
            acknowledged.extend(made.await.unwrap());
        }
    }
    let _controller = spawn(&data);
    let mut client = client(&data).await;
    let kept = client.list_tokens(&ask::ListTokens {}).await.unwrap().tokens;
    for id in &acknowledged {
        assert!(kept.iter().any(|token| token.id == *id), "{id} was acknowledged and is gone");
    }
    let log = client.verify_audit(&ask::VerifyAudit {}).await.unwrap();
    assert_eq!(log.broken, None);
    assert!(log.entries as usize > acknowledged.len(), "each has its entry");
}
