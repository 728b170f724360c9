//! A private key that is made where it is used and stays there.

use std::fmt;
use std::path::Path;

use rcgen::{
    CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _,
};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use wavegate_common::HostId;

use super::error::TlsError;
use super::file::{read_secret, write_secret};

/// An ECDSA key on P-256: a host's identity, or an operator's.
pub struct HostKey(KeyPair);

impl HostKey {
    /// Makes one in memory.
    ///
    /// # Errors
    /// [`TlsError::Crypto`].
    pub fn generate() -> Result<Self, TlsError> {
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
            .map(Self)
            .map_err(|error| crypto("make a key", &error))
    }

    /// Reads the key from a file, or makes one and writes it there with mode 0600.
    ///
    /// # Errors
    /// The file cannot be read or written, can be read by others, or holds no such key.
    pub fn load_or_create(path: &Path) -> Result<Self, TlsError> {
        if let Some(pem) = read_secret(path)? {
            return Self::from_pem(&pem);
        }
        let key = Self::generate()?;
        write_secret(path, key.to_pem().as_bytes())?;
        Ok(key)
    }

    /// Reads PKCS #8 in PEM.
    ///
    /// # Errors
    /// [`TlsError::Pem`].
    pub fn from_pem(pem: &str) -> Result<Self, TlsError> {
        KeyPair::from_pkcs8_pem_and_sign_algo(pem, &PKCS_ECDSA_P256_SHA256)
            .map(Self)
            .map_err(|error| TlsError::Pem { what: "the private key", problem: error.to_string() })
    }

    /// The key as PKCS #8 in PEM. A secret.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.0.serialize_pem()
    }

    /// The identity of a host that holds this key.
    #[must_use]
    pub fn host_id(&self) -> HostId {
        HostId::of_public_key(&self.0.subject_public_key_info())
    }

    /// A request to certify the key, signed by it: PKCS #10 in DER. It says nothing of whose key
    /// it is, because the authority alone decides that.
    ///
    /// # Errors
    /// [`TlsError::Crypto`].
    pub fn csr(&self) -> Result<Vec<u8>, TlsError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let request = params
            .serialize_request(&self.0)
            .map_err(|error| crypto("write a signing request", &error))?;
        Ok(request.der().to_vec())
    }

    pub(super) fn der(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.0.serialize_der()).into()
    }
}

pub(super) fn crypto(attempt: &'static str, error: &dyn fmt::Display) -> TlsError {
    TlsError::Crypto { attempt, problem: error.to_string() }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HostKey").field(&self.host_id()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stays_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("host.key");
        let first = HostKey::load_or_create(&path).unwrap().host_id();
        assert_eq!(HostKey::load_or_create(&path).unwrap().host_id(), first);
        assert_ne!(HostKey::generate().unwrap().host_id(), first);
    }

    #[test]
    fn a_damaged_key_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("host.key");
        write_secret(&path, b"-----BEGIN PRIVATE KEY-----\nAAAA\n").unwrap();
        assert!(matches!(HostKey::load_or_create(&path), Err(TlsError::Pem { .. })));
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = HostKey::generate().unwrap();
        assert_eq!(format!("{key:?}"), format!("HostKey(HostId({}))", key.host_id()));
    }
}
