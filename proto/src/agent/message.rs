//! What is said outside the stream.

use std::fmt;

use wavegate_common::{HostId, Labels};

use crate::convert::{CERTIFICATE, NAME, record};

/// A host asks for its first certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct Enroll {
    /// The token's text. A secret until it is used.
    pub token: String,
    /// PKCS #10 in DER, signed by the key it is for.
    pub csr: Vec<u8>,
    /// The name the host goes by: a token may be bound to it.
    pub name: String,
    /// The labels it has: a token may be bound to a choice of them.
    pub labels: Labels,
}

impl fmt::Debug for Enroll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enroll")
            .field("name", &self.name)
            .field("labels", &self.labels)
            .finish_non_exhaustive()
    }
}

/// A host's first certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// The certificate, with what stands between it and the authority.
    pub certificate_pem: String,
    /// The authorities to trust from now on.
    pub ca_pem: String,
    /// Who the host is from now on.
    pub host: HostId,
}

/// A fresh certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewed {
    /// The certificate, with what stands between it and the authority.
    pub certificate_pem: String,
    /// The authorities to trust from now on.
    pub ca_pem: String,
}

record!(Enroll = EnrollRequest { token[NAME], csr[CERTIFICATE], name[NAME], labels });
record!(Enrolled = EnrollResponse { certificate_pem[CERTIFICATE], ca_pem[CERTIFICATE], host });
record!(Renewed = RenewResponse { certificate_pem[CERTIFICATE], ca_pem[CERTIFICATE] });
