//! The controller's own certificate authority: one key in one directory.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SerialNumber,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer};
use wavegate_common::view::Role;
use wavegate_common::{HostId, Millis, Timestamp};
use wavegate_proto::tls::{HostKey, Validity, provider, read_secret, write_public, write_secret};

use super::error::{TrustError, crypto};
use super::peer::{check_operator_name, host_uri, operator_uri};

const KEY_FILE: &str = "ca.key";
const CERTIFICATE_FILE: &str = "ca.pem";

/// Life of the authority itself.
const AUTHORITY_LIFE: Millis = Millis::hours(10 * 365 * 24);
/// Certificates are valid from this long before they are made, for hosts whose clocks are slow.
const CLOCK_SKEW: Millis = Millis::mins(10);

/// How long certificates live. Their holders renew them at half of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lives {
    /// A host's.
    pub host: Millis,
    /// An operator's.
    pub operator: Millis,
    /// The controller's own.
    pub server: Millis,
}

impl Default for Lives {
    fn default() -> Self {
        Self {
            host: Millis::hours(72),
            operator: Millis::hours(90 * 24),
            server: Millis::hours(30 * 24),
        }
    }
}

/// The controller's certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    lives: Lives,
}

/// A signed certificate of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostCertificate {
    /// Who holds the key.
    pub host: HostId,
    /// The certificate in PEM.
    pub certificate_pem: String,
    /// When it ends.
    pub not_after: Timestamp,
}

/// A signed certificate of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorCertificate {
    /// The certificate in PEM.
    pub certificate_pem: String,
    /// When it ends.
    pub not_after: Timestamp,
}

impl Authority {
    /// Opens the authority in a directory, or makes it there if the directory holds none.
    ///
    /// # Errors
    /// The files cannot be read or written, are incomplete, or do not fit each other.
    pub fn open_or_create(dir: &Path, now: Timestamp) -> Result<Self, TrustError> {
        let damaged = |problem: String| TrustError::Damaged { dir: dir.to_owned(), problem };
        let key = read_secret(&dir.join(KEY_FILE))?;
        let certificate = read_public(&dir.join(CERTIFICATE_FILE))
            .map_err(|error| damaged(format!("{CERTIFICATE_FILE}: {error}")))?;
        let key = match (key, certificate) {
            (Some(key), Some(certificate)) => return Self::load(dir, &key, certificate),
            (None, Some(_)) => return Err(TrustError::NoKey { dir: dir.to_owned() }),
            // A crash between the two files, or a lost certificate: the same key gives an equal
            // one, and what was signed before still holds.
            (Some(key), None) => {
                KeyPair::from_pkcs8_pem_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256)
                    .map_err(|error| damaged(format!("{KEY_FILE}: {error}")))?
            }
            (None, None) => {
                make_private(dir)?;
                let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
                    .map_err(|error| crypto("make the authority's key", &error))?;
                write_secret(&dir.join(KEY_FILE), key.serialize_pem().as_bytes())?;
                key
            }
        };
        Self::certify_itself(dir, key, now)
    }

    fn certify_itself(dir: &Path, key: KeyPair, now: Timestamp) -> Result<Self, TrustError> {
        let id = HostId::of_public_key(&key.subject_public_key_info()).to_string();
        let mut params = params(now, AUTHORITY_LIFE)?;
        params.distinguished_name.push(DnType::CommonName, format!("wavegate {}", &id[..8]));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params
            .self_signed(&key)
            .map_err(|error| crypto("sign the authority's certificate", &error))?
            .pem();
        write_public(&dir.join(CERTIFICATE_FILE), pem.as_bytes())?;
        Ok(Self { issuer: Issuer::new(params, key), pem, lives: Lives::default() })
    }

    fn load(dir: &Path, key: &str, pem: String) -> Result<Self, TrustError> {
        let damaged = |problem: String| TrustError::Damaged { dir: dir.to_owned(), problem };
        let key = KeyPair::from_pkcs8_pem_and_sign_algo(key, &PKCS_ECDSA_P256_SHA256)
            .map_err(|error| damaged(format!("{KEY_FILE}: {error}")))?;
        let der = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| damaged(format!("{CERTIFICATE_FILE}: {error}")))?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&der)
            .map_err(|error| damaged(format!("{CERTIFICATE_FILE}: {error}")))?;
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(damaged(format!("{CERTIFICATE_FILE} is not for {KEY_FILE}")));
        }
        let issuer = Issuer::from_ca_cert_der(&der, key)
            .map_err(|error| damaged(format!("{CERTIFICATE_FILE}: {error}")))?;
        Ok(Self { issuer, pem, lives: Lives::default() })
    }

    /// The same authority with other lives of what it signs.
    #[must_use]
    pub fn with_lives(self, lives: Lives) -> Self {
        Self { lives, ..self }
    }

    /// Its certificate in PEM: what hosts and operators trust.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Certifies a host: the request (PKCS #10 in DER) must be signed by the key it is for. Who
    /// the host is follows from the key; what else the request says is ignored.
    ///
    /// # Errors
    /// [`TrustError::Request`], [`TrustError::Crypto`].
    pub fn sign_host(&self, csr: &[u8], now: Timestamp) -> Result<HostCertificate, TrustError> {
        let key = proven_key(csr)?;
        let host = HostId::of_public_key(&key.subject_public_key_info());
        let short = host.to_string();
        let certificate_pem = self.sign(
            &key,
            &format!("host {}", &short[..12]),
            vec![host_uri(host)?],
            ExtendedKeyUsagePurpose::ClientAuth,
            (now, self.lives.host),
        )?;
        Ok(HostCertificate { host, certificate_pem, not_after: now.after(self.lives.host) })
    }

    /// Certifies an operator.
    ///
    /// # Errors
    /// [`TrustError::Request`], [`TrustError::Name`], [`TrustError::Crypto`].
    pub fn sign_operator(
        &self,
        csr: &[u8],
        name: &str,
        role: Role,
        now: Timestamp,
    ) -> Result<OperatorCertificate, TrustError> {
        check_operator_name(name)?;
        let key = proven_key(csr)?;
        let certificate_pem = self.sign(
            &key,
            name,
            vec![operator_uri(name, role)?],
            ExtendedKeyUsagePurpose::ClientAuth,
            (now, self.lives.operator),
        )?;
        Ok(OperatorCertificate { certificate_pem, not_after: now.after(self.lives.operator) })
    }

    /// Certifies a key for the controller's own server under its names and addresses. What comes
    /// back ends with the authority's own certificate, so that a host that knows only its
    /// fingerprint can enrol.
    pub(super) fn sign_server(
        &self,
        key: &HostKey,
        names: &[String],
        now: Timestamp,
    ) -> Result<String, TrustError> {
        let alternatives =
            CertificateParams::new(names.to_vec()).map_err(|_| TrustError::Name {
                what: "names of the server",
                name: names.join(", "),
                expected: "use DNS names and IP addresses",
            })?;
        let leaf = self.sign(
            &proven_key(&key.csr()?)?,
            "wavegate controller",
            alternatives.subject_alt_names,
            ExtendedKeyUsagePurpose::ServerAuth,
            (now, self.lives.server),
        )?;
        Ok(leaf + &self.pem)
    }

    pub(super) fn sign(
        &self,
        key: &impl PublicKeyData,
        common_name: &str,
        names: Vec<SanType>,
        usage: ExtendedKeyUsagePurpose,
        (now, life): (Timestamp, Millis),
    ) -> Result<String, TrustError> {
        let mut params = params(now, life)?;
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.subject_alt_names = names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let certificate = params
            .signed_by(key, &self.issuer)
            .map_err(|error| crypto("sign a certificate", &error))?;
        Ok(certificate.pem())
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("lives", &self.lives).finish_non_exhaustive()
    }
}

