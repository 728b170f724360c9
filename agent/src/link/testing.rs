//! A controller of a few lines on loopback, with real TLS: what the link and the fetch of
//! artifacts are tried against.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer,
    DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::transport::server::{Connected, Server};
use wavegate_common::{AgentMessage, ControllerMessage, Digest, HostId, Millis, Welcome};
use wavegate_proto::agent::{AgentApi, AgentServer, AgentStream, Enroll, Enrolled, Renewed};
use wavegate_proto::tls::{HostKey, provider};
use wavegate_proto::{Caller, Peer};

use super::Identity;

/// What the controller saw.
#[derive(Debug)]
pub(crate) enum Seen {
    /// A stream was opened; dropping the sender closes it.
    Attached(HostId, mpsc::Sender<Result<ControllerMessage, Status>>),
    Said(AgentMessage),
    Enrolled(Enroll),
    Renewed(HostId),
}

pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Arc<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "test authority");
        let key = KeyPair::generate().unwrap();
        Arc::new(Self { issuer: CertifiedIssuer::self_signed(params, key).unwrap() })
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    pub(crate) fn fingerprint(&self) -> Digest {
        Digest::of(self.issuer.der())
    }

    /// A host's certificate whose life began this long ago and ends that far ahead.
    pub(crate) fn sign(&self, csr: &[u8], age: Duration, left: Duration) -> (HostId, String) {
        self.certify(csr, age, SystemTime::now() + left)
    }

    /// One that ended some time ago.
    pub(crate) fn sign_until(&self, csr: &[u8], age: Duration, ago: Duration) -> (HostId, String) {
        self.certify(csr, age, SystemTime::now() - ago)
    }

    fn certify(&self, csr: &[u8], age: Duration, until: SystemTime) -> (HostId, String) {
        let der = CertificateSigningRequestDer::from(csr.to_vec());
        let request = CertificateSigningRequestParams::from_der(&der).unwrap();
        let (host, mut params) = {
            use rcgen::PublicKeyData as _;
            let host = HostId::of_public_key(&request.public_key.subject_public_key_info());
            (host, CertificateParams::new(vec![format!("{host}.host")]).unwrap())
        };
        let now = SystemTime::now();
        params.not_before = (now - age).into();
        params.not_after = until.into();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        (host, params.signed_by(&request.public_key, &self.issuer).unwrap().pem())
    }

    pub(crate) fn identity(&self, age: Duration, left: Duration) -> Identity {
        let key = HostKey::generate().unwrap();
        let (host, cert_pem) = self.sign(&key.csr().unwrap(), age, left);
        Identity { host, key_pem: key.to_pem(), cert_pem, ca_pem: self.pem() }
    }

    fn server_config(&self) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .allow_unauthenticated()
            .build()
            .unwrap();
        let chain = vec![leaf, self.issuer.der().clone()];
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Arc::new(config)
    }
}

/// The controller. Dropping it ends it with all connections.
pub(crate) struct FakeController {
    pub(crate) address: String,
    pub(crate) seen: mpsc::Receiver<Seen>,
    /// Connections accepted so far.
    pub(crate) connections: Arc<AtomicU64>,
    /// Dropping it ends the controller's runtime, and with it every connection.
    _stop: tokio::sync::oneshot::Sender<()>,
}

/// How it behaves.
#[derive(Clone)]
pub(crate) struct Behaviour {
    pub(crate) welcome: Welcome,
    /// Life left on certificates it hands out; they are dated back by as much.
    pub(crate) certificate_life: Duration,
    /// What an artifact consists of; a stream of it breaks off after this many bytes.
    pub(crate) artifact: Vec<u8>,
    pub(crate) break_after: usize,
    pub(crate) refuse_enrolment: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            welcome: Welcome {
                heartbeat_every: Millis(60_000),
                reconnect_window: Millis(1),
                send_report: false,
                baseline_every: Millis(0),
            },
            certificate_life: Duration::from_secs(3600),
            artifact: Vec::new(),
            break_after: usize::MAX,
            refuse_enrolment: false,
        }
    }
}

impl FakeController {
    pub(crate) fn start(authority: &Arc<Authority>, behaviour: Behaviour) -> Self {
        Self::start_at(authority, behaviour, "127.0.0.1:0")
    }

