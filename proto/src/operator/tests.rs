//! Who may call what.

use std::sync::{Arc, Mutex};

use tokio_stream::Empty;
use tonic::{Code, Request, Status};
use wavegate_common::view::{
    ArtifactView, AuditCheck, AuditPage, BaselineView, EventPage, GateView, HostPage, HostView,
    HostWhyView, HostsChanged, IncidentList, IncidentView, KernelList, KernelView,
    OperatorEnrolled, PlanView, ReceiverTest, ReplayView, Role, RolloutList, RolloutView,
    RolloutWhyView, SignalList, TokenList, TokenMade, TokenView, VersionView, WhoView,
};
use wavegate_common::{HostId, SignalReading};

#[allow(clippy::wildcard_imports, reason = "every ask, by the table")]
use super::ask::*;
use super::server::{OperatorApi, OperatorServer, Upload, Who};
use super::table::calls;
use crate::caller::{Caller, Peer};
use crate::wire;
use crate::wire::operator_service_server::OperatorService;

/// Does nothing, and remembers what was turned away before it got here.
#[derive(Debug, Default)]
struct Stub {
    refused: Arc<Mutex<Vec<String>>>,
}

fn reached<T>() -> Result<T, Status> {
    Err(Status::unimplemented("reached"))
}

macro_rules! stub {
    ($($call:ident: $ask:ident => $view:ident, $role:ident;)*) => {
        impl OperatorApi for Stub {
            type Watch = Empty<Result<RolloutView, Status>>;

            $( async fn $call(&self, _: Who, _: $ask) -> Result<$view, Status> { reached() } )*

            async fn watch_rollout(&self, _: Who, _: WatchRollout) -> Result<Self::Watch, Status> {
                reached()
            }

            async fn upload_artifact(
                &self,
                _: Who,
                _: UploadHead,
                _: Upload,
            ) -> Result<ArtifactView, Status> {
                reached()
            }

            async fn enroll_operator(
                &self,
                _: Caller,
                _: EnrollOperator,
            ) -> Result<OperatorEnrolled, Status> {
                reached()
            }

            fn refused(&self, from: &Caller, method: &'static str, why: &Status) {
                let line = format!("{} {method} {:?}", from.peer, why.code());
                self.refused.lock().unwrap().push(line);
            }
        }

        /// What each call answers to a peer.
        async fn answers(server: &OperatorServer<Stub>, peer: &Peer) -> Vec<(&'static str, Code)> {
            let mut out = Vec::new();
            $( {
                let request = from(peer, wire::$ask::default());
                let status = OperatorService::$call(server, request).await.unwrap_err();
                out.push((stringify!($call), status.code()));
            } )*
            let request = from(peer, wire::WatchRollout::default());
            let status = server.watch_rollout(request).await.err().unwrap();
            out.push(("watch_rollout", status.code()));
            out
        }
    };
}
calls!(stub);

fn from<T>(peer: &Peer, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(Caller { peer: peer.clone(), addr: None });
    request
}

/// The calls that a role gets through to.
async fn admitted(role: Role) -> Vec<&'static str> {
    let server = OperatorServer::for_tests(Stub::default());
    let peer = Peer::Operator { name: "ada".to_owned(), role };
    let answers = answers(&server, &peer).await;
    let through = answers.into_iter().filter(|(_, code)| *code != Code::PermissionDenied);
    through.map(|(call, _)| call).collect()
}

#[tokio::test]
async fn each_role_may_do_what_it_is_for() {
    let viewer = admitted(Role::Viewer).await;
    let operator = admitted(Role::Operator).await;
    let admin = admitted(Role::Admin).await;
    let more = |than: &[&'static str], all: &[&'static str]| -> Vec<&'static str> {
        all.iter().copied().filter(|call| !than.contains(call)).collect()
    };
    assert_eq!(
        viewer,
        [
            "get_version",
            "who_am_i",
            "list_hosts",
            "get_host",
            "why_host",
            "get_baseline",
            "list_kernels",
            "get_artifact",
            "plan_rollout",
            "list_rollouts",
            "get_rollout",
            "why_rollout",
            "pause_rollout",
            "rollout_history",
            "show_gate",
            "replay_gate",
            "list_alerts",
            "get_alert",
            "list_signals",
            "check_signal",
            "list_audit",
            "verify_audit",
            "watch_rollout",
        ]
    );
    assert_eq!(
        more(&viewer, &operator),
        [
            "hold_hosts",
            "release_hosts",
            "exclude_hosts",
            "list_tokens",
            "revoke_token",
            "apply_rollout",
            "resume_rollout",
            "abort_rollout",
            "rollback_rollout",
            "approve_rollout",
            "accept_classes",
            "test_receiver",
        ]
    );
    assert_eq!(more(&operator, &admin), ["add_kernel", "create_token"]);
    assert_eq!(more(&admin, &operator), Vec::<&str>::new());
}

#[tokio::test]
async fn hosts_and_strangers_get_nowhere_and_it_is_told() {
    for (peer, code) in
        [(Peer::Nobody, Code::Unauthenticated), (Peer::Host(HostId(7)), Code::PermissionDenied)]
    {
        let stub = Stub::default();
        let told = Arc::clone(&stub.refused);
        let server = OperatorServer::for_tests(stub);
        let answers = answers(&server, &peer).await;
        assert!(answers.iter().all(|(_, said)| *said == code), "{answers:?}");
        assert_eq!(told.lock().unwrap().len(), answers.len());
    }
}

#[tokio::test]
async fn anybody_may_try_to_enrol() {
    let server = OperatorServer::for_tests(Stub::default());
    let ask = wire::EnrollOperator { token: "wg1-".to_owned(), csr: vec![1] };
    let status = server.enroll_operator(from(&Peer::Nobody, ask)).await.unwrap_err();
    assert_eq!(status.message(), "reached");
    let empty = from(&Peer::Nobody, wire::EnrollOperator::default());
    let status = server.enroll_operator(empty).await.unwrap_err();
    assert_eq!(status.message(), "request.csr: missing");
}

#[tokio::test]
async fn a_request_without_a_caller_is_nobodys() {
    let server = OperatorServer::for_tests(Stub::default());
    let status = server.get_version(Request::new(wire::GetVersion {})).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}
