//! What the daemon keeps on disk for `wavegate-agent status`: nothing that it needs itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wavegate_common::{HostReport, Timestamp};

const FILE: &str = "status.json";

/// Whether the agent is in touch with its controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// The stream is open.
    Up {
        /// Since when.
        since: Timestamp,
    },
    /// There is none.
    Down {
        /// Since when.
        since: Timestamp,
        /// Why.
        reason: String,
    },
}

/// The daemon's own view, as of its last change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusFile {
    /// Of the daemon.
    pub pid: u32,
    /// Of its program.
    pub version: String,
    /// The stream to the controller.
    pub link: LinkState,
    /// What it waits on, in one sentence.
    pub doing: String,
    /// The report as the controller has it, or will have it.
    pub report: HostReport,
}

impl StatusFile {
    /// Where it is.
    #[must_use]
    pub fn path(state_dir: &Path) -> PathBuf {
        state_dir.join(FILE)
    }

    /// Reads it.
    ///
    /// # Errors
    /// There is none, or it is of another release.
    pub fn read(state_dir: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(Self::path(state_dir))?)?)
    }

    /// Replaces it. It need not survive a power cut, so nothing is synced.
    ///
    /// # Errors
    /// The state directory cannot be written.
    pub fn write(&self, state_dir: &Path) -> io::Result<()> {
        let beside = state_dir.join(".status.json.new");
        fs::write(&beside, serde_json::to_vec(self)?)?;
        fs::rename(beside, Self::path(state_dir))
    }
}
