//! Works on the database of a data directory without a running store.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::Backup;

use super::audit;
use super::error::StoreError;
use super::handle::FILE;
use super::open::{open_reader, quick_check};
use super::releases::{self, StoredArtifact};
use crate::audit::Verified;

/// Pages copied at a time: the writer gets its turn in between.
const PAGES: i32 = 256;

/// What a copy of the database holds.
#[derive(Debug, Clone)]
pub struct Copied {
    /// Its size.
    pub bytes: u64,
    /// Artifacts that it knows of.
    pub artifacts: Vec<StoredArtifact>,
    /// Its audit log.
    pub audit: Verified,
}

/// Copies the database while others write to it, and looks whether the copy is whole.
///
/// # Errors
/// If it cannot be read or written, or the copy is not whole.
pub fn copy(from: &Path, to: &Path) -> Result<Copied, StoreError> {
    let failed = StoreError::statement("copy the database");
    let source = open_reader(&from.join(FILE))?;
    let path = to.join(FILE);
    let mut target = Connection::open(&path).map_err(&failed)?;
    let backup = Backup::new(&source, &mut target).map_err(&failed)?;
    backup
        .run_to_completion(PAGES, std::time::Duration::from_millis(5), None)
        .map_err(|error| failed(error).at(&path))?;
    drop(backup);
    quick_check(&target, &path)?;
    let artifacts = releases::artifacts(&target)?;
    let audit = audit::verify_all(&target)?;
    // Closing folds the log into the one file.
    target.close().map_err(|(_, error)| failed(error))?;
    let bytes = std::fs::metadata(&path).map_or(0, |meta| meta.len());
    Ok(Copied { bytes, artifacts, audit })
}

/// Recomputes the chain of the audit log of a data directory.
///
/// # Errors
/// If it cannot be read.
pub fn verify_audit_of(data_dir: &Path) -> Result<Verified, StoreError> {
    audit::verify_all(&open_reader(&data_dir.join(FILE))?)
}
