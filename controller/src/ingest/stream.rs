//! One stream, from its first word to its end.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tonic::Status;
use wavegate_common::{
    AgentMessage, ControllerMessage, Digest, HostId, HostReport, Millis, NumberedSlot, Welcome,
};
use wavegate_proto::agent::AgentStream;

use crate::clock;
use crate::dispatch::{LaneEnd, LaneId};
use crate::driver::{Attach, Attached, DriverHandle, Stopped};
use crate::store::HostFacts;

/// A host that has opened a stream must say who it is within this time.
const FIRST_WORD: Duration = Duration::from_secs(10);

/// The clockwork of streams.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How often agents say that they are alive.
    pub heartbeat_every: Millis,
    /// Over which span they come back; none lets it grow with the fleet.
    pub reconnect_window: Option<Millis>,
    /// How often an open order is sent again.
    pub resend_every: Millis,
    /// How often a host may send slots of baselines; none lets it grow with the fleet.
    pub baseline_every: Option<Millis>,
}

impl Pace {
    /// Fifty messages a second at most, of which a fleet of 5,000 needs a third.
    fn baseline_every(&self, hosts: usize) -> Millis {
        let by_size = Millis((hosts as u64).saturating_mul(20).clamp(5_000, 240_000));
        self.baseline_every.unwrap_or(by_size)
    }

    /// One second for each thousand hosts: a thousand handshakes a second are what one core of a
    /// controller does with room to spare.
    fn window(&self, hosts: usize) -> Millis {
        let by_size = Millis((hosts as u64).clamp(1_000, 60_000));
        self.reconnect_window.unwrap_or(by_size)
    }
}

/// A stream to be served.
#[derive(Debug)]
pub struct Stream {
    /// Whose.
    pub host: HostId,
    /// From where.
    pub from: Option<SocketAddr>,
    /// What the host says.
    pub incoming: AgentStream,
    /// What it is told.
    pub outgoing: mpsc::Sender<Result<ControllerMessage, Status>>,
}

/// Serves one stream until it ends. Gives back why, if it was the host's fault: for the audit log.
pub async fn serve(driver: DriverHandle, pace: Pace, mut stream: Stream) -> Option<Status> {
    let ended = match begin(&driver, pace, &mut stream).await {
        Ok(session) => session.run(&mut stream).await,
        Err(status) => Err(status),
    };
    let status = ended.err()?;
    let its_fault =
        matches!(status.code(), tonic::Code::InvalidArgument | tonic::Code::PermissionDenied);
    // If the host has gone, nobody listens.
    let _ = stream.outgoing.send(Err(status.clone())).await;
    its_fault.then_some(status)
}

async fn begin(driver: &DriverHandle, pace: Pace, stream: &mut Stream) -> Result<Session, Status> {
    let first = timeout(FIRST_WORD, stream.incoming.message())
        .await
        .map_err(|_| Status::deadline_exceeded("nothing was said on the stream in 10 s"))??;
    let Some(AgentMessage::Hello(hello)) = first else {
        return Err(Status::invalid_argument("the first message must be `hello`"));
    };
    let digest = hello.report_digest;
    let attach = Attach { host: stream.host, hello, from: stream.from };
    let attached = driver.attach(attach).await.map_err(going_down)?;
    let Attached { id, lane, known, hosts } = attached.map_err(Status::permission_denied)?;
    let session = Session {
        attachment: Attachment { driver: driver.clone(), host: stream.host, id },
        lane,
        known,
        asked: false,
        newest: None,
        resend: Duration::from_millis(pace.resend_every.0),
        storing: None,
    };
    let welcome = Welcome {
        heartbeat_every: pace.heartbeat_every,
        reconnect_window: pace.window(hosts),
        send_report: known != Some(digest),
        baseline_every: pace.baseline_every(hosts),
    };
    say(stream, ControllerMessage::Welcome(welcome)).await?;
    Ok(session)
}

/// Tells the driver when the stream ends, however it does.
struct Attachment {
    driver: DriverHandle,
    host: HostId,
    id: LaneId,
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.driver.detach(self.host, self.id);
    }
}

/// Ends with the number up to which slots are safe, if they are.
type Storing = Pin<Box<dyn Future<Output = Option<u64>> + Send>>;

struct Session {
    attachment: Attachment,
    lane: LaneEnd,
    /// The digest of the report that the driver has.
    known: Option<Digest>,
    /// The report was asked for and has not come.
    asked: bool,
    /// Boot and number of the newest report on this stream.
    newest: Option<(wavegate_common::BootId, u64)>,
    resend: Duration,
    /// Slots on their way to the disk. Orders and answers do not wait for them.
    storing: Option<Storing>,
}

