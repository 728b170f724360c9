//! Whom a certificate names.

use rcgen::SanType;
use rustls_pki_types::CertificateDer;
use wavegate_common::view::Role;
use wavegate_common::{HostId, Timestamp};
use wavegate_proto::Peer;
use wavegate_proto::tls::Validity;
use x509_parser::extensions::GeneralName;

use super::error::{TrustError, crypto};

const SCHEME: &str = "wavegate://";

pub(super) fn host_uri(host: HostId) -> Result<SanType, TrustError> {
    uri(format!("{SCHEME}host/{host}"))
}

pub(super) fn operator_uri(name: &str, role: Role) -> Result<SanType, TrustError> {
    uri(format!("{SCHEME}operator/{role}/{name}"))
}

fn uri(text: String) -> Result<SanType, TrustError> {
    let text = text.try_into().map_err(|error: rcgen::Error| crypto("write a name", &error))?;
    Ok(SanType::URI(text))
}

/// Whether a name can stand in an operator's certificate and in the audit log.
pub(super) fn check_operator_name(name: &str) -> Result<(), TrustError> {
    let ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    if name.is_empty() || name.len() > 64 || !name.chars().all(ok) {
        return Err(TrustError::Name {
            what: "the name of an operator",
            name: name.chars().take(64).collect(),
            expected: "use 1 to 64 letters, digits and `-_.@`",
        });
    }
    Ok(())
}

/// Whom a certificate names. The certificate must have been verified against the authority
/// before; its time is checked again here, because a resumed session skips that.
///
/// # Errors
/// [`TrustError::Certificate`]: it is out of date, names nobody or more than one, or a host
/// other than the holder of its key.
pub fn peer_of(certificate: &CertificateDer<'_>, now: Timestamp) -> Result<Peer, TrustError> {
    let refuse = |problem: &str| TrustError::Certificate(problem.to_owned());
    let validity = Validity::of(certificate)?;
    if now < validity.not_before || now > validity.not_after {
        return Err(refuse("it is out of date; renew it, or enrol again"));
    }
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate)
        .map_err(|error| TrustError::Certificate(error.to_string()))?;
    let names = parsed
        .subject_alternative_name()
        .map_err(|error| TrustError::Certificate(error.to_string()))?
        .ok_or_else(|| refuse("it names nobody"))?;
    let [GeneralName::URI(name)] = names.value.general_names.as_slice() else {
        return Err(refuse("it must name one host or one operator"));
    };
    let name = name.strip_prefix(SCHEME).ok_or_else(|| refuse("it names nobody"))?;
    let mut parts = name.split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("host"), Some(id), None, None) => {
            let id: HostId = id.parse().map_err(|_| refuse("it names no host"))?;
            if id != HostId::of_public_key(parsed.public_key().raw) {
                return Err(refuse("it names another host than the holder of its key"));
            }
            Ok(Peer::Host(id))
        }
        (Some("operator"), Some(role), Some(name), None) => {
            let role = role.parse().map_err(|_| refuse("it names no role"))?;
            check_operator_name(name)?;
            Ok(Peer::Operator { name: name.to_owned(), role })
        }
        _ => Err(refuse("it names neither a host nor an operator")),
    }
}
