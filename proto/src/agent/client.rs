//! The agent's side.

use std::fmt;

use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};
use wavegate_common::{AgentMessage, ControllerMessage, Digest};

use super::message::{Enroll, Enrolled, Renewed};
use crate::convert::{At, CHUNK, Invalid, OnWire, controller_message, write_agent_message};
use crate::wire;
use crate::wire::agent_service_client::AgentServiceClient;

/// Calls of an agent to its controller.
#[derive(Debug, Clone)]
pub struct AgentClient(AgentServiceClient<Channel>);

/// The controller has answered with something that is not an answer.
pub(crate) fn unreadable(invalid: &Invalid) -> Status {
    Status::internal(format!("the controller's answer cannot be read: {invalid}"))
}

impl AgentClient {
    /// Calls over a connection.
    #[must_use]
    pub fn new(channel: Channel) -> Self {
        Self(AgentServiceClient::new(channel))
    }

    /// Opens the host's stream. The first message should be `Hello`.
    ///
    /// # Errors
    /// The controller cannot be reached or turns the host away.
    pub async fn attach(
        &mut self,
        outgoing: impl Stream<Item = AgentMessage> + Send + 'static,
    ) -> Result<ControllerStream, Status> {
        let written = outgoing.map(|message| write_agent_message(&message));
        let answer = self.0.attach(Request::new(written)).await?;
        Ok(ControllerStream(answer.into_inner()))
    }

    /// Asks for the first certificate.
    ///
    /// # Errors
    /// The controller cannot be reached or refuses the token.
    pub async fn enroll(&mut self, ask: &Enroll) -> Result<Enrolled, Status> {
        let answer = self.0.enroll(OnWire::<wire::EnrollRequest>::write(ask)).await?;
        OnWire::read(answer.into_inner(), &At::root("enrolled")).map_err(|bad| unreadable(&bad))
    }

    /// Asks for a fresh certificate with a signing request (PKCS #10 in DER).
    ///
    /// # Errors
    /// The controller cannot be reached or refuses.
    pub async fn renew(&mut self, csr: Vec<u8>) -> Result<Renewed, Status> {
        let answer = self.0.renew(wire::RenewRequest { csr }).await?;
        OnWire::read(answer.into_inner(), &At::root("renewed")).map_err(|bad| unreadable(&bad))
    }

    /// Fetches an artifact from an offset on.
    ///
    /// # Errors
    /// The controller cannot be reached or does not hold the artifact.
    pub async fn fetch_artifact(
        &mut self,
        digest: Digest,
        offset: u64,
    ) -> Result<ArtifactStream, Status> {
        let ask = wire::FetchArtifactRequest { digest: digest.write(), offset };
        Ok(ArtifactStream(self.0.fetch_artifact(ask).await?.into_inner()))
    }
}

/// What comes from the controller.
pub struct ControllerStream(Streaming<wire::ControllerMessage>);

impl ControllerStream {
    /// The next message; none when the controller has closed its side.
    ///
    /// # Errors
    /// The connection broke, or the message is not a valid one.
    pub async fn message(&mut self) -> Result<Option<ControllerMessage>, Status> {
        let Some(said) = self.0.message().await? else { return Ok(None) };
        controller_message(said).map(Some).map_err(|bad| unreadable(&bad))
    }
}

impl fmt::Debug for ControllerStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControllerStream").finish_non_exhaustive()
    }
}

/// The bytes of an artifact, piece by piece.
pub struct ArtifactStream(Streaming<wire::Chunk>);

impl ArtifactStream {
    /// The next piece, at most 1 MiB; none after the last.
    ///
    /// # Errors
    /// The connection broke; go on from the offset reached.
    pub async fn piece(&mut self) -> Result<Option<Vec<u8>>, Status> {
        let Some(chunk) = self.0.message().await? else { return Ok(None) };
        let at = At::root("chunk");
        OnWire::read(chunk.data, &at.field("data").limited(CHUNK))
            .map(Some)
            .map_err(|bad| unreadable(&bad))
    }
}

impl fmt::Debug for ArtifactStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArtifactStream").finish_non_exhaustive()
    }
}
