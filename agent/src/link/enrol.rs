//! The first certificate, for a token.

use std::fmt;
use std::time::Duration;

use tokio::time::timeout;
use wavegate_common::{Digest, HostId, Labels};
use wavegate_proto::agent::{AgentClient, Enroll};
use wavegate_proto::tls::{self, HostKey, TlsError, client_config, connect};

use super::identity::Identity;
use super::pin::pinned_config;

/// For the whole exchange.
const DEADLINE: Duration = Duration::from_secs(30);

/// How the controller is known before the host holds anything from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// By its authority's certificate.
    CaPem(String),
    /// By the SHA-256 of that certificate's DER.
    CaFingerprint(Digest),
}

/// A host that wants to be let in.
#[derive(Clone)]
pub struct Enrolment {
    /// `host:port`.
    pub controller: String,
    /// The token's text. A secret until it is used.
    pub token: String,
    /// What people will call the host.
    pub name: String,
    /// Its labels; a token may be bound to some of them.
    pub labels: Labels,
    /// How the controller is known.
    pub trust: Trust,
}

impl fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enrolment")
            .field("controller", &self.controller)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Why the host was not let in.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// Keys, certificates or the connection.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The fingerprint cannot be used.
    #[error("cannot pin the authority: {0}")]
    Pin(#[from] rustls::Error),
    /// The controller said no.
    #[error("the controller refused: {message}")]
    Refused {
        /// What it said.
        message: String,
    },
    /// It did not answer.
    #[error("{controller} did not answer within {} s: is it a wavegate controller", DEADLINE.as_secs())]
    TimedOut {
        /// Which.
        controller: String,
    },
    /// The certificate is for somebody else.
    #[error("the controller certified host {got} where {wanted} asked")]
    OtherHost {
        /// Whom it certified.
        got: HostId,
        /// Who asked.
        wanted: HostId,
    },
}

/// Enrols with a new key. The key exists only in what is returned.
///
/// # Errors
/// See [`EnrolError`]. A token that was refused may have been used up.
pub async fn enroll(request: Enrolment) -> Result<Identity, EnrolError> {
    enroll_with(&HostKey::generate()?, request).await
}

/// Enrols with a key that exists already: a host that lost its certificate stays who it is.
///
/// # Errors
/// As [`enroll`].
pub async fn enroll_with(key: &HostKey, request: Enrolment) -> Result<Identity, EnrolError> {
    let controller = request.controller.clone();
    timeout(DEADLINE, exchange(key, request))
        .await
        .map_err(|_| EnrolError::TimedOut { controller })?
}

async fn exchange(key: &HostKey, request: Enrolment) -> Result<Identity, EnrolError> {
    let tls = match &request.trust {
        Trust::CaPem(pem) => client_config(pem, None)?,
        Trust::CaFingerprint(digest) => pinned_config(*digest)?,
    };
    let channel = connect(&request.controller, tls).await?;
    let ask = Enroll {
        token: request.token,
        csr: key.csr()?,
        name: request.name,
        labels: request.labels,
    };
    let enrolled = AgentClient::new(channel)
        .enroll(&ask)
        .await
        .map_err(|status| EnrolError::Refused { message: status.message().to_owned() })?;
    let wanted = key.host_id();
    if enrolled.host != wanted {
        return Err(EnrolError::OtherHost { got: enrolled.host, wanted });
    }
    // A certificate that does not fit the key is found here and not at the next start.
    let key_pem = key.to_pem();
    tls::Identity::new(&enrolled.certificate_pem, HostKey::from_pem(&key_pem)?)?;
    client_config(&enrolled.ca_pem, None)?;
    let (cert_pem, ca_pem) = (enrolled.certificate_pem, enrolled.ca_pem);
    Ok(Identity { host: wanted, key_pem, cert_pem, ca_pem })
}
