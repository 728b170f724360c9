//! Who this host is: its key, its certificate, and the authority that it trusts.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use wavegate_common::HostId;
use wavegate_proto::tls::{self, HostKey, TlsError, client_config, read_secret};

use crate::durable::write_durably;

const KEY: &str = "host.key";
const CERTIFICATE: &str = "host.crt";
const AUTHORITY: &str = "ca.crt";

/// The host's identity. Its key was made here and never leaves.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The identity that follows from the key.
    pub host: HostId,
    /// The private key in PEM. A secret.
    pub key_pem: String,
    /// Its certificate in PEM.
    pub cert_pem: String,
    /// The authority of controllers in PEM.
    pub ca_pem: String,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("host", &self.host).finish_non_exhaustive()
    }
}

/// Why there is no usable identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// This host was never enrolled.
    #[error(
        "this host is not enrolled: no {path}; get a token with `wavegate token create` and run \
         `wavegate-agent enroll`"
    )]
    NotEnrolled {
        /// The file that is missing.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("cannot {attempt} {path}: {source}")]
    File {
        /// "read" or "write".
        attempt: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The key is no key, others can read it, or the certificate does not fit it.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Identity {
    /// Reads the identity that `save` wrote, and makes sure that its parts fit together.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub fn load(dir: &Path) -> Result<Self, IdentityError> {
        let missing = |path: PathBuf| IdentityError::NotEnrolled { path };
        let key_path = dir.join(KEY);
        let key_pem = read_secret(&key_path)?.ok_or_else(|| missing(key_path))?;
        let text = |name: &str| {
            let path = dir.join(name);
            fs::read_to_string(&path).map_err(|source| match source.kind() {
                io::ErrorKind::NotFound => missing(path),
                _ => IdentityError::File { attempt: "read", path, source },
            })
        };
        let (cert_pem, ca_pem) = (text(CERTIFICATE)?, text(AUTHORITY)?);
        let key = HostKey::from_pem(&key_pem)?;
        let host = key.host_id();
        client_config(&ca_pem, Some(&tls::Identity::new(&cert_pem, key)?))?;
        Ok(Self { host, key_pem, cert_pem, ca_pem })
    }

    /// Keeps the identity. The certificate is written last: as long as it is missing or old, the
    /// host is what it was before.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn save(&self, dir: &Path) -> Result<(), IdentityError> {
        let write = |name: &str, text: &str, mode| {
            let path = dir.join(name);
            write_durably(&path, text.as_bytes(), mode).map_err(|source| IdentityError::File {
                attempt: "write",
                path,
                source,
            })
        };
        fs::create_dir_all(dir).map_err(|source| IdentityError::File {
            attempt: "write",
            path: dir.to_owned(),
            source,
        })?;
        if self.differs_from_kept_key(dir)? {
            write(KEY, &self.key_pem, 0o600)?;
        }
        write(AUTHORITY, &self.ca_pem, 0o644)?;
        write(CERTIFICATE, &self.cert_pem, 0o644)
    }

    fn differs_from_kept_key(&self, dir: &Path) -> Result<bool, IdentityError> {
        Ok(read_secret(&dir.join(KEY))?.is_none_or(|kept| kept != self.key_pem))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Authority;
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    #[test]
    fn it_survives_and_the_key_is_for_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let told = Identity::load(dir.path()).unwrap_err().to_string();
        assert!(told.contains("wavegate-agent enroll"), "{told}");

        let authority = Authority::new();
        let identity = authority.identity(Duration::ZERO, Duration::from_secs(60));
        identity.save(dir.path()).unwrap();
        assert_eq!(Identity::load(dir.path()).unwrap(), identity);
        let key_path = dir.path().join(KEY);
        assert_eq!(fs::metadata(&key_path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!format!("{identity:?}").contains("PRIVATE"));

        fs::set_permissions(&key_path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(
            Identity::load(dir.path()),
            Err(IdentityError::Tls(TlsError::Exposed { .. }))
        ));
    }

    #[test]
    fn a_certificate_for_another_key_is_found_at_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let identity = authority.identity(Duration::ZERO, Duration::from_secs(60));
        let other = authority.identity(Duration::ZERO, Duration::from_secs(60));
        Identity { cert_pem: other.cert_pem, ..identity }.save(dir.path()).unwrap();
        let told = Identity::load(dir.path()).unwrap_err();
        assert!(matches!(told, IdentityError::Tls(TlsError::OtherKey)), "{told}");
    }
}
