//! A controller that does nothing but say who calls.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::{Empty, Iter};
use tonic::Status;
use tonic::transport::Channel;
use wavegate_common::view::Role;
use wavegate_common::{ControllerMessage, Digest, HostId, Millis, Timestamp, Welcome};
use wavegate_proto::Caller;
use wavegate_proto::agent::{
    AgentApi, AgentClient, AgentServer, AgentStream, Enroll, Enrolled, Renewed,
};
use wavegate_proto::tls::{HostKey, Identity, TlsError, client_config, connect};

use crate::trust::{Accepting, Authority, Incoming, ServerIdentity, http2, server_config};

pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_millis()).unwrap())
}

pub(super) fn ago(span: Millis) -> Timestamp {
    Timestamp(now().0 - i64::try_from(span.0).unwrap())
}

/// Welcomes every host; answers `renew` with the id of the host that asked.
#[derive(Debug)]
pub(super) struct Mirror;

impl AgentApi for Mirror {
    type Outgoing = Iter<std::vec::IntoIter<Result<ControllerMessage, Status>>>;
    type Bytes = Empty<Result<Vec<u8>, Status>>;

    async fn attach(&self, _: HostId, _: Caller, _: AgentStream) -> Result<Self::Outgoing, Status> {
        let welcome = Welcome {
            heartbeat_every: Millis::secs(30),
            reconnect_window: Millis::secs(60),
            send_report: true,
            baseline_every: Millis(0),
        };
        Ok(tokio_stream::iter(vec![Ok(ControllerMessage::Welcome(welcome))]))
    }

    async fn enroll(&self, from: Caller, _: Enroll) -> Result<Enrolled, Status> {
        Err(Status::unauthenticated(format!("{} may not enrol here", from.peer)))
    }

    async fn renew(&self, host: HostId, _: Vec<u8>) -> Result<Renewed, Status> {
        Ok(Renewed { certificate_pem: host.to_string(), ca_pem: String::new() })
    }

    async fn fetch_artifact(&self, _: HostId, _: Digest, _: u64) -> Result<Self::Bytes, Status> {
        Err(Status::not_found("nothing is here"))
    }
}

/// A running server with its authority.
pub(super) struct Site {
    pub(super) authority: Authority,
    pub(super) identity: Arc<ServerIdentity>,
    pub(super) address: SocketAddr,
    pub(super) refused: mpsc::UnboundedReceiver<String>,
    server: JoinHandle<()>,
    _dir: tempfile::TempDir,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Site {
    /// A site whose server's certificate was issued at some time.
    pub(super) async fn start(issued: Timestamp, within: Duration) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open_or_create(&dir.path().join("pki"), issued).unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let identity = ServerIdentity::issue(&authority, names, issued).unwrap();
        let tls = server_config(&authority, Arc::clone(&identity)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (told, refused) = mpsc::unbounded_channel();
        let bounds = Accepting {
            handshakes: 4,
            within,
            strangers: within,
            refused: Arc::new(move |_, why| {
                let _ = told.send(why.to_owned());
            }),
        };
        let incoming = Incoming::new(listener, tls, bounds);
        let server = tokio::spawn(async move {
            let router = http2().add_service(AgentServer::service(Arc::new(Mirror)));
            router.serve_with_incoming(incoming).await.unwrap();
        });
        Self { authority, identity, address, refused, server, _dir: dir }
    }

    pub(super) async fn new() -> Self {
        Self::start(now(), Duration::from_secs(10)).await
    }

    /// An identity of a host, signed at some time by some authority.
    pub(super) fn host(authority: &Authority, signed: Timestamp) -> Identity {
        let key = HostKey::generate().unwrap();
        let signed = authority.sign_host(&key.csr().unwrap(), signed).unwrap();
        Identity::new(&signed.certificate_pem, key).unwrap()
    }

    /// An identity of an operator.
    pub(super) fn operator(&self, name: &str, role: Role) -> Identity {
        let key = HostKey::generate().unwrap();
        let signed = self.authority.sign_operator(&key.csr().unwrap(), name, role, now()).unwrap();
        Identity::new(&signed.certificate_pem, key).unwrap()
    }

    pub(super) async fn connect(&self, identity: Option<&Identity>) -> Result<Channel, TlsError> {
        let tls = client_config(self.authority.pem(), identity)?;
        connect(&self.address.to_string(), tls).await
    }

    /// Who the server takes a caller for, or why it does not.
    pub(super) async fn ask(&self, identity: Option<&Identity>) -> Result<HostId, String> {
        let channel = self.connect(identity).await.map_err(|error| error.to_string())?;
        let answer = AgentClient::new(channel).renew(vec![1]).await;
        answer
            .map(|renewed| renewed.certificate_pem.parse().unwrap())
            .map_err(|status| format!("{:?}: {}", status.code(), status.message()))
    }
}