/// The key of a signing request whose holder has proved to hold it.
fn proven_key(csr: &[u8]) -> Result<rcgen::PublicKey, TrustError> {
    let request =
        CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(csr))
            .map_err(|error| TrustError::Request(error.to_string()))?;
    if request.public_key.algorithm() != &PKCS_ECDSA_P256_SHA256 {
        return Err(TrustError::Request("only ECDSA keys on P-256 are certified".to_owned()));
    }
    Ok(request.public_key)
}

fn params(now: Timestamp, life: Millis) -> Result<CertificateParams, TrustError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.serial_number = Some(serial()?);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let moment = |at: Timestamp| epoch + Duration::from_millis(u64::try_from(at.0).unwrap_or(0));
    params.not_before = moment(Timestamp(now.0.saturating_sub_unsigned(CLOCK_SKEW.0)));
    params.not_after = moment(now.after(life));
    Ok(params)
}

/// 127 random bits: positive, as the standard asks.
fn serial() -> Result<SerialNumber, TrustError> {
    let mut bytes = [0u8; 16];
    provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| crypto("draw a serial number", &"no random numbers"))?;
    bytes[0] = bytes[0] & 0x7f | 0x01;
    Ok(SerialNumber::from_slice(&bytes))
}

fn make_private(dir: &Path) -> Result<(), TrustError> {
    let error = |source| TrustError::Directory { dir: dir.to_owned(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(error)?;
    // One that was there before may be open to others.
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(error)
}

fn read_public(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// When a certificate in PEM is valid.
pub(super) fn validity_of(pem: &str) -> Result<Validity, TrustError> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| TrustError::Certificate(error.to_string()))?;
    Ok(Validity::of(&der)?)
}
