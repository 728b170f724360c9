//! A host that misbehaves: holds a genuine certificate and tries what it may not.
//!
//! Used by the virtual machine tests. It speaks the shipping protocol with the shipping client, so
//! what is refused is refused on the wire, not by politeness. Prints one JSON object; exit status
//! 0 means that it was refused, 3 that it was let through.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Parser, Subcommand};
use serde_json::{Value, json};
use wavegate_common::{
    AgentMessage, BootId, CommandId, ControllerMessage, Digest, Generation, Hello, Nonce,
    PermitDecision, PermitRequest,
};
use wavegate_proto::agent::AgentClient;
use wavegate_proto::tls::{HostKey, Identity, client_config, connect};

/// How long the controller may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Tries what a host may not do.
#[derive(Debug, Parser)]
struct Probe {
    /// Address of the controller
    #[arg(long)]
    controller: String,
    /// Directory with the host's `host.key`, `host.crt` and `ca.crt`
    #[arg(long)]
    identity: PathBuf,
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Ask for a certificate for a key that is not this host's
    OtherKey,
    /// Ask for a permit with an order and a boot that are over, or another host's
    Permit {
        /// The order
        #[arg(long)]
        command: CommandId,
        /// The boot
        #[arg(long)]
        boot: BootId,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let probe = Probe::parse();
    let tried = tokio::time::timeout(PATIENCE, attempt(&probe)).await;
    let (refused, answer) = tried.context("the controller did not answer")??;
    println!("{}", json!({ "refused": refused, "answer": answer }));
    Ok(if refused { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

async fn attempt(probe: &Probe) -> anyhow::Result<(bool, Value)> {
    let read = |name: &str| read(&probe.identity, name);
    let key = HostKey::from_pem(&read("host.key")?)?;
    let host = key.host_id();
    let identity = Identity::new(&read("host.crt")?, key)?;
    let config = client_config(&read("ca.crt")?, Some(&identity))?;
    let mut client = AgentClient::new(connect(&probe.controller, config).await?);
    match &probe.deed {
        Deed::OtherKey => {
            let csr = HostKey::generate()?.csr()?;
            Ok(match client.renew(csr).await {
                Ok(_) => (false, json!("a certificate for another key")),
                Err(status) => (true, json!(status.message())),
            })
        }
        Deed::Permit { command, boot } => {
            let hello = Hello {
                version: "probe".to_owned(),
                boot_id: *boot,
                report_digest: Digest::of(b"none"),
                generation: Generation(0),
            };
            let nonce = Nonce(u128::from_str_radix("5eed", 16)?);
            let ask = PermitRequest { host, command: *command, nonce, boot_id: *boot };
            permit(&mut client, hello, ask).await
        }
    }
}

fn read(dir: &Path, name: &str) -> anyhow::Result<String> {
    let path = dir.join(name);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// Says hello, asks, and waits for the answer to this very question.
async fn permit(
    client: &mut AgentClient,
    hello: Hello,
    ask: PermitRequest,
) -> anyhow::Result<(bool, Value)> {
    let (say, said) = tokio::sync::mpsc::channel(2);
    say.send(AgentMessage::Hello(hello)).await?;
    say.send(AgentMessage::Permit(ask.clone())).await?;
    let outgoing = tokio_stream::wrappers::ReceiverStream::new(said);
    let mut incoming = match client.attach(outgoing).await {
        Ok(incoming) => incoming,
        Err(status) => return Ok((true, json!(status.message()))),
    };
    loop {
        match incoming.message().await {
            Ok(Some(ControllerMessage::Permit(answer))) if answer.nonce == ask.nonce => {
                let refused = matches!(answer.decision, PermitDecision::Denied(_));
                return Ok((refused, serde_json::to_value(&answer.decision)?));
            }
            Ok(Some(_)) => {}
            Ok(None) => bail!("the controller closed the stream without an answer"),
            Err(status) => return Ok((true, json!(status.message()))),
        }
    }
}
