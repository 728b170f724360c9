//! The client's certificate and configuration.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use wavegate_common::Timestamp;

use super::error::TlsError;
use super::key::{HostKey, crypto};
use super::provider;
use super::session::Sessions;

/// When a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// From when.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
}

impl Validity {
    /// When to renew: half of its life.
    #[must_use]
    pub fn half_life(self) -> Timestamp {
        Timestamp(self.not_before.0 + (self.not_after.0 - self.not_before.0) / 2)
    }

    /// Reads it from a certificate.
    ///
    /// # Errors
    /// [`TlsError::Pem`].
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, TlsError> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate)
            .map_err(|error| unreadable("the certificate", &error))?;
        let moment =
            |time: x509_parser::time::ASN1Time| Timestamp(time.timestamp().saturating_mul(1_000));
        let validity = parsed.validity();
        Ok(Self { not_before: moment(validity.not_before), not_after: moment(validity.not_after) })
    }
}

/// A key with its certificate. The certificate can be exchanged: connections made before keep
/// the one they were made with.
#[derive(Debug, Clone)]
pub struct Identity {
    current: Arc<Current>,
}

#[derive(Debug)]
struct Current {
    key: HostKey,
    shown: RwLock<(Arc<CertifiedKey>, Validity)>,
    sessions: Arc<Sessions>,
}

impl Identity {
    /// A key with its certificate in PEM.
    ///
    /// # Errors
    /// The certificate cannot be read, or is for another key.
    pub fn new(certificate_pem: &str, key: HostKey) -> Result<Self, TlsError> {
        let shown = RwLock::new(certified(certificate_pem, &key)?);
        let sessions = Arc::new(Sessions::new());
        Ok(Self { current: Arc::new(Current { key, shown, sessions }) })
    }

    /// Shows another certificate of the same key from the next connection on.
    ///
    /// # Errors
    /// The certificate cannot be read, or is for another key; the old one stays.
    pub fn replace(&self, certificate_pem: &str) -> Result<(), TlsError> {
        let next = certified(certificate_pem, &self.current.key)?;
        *self.current.shown.write().unwrap_or_else(PoisonError::into_inner) = next;
        self.current.sessions.forget();
        Ok(())
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &HostKey {
        &self.current.key
    }

    /// When the certificate that is shown now is valid.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.current.shown.read().unwrap_or_else(PoisonError::into_inner).1
    }
}

impl ResolvesClientCert for Current {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner).0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn certified(pem: &str, key: &HostKey) -> Result<(Arc<CertifiedKey>, Validity), TlsError> {
    let chain = certificates("the certificate", pem)?;
    let first = chain.first().ok_or_else(|| unreadable("the certificate", &"it is empty"))?;
    let validity = Validity::of(first)?;
    let certified =
        CertifiedKey::from_der(chain, key.der(), &provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => TlsError::OtherKey,
            other => crypto("use the certificate", &other),
        })?;
    Ok((Arc::new(certified), validity))
}

fn certificates(what: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let all = all.map_err(|error| unreadable(what, &error))?;
    if all.is_empty() { Err(unreadable(what, &"it holds no certificate")) } else { Ok(all) }
}

fn unreadable(what: &'static str, problem: &dyn std::fmt::Display) -> TlsError {
    TlsError::Pem { what, problem: problem.to_string() }
}

/// A client's configuration: TLS 1.3, HTTP/2, the given authorities and no others. Without an
/// identity the controller lets it enrol, and nothing else.
///
/// # Errors
/// The authorities cannot be read.
pub fn client_config(
    ca_pem: &str,
    identity: Option<&Identity>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates("the authority's certificate", ca_pem)? {
        roots.add(authority).map_err(|error| unreadable("the authority's certificate", &error))?;
    }
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| crypto("set up TLS 1.3", &error))?
        .with_root_certificates(roots);
    let mut config = match identity {
        Some(identity) => {
            let current: Arc<Current> = Arc::clone(&identity.current);
            builder.with_client_cert_resolver(current)
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.resumption = match identity {
        Some(identity) => {
            let sessions: Arc<Sessions> = Arc::clone(&identity.current.sessions);
            Resumption::store(sessions)
        }
        None => Resumption::disabled(),
    };
    Ok(Arc::new(config))
}
