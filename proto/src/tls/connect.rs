//! The way to the controller.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::{ServiceExt as _, service_fn};

use super::error::TlsError;

/// TCP and TLS together may take this long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A silent connection is asked for life this often, by HTTP/2 and by TCP.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// How long the answer may take.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to `host:port`. The server must show a certificate for `host`. The channel connects
/// again by itself, with the identity's current certificate, when it is used after a loss.
///
/// # Errors
/// The address cannot be read, or the controller cannot be reached or is not who it should be.
pub async fn connect(address: &str, tls: Arc<ClientConfig>) -> Result<Channel, TlsError> {
    let bad = || TlsError::Address { address: address.to_owned() };
    let uri: Uri = format!("http://{address}").parse().map_err(|_| bad())?;
    if uri.port_u16().is_none() || uri.path() != "/" {
        return Err(bad());
    }
    let host = uri.host().ok_or_else(bad)?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host).map_err(|_| bad())?;
    let origin: Uri = format!("https://{address}").parse().map_err(|_| bad())?;
    let endpoint = Endpoint::from(uri)
        .origin(origin)
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true);

    let tls = TlsConnector::from(tls);
    let tcp = tcp_connector();
    let connector = service_fn(move |to: Uri| {
        let (tls, tcp, name) = (tls.clone(), tcp.clone(), name.clone());
        async move {
            let stream = tcp.oneshot(to).await.map_err(io::Error::other)?;
            let stream = tls.connect(name, stream.into_inner()).await?;
            Ok::<_, io::Error>(TokioIo::new(stream))
        }
    });
    endpoint
        .connect_with_connector(connector)
        .await
        .map_err(|error| TlsError::Connect { address: address.to_owned(), problem: causes(&error) })
}

fn tcp_connector() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.set_keepalive_interval(Some(KEEPALIVE_TIMEOUT));
    tcp.set_keepalive_retries(Some(3));
    tcp
}

/// An error with everything that caused it, without repetitions.
#[must_use]
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::{HostKey, client_config};

    fn config() -> Arc<ClientConfig> {
        let key = rcgen::KeyPair::generate().unwrap();
        let ca = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        client_config(&ca.pem(), None).unwrap()
    }

    #[tokio::test]
    async fn an_address_is_a_host_and_a_port() {
        for bad in ["", "host", ":7400", "host:port", "host:1/path", "https://host:1", "a b:1"] {
            let error = connect(bad, config()).await.unwrap_err();
            assert!(matches!(error, TlsError::Address { .. }), "{bad}: {error}");
        }
    }

    #[tokio::test]
    async fn a_closed_port_is_named_with_its_cause() {
        // Bound and closed again, so nobody listens there.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = connect(&format!("127.0.0.1:{port}"), config()).await.unwrap_err().to_string();
        assert!(error.contains("127.0.0.1") && error.contains("refused"), "{error}");
    }

    #[test]
    fn an_authority_must_be_one() {
        for bad in ["", "junk", &HostKey::generate().unwrap().to_pem()] {
            assert!(matches!(client_config(bad, None), Err(TlsError::Pem { .. })), "{bad}");
        }
    }
}
