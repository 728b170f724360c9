//! Whom to trust on the other side.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// Why there is nobody to trust.
#[derive(Debug, thiserror::Error)]
pub enum BadAuthorities {
    /// The file does not hold what it should.
    #[error("no certificate of an authority can be read from {}: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// This system has none.
    #[error(
        "this system trusts no authority ({0}); install ca-certificates, or name a file with \
         `ca_file`"
    )]
    System(String),
}

/// The authorities in a PEM file, or those of the system.
///
/// # Errors
/// If there is none.
pub fn authorities(file: Option<&PathBuf>) -> Result<RootCertStore, BadAuthorities> {
    match file {
        Some(path) => from_file(path),
        None => from_system(),
    }
}

fn from_file(path: &Path) -> Result<RootCertStore, BadAuthorities> {
    let bad = |why: String| BadAuthorities::File { path: path.to_owned(), why };
    let pem = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        roots.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    if roots.is_empty() { Err(bad("it holds none".to_owned())) } else { Ok(roots) }
}

fn from_system() -> Result<RootCertStore, BadAuthorities> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems carry certificates that are no authority's: each that can be used is.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        return Err(BadAuthorities::System(why.join("; ")));
    }
    Ok(roots)
}
