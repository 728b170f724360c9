//! The controller of a demo: this very program once more, as a child process.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};
use wavegate_common::Millis;

use super::recipe::policy;
use super::story::Settings;
use crate::cli::client::Client;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::config::Config;

/// How long it may take until it answers, also on a busy machine.
const READY: Duration = Duration::from_secs(60);
const CALL: Duration = Duration::from_secs(5);

/// A controller process and what is needed to start it again.
#[derive(Debug)]
pub(super) struct ControllerProcess {
    dir: PathBuf,
    listen: SocketAddr,
    child: Child,
}

impl ControllerProcess {
    /// Starts one in this directory and waits until it answers.
    pub(super) async fn start(dir: &Path, settings: &Settings) -> Result<Self, Failure> {
        write_config(dir, settings)?;
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let child = spawn(dir, listen)?;
        let mut this = Self { dir: dir.to_owned(), listen, child };
        let client = this.ready().await?;
        // From now on it keeps its port over restarts, as a real one does.
        this.listen = client
            .controller
            .parse()
            .map_err(|_| broken(dir, &format!("its address `{}` is none", client.controller)))?;
        Ok(this)
    }

    /// `host:port`.
    pub(super) fn address(&self) -> String {
        self.listen.to_string()
    }

    /// The context of its admin.
    pub(super) fn context_file(&self) -> PathBuf {
        self.data_dir().join("admin.yaml")
    }

    fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// A client of it, in its admin's name.
    pub(super) async fn client(&self) -> Result<Client, Failure> {
        Client::connect(&Context::load(&self.context_file())?, CALL).await
    }

    /// SIGKILL, then a new process with the same state.
    pub(super) async fn kill_and_restart(&mut self) -> Result<(), Failure> {
        self.child.kill().await.map_err(|error| {
            Failure::new(Exit::Failed, "cannot kill the controller").caused_by(&error)
        })?;
        self.child = spawn(&self.dir, self.listen)?;
        self.ready().await.map(drop)
    }

    /// Ends it in order; kills it if it does not go.
    pub(super) async fn stop(&mut self) {
        use nix::sys::signal::{Signal, kill};
        use nix::unistd::Pid;
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        if tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }

    /// Waits until it answers, or until it is clear that it never will.
    async fn ready(&mut self) -> Result<Client, Failure> {
        let begun = Instant::now();
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(broken(&self.dir, &format!("it ended with {status}")));
            }
            let problem = match self.client().await {
                Ok(client) => return Ok(client),
                Err(failure) => failure,
            };
            if begun.elapsed() > READY {
                return Err(broken(&self.dir, &format!("it does not answer: {problem}")));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}

fn broken(dir: &Path, why: &str) -> Failure {
    Failure::new(Exit::Failed, "the demo's controller does not run")
        .because(format!("{why}; its last words: {}", last_words(dir)))
}

/// The end of its log.
fn last_words(dir: &Path) -> String {
    let text = std::fs::read_to_string(dir.join("controller.log")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join(" | ")
}

fn write_config(dir: &Path, settings: &Settings) -> Result<(), Failure> {
    let config = Config {
        data_dir: dir.join("data"),
        heartbeat_every: Millis::secs(1),
        reconnect_window: Some(Millis(300)),
        drive_every: Millis(250),
        resend_every: Millis::secs(1),
        checkpoint_every: Millis::secs(1),
        assess_every: Millis::secs(1),
        baseline_every: Some(Millis(500)),
        policy: policy(),
        alerts: settings.alerts.clone(),
        signals: settings.signals.clone(),
        ..Config::default()
    };
    let failed = |error: &dyn std::error::Error| {
        Failure::new(Exit::Failed, format!("cannot write to {}", dir.display())).caused_by(error)
    };
    let text = serde_saphyr::to_string(&config).map_err(|e| failed(&e))?;
    std::fs::write(dir.join("controller.yaml"), text).map_err(|e| failed(&e))
}

fn spawn(dir: &Path, listen: SocketAddr) -> Result<Child, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Failed, "cannot start the demo's controller").caused_by(&error)
    };
    let log = File::options()
        .create(true)
        .append(true)
        .open(dir.join("controller.log"))
        .map_err(failed)?;
    let error_log = log.try_clone().map_err(failed)?;
    Command::new(std::env::current_exe().map_err(failed)?)
        .args(["controller", "run", "--config"])
        .arg(dir.join("controller.yaml"))
        .arg("--data-dir")
        .arg(dir.join("data"))
        .arg("--listen")
        .arg(listen.to_string())
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(error_log)
        // A demo that dies takes its controller along.
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_configuration_can_be_used() {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("key");
        std::fs::write(&key, "secret").unwrap();
        let file = dir.path().join("outside.yaml");
        let text = format!(
            "alerts:\n  labels: {{fleet: demo}}\n  receivers:\n    ops:\n      webhook:\n        \
             url: http://127.0.0.1:1/hook\n        secret: {{file: {}}}\n    am:\n      \
             alertmanager: {{url: 'http://127.0.0.1:2', silences: {{}}}}\nsignals:\n  up:\n    \
             url: http://127.0.0.1:3\n    value: {{query: up, better: higher}}\n",
            key.display()
        );
        std::fs::write(&file, text).unwrap();
        let Config { alerts, signals, .. } = Config::load(&file).unwrap();
        let settings = Settings {
            scenario: None,
            seed: 1,
            hosts: 36,
            speed: 10,
            stay: false,
            keep: false,
            dir: None,
            alerts,
            signals,
        };
        write_config(dir.path(), &settings).unwrap();
        let config = Config::load(&dir.path().join("controller.yaml")).unwrap();
        assert_eq!(config.policy, policy());
        assert_eq!((config.alerts, config.signals), (settings.alerts, settings.signals));
    }
}
