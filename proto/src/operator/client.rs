//! The command's side.

use std::fmt;

use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};
use wavegate_common::SignalReading;
use wavegate_common::view::{
    ArtifactView, AuditCheck, AuditPage, BaselineView, EventPage, GateView, HostPage, HostView,
    HostWhyView, HostsChanged, IncidentList, IncidentView, KernelList, KernelView,
    OperatorEnrolled, PlanView, ReceiverTest, ReplayView, RolloutList, RolloutView, RolloutWhyView,
    SignalList, TokenList, TokenMade, TokenView, VersionView, WhoView,
};

#[allow(clippy::wildcard_imports, reason = "every ask, by the table")]
use super::ask::*;
use super::table::calls;
use crate::agent::unreadable;
use crate::convert::{At, OnWire};
use crate::wire;
use crate::wire::operator_service_client::OperatorServiceClient;

/// The largest answer, in bytes: a plan report of a very large fleet.
const MAX_ANSWER: usize = 128 << 20;

/// Calls of an operator to the controller.
#[derive(Debug, Clone)]
pub struct OperatorClient(OperatorServiceClient<Channel>);

macro_rules! client {
    ($($call:ident: $ask:ident => $view:ident, $role:ident;)*) => {
        impl OperatorClient { $(
            #[doc = concat!("Asks [`", stringify!($ask), "`]; needs the role `", stringify!($role), "`.")]
            ///
            /// # Errors
            /// The controller cannot be reached or refuses.
            pub async fn $call(&mut self, ask: &$ask) -> Result<$view, Status> {
                let answer = self.0.$call(OnWire::<wire::$ask>::write(ask)).await?;
                OnWire::read(answer.into_inner(), &At::root("answer"))
                    .map_err(|bad| unreadable(&bad))
            }
        )* }
    };
}
calls!(client);

impl OperatorClient {
    /// Calls over a connection.
    #[must_use]
    pub fn new(channel: Channel) -> Self {
        Self(OperatorServiceClient::new(channel).max_decoding_message_size(MAX_ANSWER))
    }

    /// Follows a rollout.
    ///
    /// # Errors
    /// The controller cannot be reached or refuses.
    pub async fn watch_rollout(&mut self, ask: &WatchRollout) -> Result<WatchStream, Status> {
        let ask = OnWire::<wire::WatchRollout>::write(ask);
        Ok(WatchStream(self.0.watch_rollout(ask).await?.into_inner()))
    }

    /// Sends an artifact, from the offset of the head on, in pieces of at most 1 MiB.
    ///
    /// # Errors
    /// The controller cannot be reached or refuses, or the bytes are not those of the digest.
    pub async fn upload_artifact(
        &mut self,
        head: UploadHead,
        pieces: impl Stream<Item = Vec<u8>> + Send + 'static,
    ) -> Result<ArtifactView, Status> {
        use wire::upload_artifact::{Head, Kind};
        let UploadHead { digest, size, offset } = head;
        let head = Kind::Head(Head { digest: digest.write(), size, offset });
        let all = tokio_stream::once(head).chain(pieces.map(Kind::Data));
        let all = all.map(|kind| wire::UploadArtifact { kind: Some(kind) });
        let answer = self.0.upload_artifact(Request::new(all)).await?;
        OnWire::read(answer.into_inner(), &At::root("answer")).map_err(|bad| unreadable(&bad))
    }

    /// Asks for the first certificate.
    ///
    /// # Errors
    /// The controller cannot be reached or refuses the token.
    pub async fn enroll_operator(
        &mut self,
        ask: &EnrollOperator,
    ) -> Result<OperatorEnrolled, Status> {
        let answer = self.0.enroll_operator(OnWire::<wire::EnrollOperator>::write(ask)).await?;
        OnWire::read(answer.into_inner(), &At::root("answer")).map_err(|bad| unreadable(&bad))
    }
}

/// The states of one rollout as they come.
pub struct WatchStream(Streaming<wire::RolloutView>);

impl WatchStream {
    /// The next state; none when the rollout is over.
    ///
    /// # Errors
    /// The connection broke: ask again, the first answer is the present state.
    pub async fn view(&mut self) -> Result<Option<RolloutView>, Status> {
        let Some(view) = self.0.message().await? else { return Ok(None) };
        OnWire::read(view, &At::root("answer")).map(Some).map_err(|bad| unreadable(&bad))
    }
}

impl fmt::Debug for WatchStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchStream").finish_non_exhaustive()
    }
}