impl Session {
    async fn run(mut self, stream: &mut Stream) -> Result<(), Status> {
        self.send_order(stream).await?;
        let mut resend = interval_at(Instant::now() + self.resend, self.resend);
        resend.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                said = stream.incoming.message() => {
                    let Some(said) = said? else { return Ok(()) };
                    self.hear(stream, said).await?;
                }
                changed = self.lane.order.changed() => {
                    if changed.is_err() {
                        return Err(Status::aborted(
                            "another stream of this host took over, or the controller goes down",
                        ));
                    }
                    self.send_order(stream).await?;
                    resend.reset();
                }
                answer = self.lane.answers.recv() => {
                    if let Some(answer) = answer {
                        say(stream, ControllerMessage::Permit(answer)).await?;
                    } else {
                        return Err(Status::aborted("another stream of this host took over"));
                    }
                }
                safe = stored(&mut self.storing), if self.storing.is_some() => {
                    self.storing = None;
                    if let Some(up_to) = safe {
                        say(stream, ControllerMessage::BaselineAck { up_to }).await?;
                    }
                }
                // Sent again while it is open: a copy that arrives twice does nothing.
                _ = resend.tick() => self.send_order(stream).await?,
                () = stream.outgoing.closed() => return Ok(()),
            }
        }
    }

    async fn send_order(&mut self, stream: &Stream) -> Result<(), Status> {
        let order = self.lane.order.borrow_and_update().as_deref().cloned();
        match order {
            Some(order) => say(stream, ControllerMessage::Command(Box::new(order))).await,
            None => Ok(()),
        }
    }

    async fn hear(&mut self, stream: &Stream, said: AgentMessage) -> Result<(), Status> {
        let driver = &self.attachment.driver;
        match said {
            AgentMessage::Hello(_) => {
                return Err(Status::invalid_argument("`hello` may only be the first message"));
            }
            AgentMessage::Report(report) => self.take_report(*report).await?,
            // A sign of life counts only beside the report that says what the host does now.
            AgentMessage::Heartbeat { boot_id: _, report_digest } => {
                if self.known == Some(report_digest) {
                    self.lane.alive(clock::now());
                } else if !self.asked {
                    self.asked = true;
                    say(stream, ControllerMessage::SendReport).await?;
                }
            }
            AgentMessage::Permit(request) => driver.permit(request).await.map_err(going_down)?,
            AgentMessage::Baselines(slots) => self.keep(slots),
        }
        Ok(())
    }

    /// A host sends the next slots when it has heard that the last ones are safe; one that does
    /// not wait is not answered.
    fn keep(&mut self, slots: Vec<NumberedSlot>) {
        let Some(up_to) = slots.iter().map(|slot| slot.seq).max() else { return };
        if self.storing.is_some() {
            return;
        }
        let (host, store) = (self.attachment.host, self.attachment.driver.store().clone());
        self.storing = Some(Box::pin(async move {
            match store.put_baselines(host, slots).await {
                Ok(()) => Some(up_to),
                Err(error) => {
                    tracing::warn!(%host, %error, "baselines were not kept; the host has them");
                    None
                }
            }
        }));
    }

    async fn take_report(&mut self, report: HostReport) -> Result<(), Status> {
        self.asked = false;
        let place = (report.boot.boot_id, report.seq);
        let late = self.newest.is_some_and(|(boot, seq)| boot == place.0 && seq > place.1);
        let digest = report.digest();
        if late {
            return Ok(());
        }
        let seen = clock::now();
        if self.known != Some(digest) {
            self.newest = Some(place);
            self.known = Some(digest);
            let facts = HostFacts { report: Arc::new(report), digest, seen };
            self.attachment.driver.report(facts).await.map_err(going_down)?;
        }
        self.lane.alive(seen);
        Ok(())
    }
}

async fn stored(storing: &mut Option<Storing>) -> Option<u64> {
    match storing {
        Some(storing) => storing.await,
        None => std::future::pending().await,
    }
}

async fn say(stream: &Stream, message: ControllerMessage) -> Result<(), Status> {
    let gone = |_| Status::cancelled("the host has closed its stream");
    stream.outgoing.send(Ok(message)).await.map_err(gone)
}

fn going_down(stopped: Stopped) -> Status {
    Status::unavailable(stopped.to_string())
}
