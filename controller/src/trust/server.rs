//! The server's certificate and configuration.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use wavegate_common::Timestamp;
use wavegate_proto::tls::{HostKey, Validity, provider};

use super::authority::{Authority, validity_of};
use super::error::{TrustError, crypto};

/// The server's certificate, renewed without a restart. Its key lives in memory only: a fresh
/// one at every start costs nothing, because clients trust the authority.
pub struct ServerIdentity {
    names: Vec<String>,
    key: HostKey,
    shown: RwLock<(Arc<CertifiedKey>, Validity)>,
}

impl ServerIdentity {
    /// A certificate for the names and addresses under which clients reach the controller.
    ///
    /// # Errors
    /// A name cannot stand in a certificate, or it cannot be signed.
    pub fn issue(
        authority: &Authority,
        names: Vec<String>,
        now: Timestamp,
    ) -> Result<Arc<Self>, TrustError> {
        let key = HostKey::generate()?;
        let shown = RwLock::new(certify(authority, &key, &names, now)?);
        Ok(Arc::new(Self { names, key, shown }))
    }

    /// Renews the certificate if half of its life is over; new connections see the new one.
    /// Says whether it did. To be called now and then, for example every hour.
    ///
    /// # Errors
    /// It cannot be signed; the old one stays.
    pub fn renew_if_due(&self, authority: &Authority, now: Timestamp) -> Result<bool, TrustError> {
        if now < self.validity().half_life() {
            return Ok(false);
        }
        let next = certify(authority, &self.key, &self.names, now)?;
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(true)
    }

    /// When the certificate that is shown now is valid.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).1
    }
}

impl ResolvesServerCert for ServerIdentity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner).0))
    }
}

impl fmt::Debug for ServerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerIdentity").field("names", &self.names).finish_non_exhaustive()
    }
}

fn certify(
    authority: &Authority,
    key: &HostKey,
    names: &[String],
    now: Timestamp,
) -> Result<(Arc<CertifiedKey>, Validity), TrustError> {
    let pem = authority.sign_server(key, names, now)?;
    let use_it = |error: &dyn fmt::Display| crypto("use the server's certificate", error);
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let chain = chain.map_err(|error| use_it(&error))?;
    let private =
        PrivateKeyDer::from_pem_slice(key.to_pem().as_bytes()).map_err(|error| use_it(&error))?;
    let certified =
        CertifiedKey::from_der(chain, private, &provider()).map_err(|error| use_it(&error))?;
    Ok((Arc::new(certified), validity_of(&pem)?))
}

/// The server's configuration: TLS 1.3, HTTP/2. A client certificate is optional, because a host
/// that enrols has none; one that is shown must be of the authority.
///
/// # Errors
/// [`TrustError::Crypto`].
pub fn server_config(
    authority: &Authority,
    identity: Arc<ServerIdentity>,
) -> Result<Arc<ServerConfig>, TrustError> {
    let set_up = |error: &dyn fmt::Display| crypto("set up TLS", error);
    let mut roots = RootCertStore::empty();
    let own = CertificateDer::from_pem_slice(authority.pem().as_bytes())
        .map_err(|error| set_up(&error))?;
    roots.add(own).map_err(|error| set_up(&error))?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .allow_unauthenticated()
        .build()
        .map_err(|error| set_up(&error))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| set_up(&error))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(identity);
    config.alpn_protocols = vec![b"h2".to_vec()];
    // A ticket lets a host come back without two signatures, and costs the server no memory.
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(|error| set_up(&error))?;
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config))
}

/// A tonic server with the settings for thousands of quiet connections: dead ones are found
/// within a minute, and none can hold more than a little of the server's memory.
#[must_use]
pub fn http2() -> tonic::transport::Server {
    tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .initial_connection_window_size(Some(1 << 20))
        .initial_stream_window_size(Some(256 << 10))
        .max_concurrent_streams(Some(64))
        .concurrency_limit_per_connection(64)
}
