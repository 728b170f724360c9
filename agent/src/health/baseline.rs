//! Units that had failed already before the agent first looked.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::durable::write_durably;

const FILE: &str = "failed-units.json";

/// Failed units that do not count.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UnitBaseline {
    /// Their names.
    pub known: BTreeSet<String>,
}

impl UnitBaseline {
    /// What was kept; `None` before the first look, or if the file cannot be understood. Then
    /// every failed unit counts until the next look, which is the careful side.
    #[must_use]
    pub fn load(state_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(state_dir.join(FILE)).ok()?).ok()
    }

    /// Keeps it.
    ///
    /// # Errors
    /// The state directory cannot be written.
    pub fn save(&self, state_dir: &Path) -> io::Result<()> {
        write_durably(&state_dir.join(FILE), &serde_json::to_vec(self)?, 0o640)
    }

    /// Forgets units that have recovered; whether there were any. It never learns new ones: what
    /// fails after the first look is news.
    pub fn shrink_to(&mut self, failed: &BTreeSet<String>) -> bool {
        let before = self.known.len();
        self.known.retain(|unit| failed.contains(unit));
        self.known.len() != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_unit_that_recovered_counts_again() {
        let mut baseline = UnitBaseline { known: set(&["a.service", "b.service"]) };
        assert!(!baseline.shrink_to(&set(&["a.service", "b.service", "c.service"])));
        assert!(baseline.shrink_to(&set(&["a.service", "c.service"])));
        assert_eq!(baseline.known, set(&["a.service"]));
    }

    #[test]
    fn it_survives_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(UnitBaseline::load(dir.path()), None);
        let baseline = UnitBaseline { known: set(&["a.service"]) };
        baseline.save(dir.path()).unwrap();
        assert_eq!(UnitBaseline::load(dir.path()), Some(baseline));
    }
}
