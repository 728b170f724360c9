//! What is wrong with a configuration file, where, and what to do.

use std::path::PathBuf;
use std::sync::Arc;

/// Why a configuration was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}; name another file with `--config`, or leave it out to run with defaults", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: Arc<std::io::Error>,
    },
    /// The text is not YAML, or a field is not what it should be.
    #[error("{}:{line}:{column}: {problem}", path.display())]
    Text {
        /// Which file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// From 1.
        column: u64,
        /// What is wrong, with the field's name.
        problem: String,
    },
    /// A value cannot be as it is.
    #[error("{}: {field}: {problem}", path.display())]
    Field {
        /// Which file; the defaults if none was given.
        path: PathBuf,
        /// The field with its path.
        field: String,
        /// What is wrong and what to write.
        problem: String,
    },
}
