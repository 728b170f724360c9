//! One stream, from hello to its end.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use wavegate_common::{
    AgentMessage, ControllerMessage, Digest, Hello, HostReport, Millis, Welcome,
};
use wavegate_proto::agent::{AgentClient, ControllerStream, Renewed};

use super::pace::random;
use super::run::{Credentials, LinkConfig, LinkEnds, LinkEvent, Renewal};

/// Messages on their way to a slow controller. When they are this many, the link waits.
const OUTBOX: usize = 4;
/// Bounds for what a controller may ask of the heartbeat: below, a mistake in its configuration
/// would have the fleet overrun it; above, a host would count as gone.
const HEARTBEAT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(300));
/// A renewal that failed is tried again after about this part of the certificate's life.
const RENEWAL_RETRY: u64 = 20;
/// Least time between two renewals: a host whose clock is ahead sees only expired certificates.
const RENEWAL_REST: Duration = Duration::from_secs(60);
/// Clocks are looked at again at least this often: the wall clock may have been set meanwhile.
const RENEWAL_LOOK: Duration = Duration::from_secs(3600);

/// How a session ended.
pub(super) enum SessionEnd {
    /// Nobody listens any more.
    Closed,
    /// The stream is gone.
    Lost {
        /// Why.
        reason: String,
        /// Whether the controller had said welcome.
        was_up: bool,
    },
}

type Renewing = Pin<Box<dyn Future<Output = Result<Renewed, Status>> + Send>>;

/// One stream.
pub(super) struct Session<'a> {
    config: &'a LinkConfig,
    credentials: &'a mut Credentials,
    ends: &'a mut LinkEnds,
    /// Digest of the report that the controller was told last.
    told: Digest,
}

