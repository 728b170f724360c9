//! A copy of everything a controller must not lose, taken while it runs.
//!
//! The copy is a data directory of its own: to restore it, stop the controller, put the copy in
//! the place of its data directory and start it again. A controller that finds that its agents
//! have seen more than its store knows lifts its generation above theirs before it plans, so an
//! old copy never makes a host go back. Artifacts are listed, not copied: they are large, and can
//! be uploaded again.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wavegate_common::Timestamp;

use crate::audit::Verified;
use crate::store::{self, StoreError};

/// Files beside the database: names, and whether a directory without them is one all the same.
const FILES: [&str; 4] = ["admin.key", "admin.pem", "admin.yaml", "ca.pem"];
const PKI: &str = "pki";

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Where it is.
    pub to: PathBuf,
    /// Bytes of the database.
    pub database_bytes: u64,
    /// Artifacts that the copy lists but does not hold.
    pub artifacts: u64,
    /// Entries of the audit log in it.
    pub audit_entries: u64,
}

/// Why there is no copy.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BackupError {
    /// There is something already.
    #[error("{} is not empty: name a new directory", path.display())]
    NotEmpty {
        /// Where.
        path: PathBuf,
    },
    /// There is no controller's data.
    #[error("{} holds no {}: is it the controller's data directory?", path.display(), store::FILE)]
    NoData {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file.
    #[error("cannot copy {}: {source}", path.display())]
    Copy {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: Arc<io::Error>,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Copies a data directory. The controller may go on running.
///
/// # Errors
/// If the place is taken, or something cannot be copied or does not read back; what was copied
/// until then stays, for a look at it.
pub fn backup(data_dir: &Path, to: &Path) -> Result<Summary, BackupError> {
    if !data_dir.join(store::FILE).is_file() {
        return Err(BackupError::NoData { path: data_dir.to_owned() });
    }
    if std::fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(BackupError::NotEmpty { path: to.to_owned() });
    }
    let make = |dir: &Path| {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(dir).map_err(|source| failed(dir, source))
    };
    make(to)?;
    let copied = store::copy(data_dir, to)?;
    let pki = data_dir.join(PKI);
    make(&to.join(PKI))?;
    for entry in std::fs::read_dir(&pki).map_err(|source| failed(&pki, source))? {
        let entry = entry.map_err(|source| failed(&pki, source))?;
        copy(&entry.path(), &to.join(PKI).join(entry.file_name()))?;
    }
    for name in FILES {
        let file = data_dir.join(name);
        if file.is_file() {
            copy(&file, &to.join(name))?;
        }
    }
    let list: String = copied
        .artifacts
        .iter()
        .map(|artifact| format!("{}  {}  {}\n", artifact.digest, artifact.size, artifact.file))
        .collect();
    let path = to.join("artifacts.txt");
    std::fs::write(&path, list).map_err(|source| failed(&path, source))?;
    sync(&path)?;
    sync(to)?;
    Ok(Summary {
        to: to.to_owned(),
        database_bytes: copied.bytes,
        artifacts: copied.artifacts.len() as u64,
        audit_entries: copied.audit.entries,
    })
}

/// Recomputes the chain of the audit log of a data directory, with or without a controller
/// running on it.
///
/// # Errors
/// If the database cannot be read.
pub fn verify_audit(data_dir: &Path) -> Result<Verified, StoreError> {
    store::verify_audit_of(data_dir)
}

fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    // Permissions are copied too: keys stay private.
    std::fs::copy(from, to).map_err(|source| failed(from, source))?;
    sync(to)
}

fn sync(path: &Path) -> Result<(), BackupError> {
    let file = std::fs::File::open(path).map_err(|source| failed(path, source))?;
    file.sync_all().map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: io::Error) -> BackupError {
    BackupError::Copy { path: path.to_owned(), source: Arc::new(source) }
}

/// A name for a copy of now, for people who give none.
#[must_use]
pub fn default_name(now: Timestamp) -> String {
    format!("wavegate-backup-{}", now.0 / 1_000)
}
