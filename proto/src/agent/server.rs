//! The controller's side: requests come in as domain values with the caller's identity from the
//! certificate, and leave as domain values.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};
use wavegate_common::{AgentMessage, ControllerMessage, Digest, HostId};

use super::message::{Enroll, Enrolled, Renewed};
use crate::caller::{Caller, Peer};
use crate::convert::{At, CERTIFICATE, OnWire, agent_message, write_controller_message};
use crate::wire;
use crate::wire::agent_service_server::{AgentService, AgentServiceServer};

/// The largest message taken from an agent, in bytes: a full report with room to spare.
const MAX_MESSAGE: usize = 1 << 20;

/// What the controller does for agents. The host is always the one that the certificate names.
pub trait AgentApi: Send + Sync + 'static {
    /// What goes to an agent. When it ends, so does the agent's stream.
    type Outgoing: Stream<Item = Result<ControllerMessage, Status>> + Send + 'static;
    /// Pieces of an artifact, each at most 1 MiB.
    type Bytes: Stream<Item = Result<Vec<u8>, Status>> + Send + 'static;

    /// An agent opens its stream.
    fn attach(
        &self,
        host: HostId,
        from: Caller,
        incoming: AgentStream,
    ) -> impl Future<Output = Result<Self::Outgoing, Status>> + Send;

    /// A host asks for its first certificate. The caller may be anybody.
    fn enroll(
        &self,
        from: Caller,
        ask: Enroll,
    ) -> impl Future<Output = Result<Enrolled, Status>> + Send;

    /// A host asks for a fresh certificate; the signing request is PKCS #10 in DER.
    fn renew(
        &self,
        host: HostId,
        csr: Vec<u8>,
    ) -> impl Future<Output = Result<Renewed, Status>> + Send;

    /// A host fetches an artifact from an offset on.
    fn fetch_artifact(
        &self,
        host: HostId,
        digest: Digest,
        offset: u64,
    ) -> impl Future<Output = Result<Self::Bytes, Status>> + Send;

    /// A call was turned away before it reached one of the others: for the audit log.
    fn refused(&self, from: &Caller, method: &'static str, why: &Status) {
        let _ = (from, method, why);
    }
}

/// What comes from one agent.
pub struct AgentStream {
    host: HostId,
    inner: Streaming<wire::AgentMessage>,
}

impl AgentStream {
    /// The next message; none when the agent has closed its side.
    ///
    /// # Errors
    /// The connection broke, or the message is not a valid one; nothing follows either.
    pub async fn message(&mut self) -> Result<Option<AgentMessage>, Status> {
        self.next().await.transpose()
    }
}

impl Stream for AgentStream {
    type Item = Result<AgentMessage, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let host = self.host;
        Pin::new(&mut self.inner)
            .poll_next(cx)
            .map(|next| next.map(|message| message.and_then(|wire| Ok(agent_message(host, wire)?))))
    }
}

impl fmt::Debug for AgentStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentStream").field("host", &self.host).finish_non_exhaustive()
    }
}

/// Serves an [`AgentApi`] on the wire.
#[derive(Debug)]
pub struct AgentServer<A>(Arc<A>);

impl<A: AgentApi> AgentServer<A> {
    /// The service for a tonic router.
    #[must_use]
    pub fn service(api: Arc<A>) -> AgentServiceServer<Self> {
        AgentServiceServer::new(Self(api)).max_decoding_message_size(MAX_MESSAGE)
    }

    fn host<T>(&self, method: &'static str, request: &Request<T>) -> Result<HostId, Status> {
        let from = Caller::of(request);
        from.host().inspect_err(|why| self.0.refused(&from, method, why))
    }
}

type Outgoing<W> = Pin<Box<dyn Stream<Item = Result<W, Status>> + Send>>;

#[tonic::async_trait]
impl<A: AgentApi> AgentService for AgentServer<A> {
    type AttachStream = Outgoing<wire::ControllerMessage>;
    type FetchArtifactStream = Outgoing<wire::Chunk>;

    async fn attach(
        &self,
        request: Request<Streaming<wire::AgentMessage>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let host = self.host("Attach", &request)?;
        let from = Caller::of(&request);
        let incoming = AgentStream { host, inner: request.into_inner() };
        let outgoing = self.0.attach(host, from, incoming).await?;
        let written = outgoing.map(|said| said.map(|said| write_controller_message(&said)));
        Ok(Response::new(Box::pin(written)))
    }

    async fn enroll(
        &self,
        request: Request<wire::EnrollRequest>,
    ) -> Result<Response<wire::EnrollResponse>, Status> {
        let from = Caller::of(&request);
        if matches!(from.peer, Peer::Operator { .. }) {
            let why = Status::permission_denied("a host enrols itself, without a certificate");
            self.0.refused(&from, "Enroll", &why);
            return Err(why);
        }
        let ask = OnWire::read(request.into_inner(), &At::root("enroll"))?;
        Ok(Response::new(self.0.enroll(from, ask).await?.write()))
    }

    async fn renew(
        &self,
        request: Request<wire::RenewRequest>,
    ) -> Result<Response<wire::RenewResponse>, Status> {
        let host = self.host("Renew", &request)?;
        let at = At::root("renew");
        let csr = OnWire::read(request.into_inner().csr, &at.field("csr").limited(CERTIFICATE))?;
        Ok(Response::new(self.0.renew(host, csr).await?.write()))
    }

    async fn fetch_artifact(
        &self,
        request: Request<wire::FetchArtifactRequest>,
    ) -> Result<Response<Self::FetchArtifactStream>, Status> {
        let host = self.host("FetchArtifact", &request)?;
        let ask = request.into_inner();
        let digest = OnWire::read(ask.digest, &At::root("fetch_artifact").field("digest"))?;
        let bytes = self.0.fetch_artifact(host, digest, ask.offset).await?;
        let chunks = bytes.map(|data| data.map(|data| wire::Chunk { data }));
        Ok(Response::new(Box::pin(chunks)))
    }
}
