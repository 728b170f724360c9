//! The controller's side.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};
use wavegate_common::SignalReading;
use wavegate_common::view::{
    ArtifactView, AuditCheck, AuditPage, BaselineView, EventPage, GateView, HostPage, HostView,
    HostWhyView, HostsChanged, IncidentList, IncidentView, KernelList, KernelView,
    OperatorEnrolled, PlanView, ReceiverTest, ReplayView, Role, RolloutList, RolloutView,
    RolloutWhyView, SignalList, TokenList, TokenMade, TokenView, VersionView, WhoView,
};

#[allow(clippy::wildcard_imports, reason = "every ask, by the table")]
use super::ask::*;
use super::table::calls;
use crate::caller::{Caller, Peer};
use crate::convert::{At, CHUNK, OnWire};
use crate::wire;
use crate::wire::operator_service_server::{OperatorService, OperatorServiceServer};

/// The operator who calls, as their certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// Their name in the audit log.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// From where.
    pub addr: Option<SocketAddr>,
}

/// The bytes of an artifact on their way in.
pub struct Upload(Streaming<wire::UploadArtifact>);

impl Upload {
    /// The next piece, at most 1 MiB; none after the last.
    ///
    /// # Errors
    /// The connection broke, or something else than bytes came.
    pub async fn piece(&mut self) -> Result<Option<Vec<u8>>, Status> {
        use wire::upload_artifact::Kind;
        let at = At::root("upload");
        match self.0.message().await?.map(|message| message.kind) {
            None => Ok(None),
            Some(Some(Kind::Data(data))) => {
                Ok(Some(OnWire::read(data, &at.field("data").limited(CHUNK))?))
            }
            Some(_) => Err(at.invalid("only bytes may follow the head").into()),
        }
    }

    async fn head(&mut self) -> Result<UploadHead, Status> {
        use wire::upload_artifact::Kind;
        let at = At::root("upload");
        let first = self.0.message().await?.and_then(|message| message.kind);
        let Some(Kind::Head(head)) = first else {
            return Err(at.field("head").missing().into());
        };
        Ok(UploadHead {
            digest: OnWire::read(head.digest, &at.field("head").field("digest"))?,
            size: head.size,
            offset: head.offset,
        })
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").finish_non_exhaustive()
    }
}

macro_rules! api {
    ($($call:ident: $ask:ident => $view:ident, $role:ident;)*) => {
        /// What the controller does for operators. The caller has the role that the call needs.
        pub trait OperatorApi: Send + Sync + 'static {
            /// One rollout, again and again.
            type Watch: Stream<Item = Result<RolloutView, Status>> + Send + 'static;

            $(
                #[doc = concat!("Answers [`", stringify!($ask), "`].")]
                fn $call(
                    &self,
                    by: Who,
                    ask: $ask,
                ) -> impl Future<Output = Result<$view, Status>> + Send;
            )*

            /// Follows a rollout: the present state at once, every change, the state again now
            /// and then as a sign of life; ends when the rollout is over.
            fn watch_rollout(
                &self,
                by: Who,
                ask: WatchRollout,
            ) -> impl Future<Output = Result<Self::Watch, Status>> + Send;

            /// Takes an artifact in.
            fn upload_artifact(
                &self,
                by: Who,
                head: UploadHead,
                bytes: Upload,
            ) -> impl Future<Output = Result<ArtifactView, Status>> + Send;

            /// A person asks for their first certificate. The caller may be anybody.
            fn enroll_operator(
                &self,
                from: Caller,
                ask: EnrollOperator,
            ) -> impl Future<Output = Result<OperatorEnrolled, Status>> + Send;

            /// A call was turned away before it reached one of the others: for the audit log.
            fn refused(&self, from: &Caller, method: &'static str, why: &Status) {
                let _ = (from, method, why);
            }
        }

        #[tonic::async_trait]
        impl<A: OperatorApi> OperatorService for OperatorServer<A> {
            type WatchRolloutStream = Views;

            $(
                async fn $call(
                    &self,
                    request: Request<wire::$ask>,
                ) -> Result<Response<wire::$view>, Status> {
                    let by = self.admit(stringify!($ask), Role::$role, &request)?;
                    let ask = OnWire::read(request.into_inner(), &At::root("request"))?;
                    Ok(Response::new(self.0.$call(by, ask).await?.write()))
                }
            )*

            async fn watch_rollout(
                &self,
                request: Request<wire::WatchRollout>,
            ) -> Result<Response<Self::WatchRolloutStream>, Status> {
                let by = self.admit("WatchRollout", Role::Viewer, &request)?;
                let ask = OnWire::read(request.into_inner(), &At::root("request"))?;
                let views = self.0.watch_rollout(by, ask).await?;
                let written = views.map(|view| view.map(|view| view.write()));
                Ok(Response::new(Box::pin(written)))
            }

            async fn upload_artifact(
                &self,
                request: Request<Streaming<wire::UploadArtifact>>,
            ) -> Result<Response<wire::ArtifactView>, Status> {
                let by = self.admit("UploadArtifact", Role::Admin, &request)?;
                let mut bytes = Upload(request.into_inner());
                let head = bytes.head().await?;
                Ok(Response::new(self.0.upload_artifact(by, head, bytes).await?.write()))
            }

            async fn enroll_operator(
                &self,
                request: Request<wire::EnrollOperator>,
            ) -> Result<Response<wire::OperatorEnrolled>, Status> {
                let from = Caller::of(&request);
                let ask = OnWire::read(request.into_inner(), &At::root("request"))?;
                Ok(Response::new(self.0.enroll_operator(from, ask).await?.write()))
            }
        }
    };
}
calls!(api);

type Views = Pin<Box<dyn Stream<Item = Result<wire::RolloutView, Status>> + Send>>;

/// Serves an [`OperatorApi`] on the wire.
#[derive(Debug)]
pub struct OperatorServer<A>(Arc<A>);

impl<A: OperatorApi> OperatorServer<A> {
    /// The service for a tonic router.
    #[must_use]
    pub fn service(api: Arc<A>) -> OperatorServiceServer<Self> {
        OperatorServiceServer::new(Self(api))
    }

    #[cfg(test)]
    pub(super) fn for_tests(api: A) -> Self {
        Self(Arc::new(api))
    }

    fn admit<T>(
        &self,
        method: &'static str,
        least: Role,
        request: &Request<T>,
    ) -> Result<Who, Status> {
        let from = Caller::of(request);
        let why = match &from.peer {
            Peer::Operator { name, role } if *role >= least => {
                return Ok(Who { name: name.clone(), role: *role, addr: from.addr });
            }
            Peer::Operator { name, role } => Status::permission_denied(format!(
                "{name} is {role}, but {method} needs the role {least}; ask an admin for a token"
            )),
            Peer::Host(_) => Status::permission_denied("a host's certificate may not do this"),
            Peer::Nobody => Status::unauthenticated(
                "no client certificate was shown; use the context file that came with yours",
            ),
        };
        self.0.refused(&from, method, &why);
        Err(why)
    }
}
