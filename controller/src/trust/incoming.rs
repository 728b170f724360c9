//! Accepted connections: handshakes side by side, bounded in number and time.
//!
//! A connection that does not finish its handshake never reaches a service, and cannot keep
//! others from theirs for long: surplus connections wait in the kernel's backlog. One without a
//! certificate may enrol, and is closed soon after.

use std::fmt;
use std::future::Future as _;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::socket::{setsockopt, sockopt};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::Stream;
use tonic::transport::server::Connected;
use wavegate_common::Timestamp;
use wavegate_proto::{Caller, Peer};

use super::peer::peer_of;

/// Hears from where a handshake was refused, and why.
pub type Refused = Arc<dyn Fn(SocketAddr, &str) + Send + Sync>;

/// Bounds on what has not proved who it is yet.
#[derive(Clone)]
pub struct Accepting {
    /// Handshakes at the same time.
    pub handshakes: usize,
    /// How long one may take.
    pub within: Duration,
    /// How long a connection without a certificate lives.
    pub strangers: Duration,
    /// Told of every handshake that failed, with the reason: for the audit log. Must not block.
    pub refused: Refused,
}

impl Default for Accepting {
    fn default() -> Self {
        Self {
            handshakes: 64,
            within: Duration::from_secs(10),
            strangers: Duration::from_secs(60),
            refused: Arc::new(|from, why| tracing::info!(%from, why, "a connection was refused")),
        }
    }
}

impl fmt::Debug for Accepting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepting")
            .field("handshakes", &self.handshakes)
            .field("within", &self.within)
            .field("strangers", &self.strangers)
            .finish_non_exhaustive()
    }
}

/// Connections whose other end is known. For `serve_with_incoming`.
#[derive(Debug)]
pub struct Incoming {
    ready: mpsc::Receiver<TlsConnection>,
    // Dropping it ends the task that accepts, and with it every open handshake.
    _accepting: JoinSet<()>,
}

impl Incoming {
    /// Accepts from a listener until it is dropped. Needs a tokio runtime.
    #[must_use]
    pub fn new(listener: TcpListener, tls: Arc<ServerConfig>, bounds: Accepting) -> Self {
        let (out, ready) = mpsc::channel(bounds.handshakes.max(1));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, TlsAcceptor::from(tls), bounds, out));
        Self { ready, _accepting: tasks }
    }
}

impl Stream for Incoming {
    type Item = io::Result<TlsConnection>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.ready.poll_recv(cx).map(|next| next.map(Ok))
    }
}

async fn accept(
    listener: TcpListener,
    tls: TlsAcceptor,
    bounds: Accepting,
    out: mpsc::Sender<TlsConnection>,
) {
    let slots = Arc::new(Semaphore::new(bounds.handshakes.max(1)));
    let mut handshakes = JoinSet::new();
    while !out.is_closed() {
        while handshakes.try_join_next().is_some() {}
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Most likely out of file descriptors: without a pause this would spin.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (tls, bounds, out) = (tls.clone(), bounds.clone(), out.clone());
        handshakes.spawn(async move {
            let _slot = slot;
            match handshake(stream, from, &tls, &bounds).await {
                Ok(connection) => {
                    // The server is on its way down if nobody takes it.
                    let _ = out.send(connection).await;
                }
                Err(why) => (bounds.refused)(from, &why),
            }
        });
    }
}

async fn handshake(
    stream: TcpStream,
    from: SocketAddr,
    tls: &TlsAcceptor,
    bounds: &Accepting,
) -> Result<TlsConnection, String> {
    tune(&stream).map_err(|error| format!("cannot set up the connection: {error}"))?;
    let stream = tokio::time::timeout(bounds.within, tls.accept(stream))
        .await
        .map_err(|_| "the handshake took too long".to_owned())?
        .map_err(|error| format!("the handshake failed: {error}"))?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let peer = match certificate {
        Some(certificate) => peer_of(certificate, now()).map_err(|error| error.to_string())?,
        None => Peer::Nobody,
    };
    let ends = (peer == Peer::Nobody).then(|| Box::pin(tokio::time::sleep(bounds.strangers)));
    Ok(TlsConnection { stream, caller: Caller { peer, addr: Some(from) }, ends })
}

/// Small messages go at once, and the kernel finds a dead peer even while HTTP/2 is blocked.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    setsockopt(stream, sockopt::KeepAlive, &true)?;
    setsockopt(stream, sockopt::TcpKeepIdle, &60)?;
    setsockopt(stream, sockopt::TcpKeepInterval, &15)?;
    setsockopt(stream, sockopt::TcpKeepCount, &4)?;
    Ok(())
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A connection whose other end is known.
#[derive(Debug)]
pub struct TlsConnection {
    stream: TlsStream<TcpStream>,
    caller: Caller,
    /// When a stranger's connection ends.
    ends: Option<Pin<Box<Sleep>>>,
}

impl Connected for TlsConnection {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

impl AsyncRead for TlsConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(ends) = &mut self.ends
            && ends.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for TlsConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
