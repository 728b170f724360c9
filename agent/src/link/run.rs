//! The link's life: connect, live through a session, wait, and so on until nobody listens.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use wavegate_common::{ControllerMessage, HostReport, NumberedSlot, PermitRequest, Welcome};
use wavegate_proto::agent::AgentClient;
use wavegate_proto::tls::{self, HostKey, TlsError, client_config, connect};

use super::identity::Identity;
use super::pace::{Pace, random};
use super::session::{Session, SessionEnd};

/// Where to connect and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkConfig {
    /// `host:port`, tried in turn.
    pub controllers: Vec<String>,
    /// Version of the agent's program, for people.
    pub version: String,
    /// Limits of its patience.
    pub pace: Pace,
    /// When to renew the certificate.
    pub renewal: Renewal,
}

/// When to renew the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// When half of its life is over.
    HalfLife,
    /// Never: for hosts that live shorter than their certificate.
    Never,
}

/// What the link is tied to.
#[derive(Debug)]
pub struct LinkEnds {
    /// The current report. Its digest goes out with every hello and heartbeat, itself when it
    /// changed or is asked for.
    pub report: watch::Receiver<Arc<HostReport>>,
    /// Sent at once, or dropped if there is no stream: the machine asks again, and an old
    /// request would only be answered too late.
    pub permits: mpsc::Receiver<PermitRequest>,
    /// Slots of baselines, sent at once or dropped: whoever hands them over keeps them until the
    /// controller has acknowledged them.
    pub baselines: mpsc::Receiver<Vec<NumberedSlot>>,
    /// What happens.
    pub events: mpsc::Sender<LinkEvent>,
}

/// What happens on a link.
#[derive(Debug)]
pub enum LinkEvent {
    /// The controller said welcome.
    Up {
        /// What it said.
        welcome: Welcome,
        /// For calls beside the stream, such as fetching an artifact.
        client: AgentClient,
    },
    /// There is no stream, and why.
    Down {
        /// In words.
        reason: String,
    },
    /// An order, the answer to a permit request, or to slots.
    Message(ControllerMessage),
    /// A fresh certificate, to be kept for the next start. This link uses it from its next
    /// connection on.
    Renewed(Identity),
}

/// Runs a link until the other side of `events` or `report` is gone. Dropping the future ends it
/// at once.
pub async fn run_link(config: LinkConfig, identity: Identity, mut ends: LinkEnds) {
    let mut credentials = match Credentials::new(identity) {
        Ok(credentials) => credentials,
        Err(error) => {
            // Nothing here mends by itself; a person enrols the host again.
            let _ = ends.events.send(LinkEvent::Down { reason: error.to_string() }).await;
            return;
        }
    };
    let (mut window, mut failures, mut turn) = (Duration::ZERO, 0u32, 0usize);
    loop {
        let Some(address) = config.controllers.get(turn % config.controllers.len().max(1)) else {
            return;
        };
        let mut session = Session::new(&config, &mut credentials, &mut ends);
        let (reason, was_up) = match session.live(address, &mut window).await {
            SessionEnd::Closed => return,
            SessionEnd::Lost { reason, was_up } => (reason, was_up),
        };
        let wait = if was_up {
            failures = 0;
            config.pace.wait(window, 0, random())
        } else {
            failures = failures.saturating_add(1);
            turn = turn.wrapping_add(1);
            config.pace.wait(window, failures - 1, random())
        };
        tracing::info!(address, reason, wait_ms = wait.as_millis(), "no link to the controller");
        if ends.events.send(LinkEvent::Down { reason }).await.is_err() {
            return;
        }
        if !rest(&mut ends, wait).await {
            return;
        }
    }
}

/// Waits, and throws away what nobody can answer. `false` if the other side went
/// away meanwhile.
async fn rest(ends: &mut LinkEnds, wait: Duration) -> bool {
    let done = sleep(wait);
    tokio::pin!(done);
    let (mut asking, mut measuring) = (true, true);
    loop {
        tokio::select! {
            () = &mut done => return true,
            () = ends.events.closed() => return false,
            request = ends.permits.recv(), if asking => asking = request.is_some(),
            slots = ends.baselines.recv(), if measuring => measuring = slots.is_some(),
        }
    }
}

/// The identity in the form that connections need.
#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) kept: Identity,
    pub(super) shown: tls::Identity,
    config: Arc<ClientConfig>,
    /// Half of the life that was left on the last certificate when it came, in milliseconds of
    /// the wall clock. Controllers date certificates back to make up for slow clocks, so that
    /// half of the life by its dates may be over when a short one comes.
    not_before: u64,
}

impl Credentials {
    fn new(kept: Identity) -> Result<Self, TlsError> {
        let shown = tls::Identity::new(&kept.cert_pem, HostKey::from_pem(&kept.key_pem)?)?;
        let config = client_config(&kept.ca_pem, Some(&shown))?;
        Ok(Self { kept, shown, config, not_before: 0 })
    }

    /// Takes a fresh certificate for the next connections. Live ones keep theirs.
    pub(super) fn renew(
        &mut self,
        cert_pem: String,
        ca_pem: String,
        now: u64,
    ) -> Result<(), TlsError> {
        if ca_pem != self.kept.ca_pem {
            let config = client_config(&ca_pem, Some(&self.shown))?;
            self.shown.replace(&cert_pem)?;
            self.config = config;
        } else {
            self.shown.replace(&cert_pem)?;
        }
        self.kept.cert_pem = cert_pem;
        self.kept.ca_pem = ca_pem;
        let end = u64::try_from(self.shown.validity().not_after.0).unwrap_or(0);
        self.not_before = now.saturating_add(end.saturating_sub(now) / 2);
        Ok(())
    }

    /// Milliseconds from `now` of the wall clock until half of the certificate's life is over.
    pub(super) fn renewal_due_in(&self, now: u64) -> u64 {
        let half_life = u64::try_from(self.shown.validity().half_life().0).unwrap_or(0);
        half_life.max(self.not_before).saturating_sub(now)
    }

    pub(super) async fn client(
        &self,
        address: &str,
        deadline: Duration,
    ) -> Result<AgentClient, String> {
        match timeout(deadline, connect(address, Arc::clone(&self.config))).await {
            Ok(Ok(channel)) => Ok(AgentClient::new(channel)),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("cannot connect to {address} within {deadline:?}")),
        }
    }
}