    pub(crate) fn start_at(authority: &Arc<Authority>, behaviour: Behaviour, at: &str) -> Self {
        let listener = std::net::TcpListener::bind(at).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (tell, seen) = mpsc::channel(64);
        let connections = Arc::new(AtomicU64::new(0));
        let api = Api { authority: Arc::clone(authority), behaviour, tell };
        let acceptor = TlsAcceptor::from(authority.server_config());
        let (accepted, incoming) = mpsc::channel::<io::Result<Stream>>(8);
        let count = Arc::clone(&connections);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serve = async move {
            let listener = TcpListener::from_std(listener).unwrap();
            let accept = async move {
                while let Ok((stream, _)) = listener.accept().await {
                    count.fetch_add(1, Ordering::SeqCst);
                    if let Ok(stream) = acceptor.accept(stream).await {
                        let _ = accepted.send(Ok(Stream(stream))).await;
                    }
                }
            };
            let serve = Server::builder()
                .add_service(AgentServer::service(Arc::new(api)))
                .serve_with_incoming(ReceiverStream::new(incoming));
            tokio::select! {
                _ = async { tokio::join!(accept, serve) } => {}
                _ = stopped => {}
            }
        };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(serve);
        });
        Self { address, seen, connections, _stop: stop }
    }

    pub(crate) async fn next(&mut self) -> Seen {
        tokio::time::timeout(Duration::from_secs(30), self.seen.recv()).await.unwrap().unwrap()
    }

    /// The next stream, after its hello.
    pub(crate) async fn attached(
        &mut self,
    ) -> (HostId, mpsc::Sender<Result<ControllerMessage, Status>>, wavegate_common::Hello) {
        let Seen::Attached(host, line) = self.next().await else { panic!("no stream") };
        let Seen::Said(AgentMessage::Hello(hello)) = self.next().await else { panic!("no hello") };
        (host, line, hello)
    }
}

struct Api {
    authority: Arc<Authority>,
    behaviour: Behaviour,
    tell: mpsc::Sender<Seen>,
}

impl AgentApi for Api {
    type Outgoing = ReceiverStream<Result<ControllerMessage, Status>>;
    type Bytes = tokio_stream::Iter<std::vec::IntoIter<Result<Vec<u8>, Status>>>;

    async fn attach(
        &self,
        host: HostId,
        _: Caller,
        mut incoming: AgentStream,
    ) -> Result<Self::Outgoing, Status> {
        let (line, outgoing) = mpsc::channel(8);
        let welcome = ControllerMessage::Welcome(self.behaviour.welcome.clone());
        line.send(Ok(welcome)).await.unwrap();
        let tell = self.tell.clone();
        tokio::spawn(async move {
            let _ = tell.send(Seen::Attached(host, line)).await;
            while let Ok(Some(message)) = incoming.message().await {
                let _ = tell.send(Seen::Said(message)).await;
            }
        });
        Ok(ReceiverStream::new(outgoing))
    }

    async fn enroll(&self, _: Caller, ask: Enroll) -> Result<Enrolled, Status> {
        if self.behaviour.refuse_enrolment {
            return Err(Status::permission_denied("the token was used already"));
        }
        let life = self.behaviour.certificate_life;
        let (host, certificate_pem) = self.authority.sign(&ask.csr, Duration::ZERO, life);
        self.tell.send(Seen::Enrolled(ask)).await.unwrap();
        Ok(Enrolled { certificate_pem, ca_pem: self.authority.pem(), host })
    }

    async fn renew(&self, host: HostId, csr: Vec<u8>) -> Result<Renewed, Status> {
        let life = self.behaviour.certificate_life;
        let (_, certificate_pem) = self.authority.sign(&csr, life, life);
        self.tell.send(Seen::Renewed(host)).await.unwrap();
        Ok(Renewed { certificate_pem, ca_pem: self.authority.pem() })
    }

    async fn fetch_artifact(
        &self,
        _: HostId,
        _: Digest,
        offset: u64,
    ) -> Result<Self::Bytes, Status> {
        let rest = &self.behaviour.artifact[usize::try_from(offset).unwrap()..];
        let part = &rest[..rest.len().min(self.behaviour.break_after)];
        let mut pieces: Vec<_> = part.chunks(1_000).map(|piece| Ok(piece.to_vec())).collect();
        if part.len() < rest.len() {
            pieces.push(Err(Status::unavailable("the controller goes away")));
        }
        Ok(tokio_stream::iter(pieces))
    }
}

/// A connection that says who is on its other end.
struct Stream(TlsStream<TcpStream>);

impl Connected for Stream {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        let chain = self.0.get_ref().1.peer_certificates();
        let peer = chain.and_then(<[CertificateDer<'_>]>::first).map_or(Peer::Nobody, |leaf| {
            let (_, parsed) = x509_parser::parse_x509_certificate(leaf).unwrap();
            Peer::Host(HostId::of_public_key(parsed.public_key().raw))
        });
        Caller { peer, addr: None }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
