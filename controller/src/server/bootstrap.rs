//! The data directory: made when it is not there, found again when it is.

use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use wavegate_common::Timestamp;
use wavegate_common::view::Role;
use wavegate_proto::tls::{HostKey, write_public, write_secret};

use super::error::RunError;
use crate::trust::Authority;

/// Name of the first admin, in certificates and in the audit log.
pub(super) const ADMIN: &str = "admin";

/// Files of a data directory.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) dir: PathBuf,
}

impl Files {
    /// Makes the directory if it is not there. Others may not look into it: it holds keys.
    pub(super) fn open(dir: &Path) -> Result<Self, RunError> {
        let failed = |source| RunError::DataDir { path: dir.to_owned(), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        let failed = |source| RunError::DataDir { path: dir.to_owned(), source };
        let mode = std::fs::metadata(dir).map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            let private = std::fs::Permissions::from_mode(0o700);
            let failed = |source| RunError::DataDir { path: dir.to_owned(), source };
            std::fs::set_permissions(dir, private).map_err(failed)?;
        }
        Ok(Self { dir: dir.to_owned() })
    }

    pub(super) fn pki(&self) -> PathBuf {
        self.dir.join("pki")
    }

    /// The context file of the first admin.
    pub(super) fn context(&self) -> PathBuf {
        self.dir.join("admin.yaml")
    }

    /// Where the address stands that the controller listens on.
    pub(super) fn address(&self) -> PathBuf {
        self.dir.join("controller.addr")
    }

    /// The first admin's key and certificate, made if they are not there. Says whether they were
    /// made now.
    pub(super) fn admin(&self, authority: &Authority, now: Timestamp) -> Result<bool, RunError> {
        let (key, certificate) = (self.dir.join("admin.key"), self.dir.join("admin.pem"));
        let write = |path: PathBuf| move |source| RunError::Write { path, source };
        let ca = self.dir.join("ca.pem");
        write_public(&ca, authority.pem().as_bytes()).map_err(as_io).map_err(write(ca.clone()))?;
        if key.exists() && certificate.exists() {
            return Ok(false);
        }
        let made = HostKey::generate().map_err(|e| RunError::Serve(e.to_string()))?;
        let csr = made.csr().map_err(|e| RunError::Serve(e.to_string()))?;
        let signed = authority.sign_operator(&csr, ADMIN, Role::Admin, now)?;
        write_secret(&key, made.to_pem().as_bytes()).map_err(as_io).map_err(write(key.clone()))?;
        write_public(&certificate, signed.certificate_pem.as_bytes())
            .map_err(as_io)
            .map_err(write(certificate.clone()))?;
        Ok(true)
    }

    /// Tells clients on this machine where the controller is.
    pub(super) fn announce(&self, address: &str) -> Result<(), RunError> {
        let context = Context {
            controller: address,
            ca: "ca.pem",
            certificate: "admin.pem",
            key: "admin.key",
            name: ADMIN,
        };
        let path = self.context();
        let text = serde_saphyr::to_string(&context).map_err(|e| RunError::Serve(e.to_string()))?;
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| RunError::Write { path, source }
        };
        write_secret(&path, text.as_bytes()).map_err(as_io).map_err(failed(&path))?;
        let path = self.address();
        write_public(&path, format!("{address}\n").as_bytes()).map_err(as_io).map_err(failed(&path))
    }
}

/// A context of the command line.
#[derive(Serialize)]
struct Context<'a> {
    controller: &'a str,
    ca: &'a str,
    certificate: &'a str,
    key: &'a str,
    name: &'a str,
}

fn as_io(error: impl std::fmt::Display) -> std::io::Error {
    std::io::Error::other(error.to_string())
}