/// A stream that the controller has said welcome on.
struct Line {
    client: AgentClient,
    outbox: mpsc::Sender<AgentMessage>,
    inbox: ControllerStream,
    beat: Duration,
    next_beat: Instant,
    next_renewal: Option<Instant>,
    renewing: Option<Renewing>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        config: &'a LinkConfig,
        credentials: &'a mut Credentials,
        ends: &'a mut LinkEnds,
    ) -> Self {
        Self { config, credentials, ends, told: Digest::default() }
    }

    /// Connects and stays until the stream ends. `window` becomes what the controller says.
    pub(super) async fn live(&mut self, address: &str, window: &mut Duration) -> SessionEnd {
        let (mut line, welcome) = match self.open(address).await {
            Ok(opened) => opened,
            Err(reason) => {
                let reason = self.blame_certificate(reason);
                return SessionEnd::Lost { reason, was_up: false };
            }
        };
        *window = span(welcome.reconnect_window);
        let send_report = welcome.send_report;
        let up = LinkEvent::Up { welcome, client: line.client.clone() };
        if self.ends.events.send(up).await.is_err() {
            return SessionEnd::Closed;
        }
        let ended = async {
            if send_report {
                self.send_report(&mut line).await?;
            }
            loop {
                self.turn(&mut line, window).await?;
            }
        };
        let Err::<(), _>(end) = ended.await else { return SessionEnd::Closed };
        end
    }

    async fn open(&mut self, address: &str) -> Result<(Line, Welcome), String> {
        let deadline = self.config.pace.connect_deadline;
        let mut client = self.credentials.client(address, deadline).await?;
        let (outbox, queue) = mpsc::channel(OUTBOX);
        let hello = self.hello();
        // The queue is empty and its other end is here: there is room.
        let _ = outbox.try_send(AgentMessage::Hello(hello));
        let late = |_| format!("{address} did not say welcome within {deadline:?}");
        let opened = async {
            let mut inbox = client.attach(ReceiverStream::new(queue)).await?;
            let first = inbox.message().await?;
            Ok::<_, Status>((inbox, first))
        };
        let (inbox, first) =
            timeout(deadline, opened).await.map_err(late)?.map_err(|status| said(&status))?;
        let Some(ControllerMessage::Welcome(welcome)) = first else {
            return Err(format!("{address} did not say welcome first: is it a controller"));
        };
        let beat = span(welcome.heartbeat_every).clamp(HEARTBEAT.0, HEARTBEAT.1);
        let line = Line {
            client,
            outbox,
            inbox,
            beat,
            next_beat: Instant::now() + beat,
            next_renewal: self.next_renewal(),
            renewing: None,
        };
        Ok((line, welcome))
    }

    /// A controller turns an expired certificate away with an alert that says little.
    fn blame_certificate(&self, reason: String) -> String {
        let until = u64::try_from(self.credentials.shown.validity().not_after.0);
        if until.unwrap_or(0) > wall_millis() {
            return reason;
        }
        format!(
            "{reason}; this host's certificate has expired: check its clock, or enrol it again \
             with `wavegate-agent enroll --force`"
        )
    }

    fn hello(&mut self) -> Hello {
        let report = self.ends.report.borrow_and_update();
        self.told = report.digest();
        Hello {
            version: self.config.version.clone(),
            boot_id: report.boot.boot_id,
            report_digest: self.told,
            generation: report.generation,
        }
    }

    /// Waits for one thing and does what it asks for. An error ends the session.
    async fn turn(&mut self, line: &mut Line, window: &mut Duration) -> Result<(), SessionEnd> {
        let renew_at = line.next_renewal.unwrap_or_else(|| Instant::now() + RENEWAL_LOOK);
        let renewal_due = line.next_renewal.is_some() && line.renewing.is_none();
        tokio::select! {
            message = line.inbox.message() => match message {
                Ok(Some(message)) => self.take(line, message, window).await,
                Ok(None) => Err(lost("the controller closed the stream".to_owned())),
                Err(status) => Err(lost(said(&status))),
            },
            changed = self.ends.report.changed() => match changed {
                Ok(()) => self.send_report(line).await,
                Err(_) => Err(SessionEnd::Closed),
            },
            Some(request) = self.ends.permits.recv() => {
                self.post(line, AgentMessage::Permit(request)).await
            }
            Some(slots) = self.ends.baselines.recv() => {
                self.post(line, AgentMessage::Baselines(slots)).await
            }
            () = sleep_until(line.next_beat) => self.beat(line).await,
            () = sleep_until(renew_at), if renewal_due => self.begin_renewal(line),
            answer = pending(&mut line.renewing), if line.renewing.is_some() => {
                line.renewing = None;
                self.end_renewal(line, answer).await
            }
            () = self.ends.events.closed() => Err(SessionEnd::Closed),
        }
    }

    async fn take(
        &mut self,
        line: &mut Line,
        message: ControllerMessage,
        window: &mut Duration,
    ) -> Result<(), SessionEnd> {
        match message {
            ControllerMessage::SendReport => self.send_report(line).await,
            ControllerMessage::Welcome(welcome) => {
                *window = span(welcome.reconnect_window);
                line.beat = span(welcome.heartbeat_every).clamp(HEARTBEAT.0, HEARTBEAT.1);
                line.next_beat = Instant::now() + line.beat;
                if welcome.send_report { self.send_report(line).await } else { Ok(()) }
            }
            message @ (ControllerMessage::Command(_)
            | ControllerMessage::Permit(_)
            | ControllerMessage::BaselineAck { .. }) => {
                let told = self.ends.events.send(LinkEvent::Message(message)).await;
                told.map_err(|_| SessionEnd::Closed)
            }
        }
    }

    async fn send_report(&mut self, line: &mut Line) -> Result<(), SessionEnd> {
        let report: HostReport = {
            let current = self.ends.report.borrow_and_update();
            self.told = current.digest();
            HostReport::clone(&current)
        };
        self.post(line, AgentMessage::Report(Box::new(report))).await
    }

    async fn beat(&mut self, line: &mut Line) -> Result<(), SessionEnd> {
        let boot_id = self.ends.report.borrow().boot.boot_id;
        let report_digest = self.told;
        self.post(line, AgentMessage::Heartbeat { boot_id, report_digest }).await
    }

    /// Anything that is sent is a sign of life.
    async fn post(&self, line: &mut Line, message: AgentMessage) -> Result<(), SessionEnd> {
        line.next_beat = Instant::now() + line.beat;
        let sent = line.outbox.send(message).await;
        // The inbox would tell why the stream broke, but only if it is read again.
        sent.map_err(|_| lost("the stream to the controller broke".to_owned()))
    }

    /// When the certificate is to be renewed, or at least looked at again.
    fn next_renewal(&self) -> Option<Instant> {
        match self.config.renewal {
            Renewal::Never => None,
            Renewal::HalfLife => {
                let left = Duration::from_millis(self.credentials.renewal_due_in(wall_millis()));
                Some(Instant::now() + left.min(RENEWAL_LOOK))
            }
        }
    }

    fn begin_renewal(&mut self, line: &mut Line) -> Result<(), SessionEnd> {
        if self.credentials.renewal_due_in(wall_millis()) > 0 {
            line.next_renewal = self.next_renewal();
            return Ok(());
        }
        match self.credentials.shown.key().csr() {
            Ok(csr) => {
                let mut client = line.client.clone();
                line.renewing = Some(Box::pin(async move { client.renew(csr).await }));
            }
            Err(error) => {
                tracing::error!(%error, "cannot ask for a fresh certificate");
                line.next_renewal = Some(Instant::now() + RENEWAL_LOOK);
            }
        }
        Ok(())
    }

    async fn end_renewal(
        &mut self,
        line: &mut Line,
        answer: Result<Renewed, Status>,
    ) -> Result<(), SessionEnd> {
        let taken = answer.map_err(|status| said(&status)).and_then(|fresh| {
            let (cert_pem, ca_pem) = (fresh.certificate_pem, fresh.ca_pem);
            let renewed = self.credentials.renew(cert_pem, ca_pem, wall_millis());
            renewed.map_err(|error| error.to_string())
        });
        match taken {
            Ok(()) => {
                // Whatever the clocks of both sides say, not again at once.
                let rest = Instant::now() + RENEWAL_REST;
                line.next_renewal = self.next_renewal().map(|due| due.max(rest));
                let renewed = LinkEvent::Renewed(self.credentials.kept.clone());
                self.ends.events.send(renewed).await.map_err(|_| SessionEnd::Closed)
            }
            Err(reason) => {
                let validity = self.credentials.shown.validity();
                let life = validity.not_after.since(validity.not_before).0 / RENEWAL_RETRY;
                let wait = (random() % life.max(1)).max(1_000);
                tracing::warn!(reason, wait_ms = wait, "the certificate was not renewed");
                line.next_renewal = Some(Instant::now() + Duration::from_millis(wait));
                Ok(())
            }
        }
    }
}

/// The renewal under way; never ends if there is none.
async fn pending(renewing: &mut Option<Renewing>) -> Result<Renewed, Status> {
    match renewing {
        Some(renewing) => renewing.await,
        None => std::future::pending().await,
    }
}

fn lost(reason: String) -> SessionEnd {
    SessionEnd::Lost { reason, was_up: true }
}

fn said(status: &Status) -> String {
    if status.message().is_empty() {
        return format!("the controller answered {}", status.code());
    }
    status.message().to_owned()
}

fn span(millis: Millis) -> Duration {
    Duration::from_millis(millis.0)
}

fn wall_millis() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    u64::try_from(now).unwrap_or(u64::MAX)
}
