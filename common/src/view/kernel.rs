//! Registered releases and the artifacts behind them.

use serde::{Deserialize, Serialize};

use crate::host::HostClass;
use crate::id::Digest;
use crate::kernel::Release;
use crate::time::Timestamp;

/// A release went wrong somewhere before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownBadView {
    /// In which class; everywhere if none is named.
    pub class: Option<HostClass>,
    /// What went wrong.
    pub what: String,
    /// Since when that is known.
    pub since: Timestamp,
}

/// A registered release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelView {
    /// What it is and where hosts get it from.
    pub release: Release,
    /// Identity of what would boot, whatever it is called.
    pub key: Digest,
    /// Who registered it.
    pub added_by: String,
    /// When.
    pub added_at: Timestamp,
    /// Their words.
    pub reason: String,
    /// Hosts that run this kernel now.
    pub running: u64,
    /// Whether hosts can get it: false while its artifact is not here in full.
    pub available: bool,
    /// Where it went wrong before.
    pub known_bad: Vec<KnownBadView>,
}

/// Every registered release.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KernelList {
    /// The newest first.
    pub kernels: Vec<KernelView>,
}

/// A file that the controller serves to hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactView {
    /// SHA-256 of the whole file.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// How many of them are here: an upload goes on from there.
    pub received: u64,
}
