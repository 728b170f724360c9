//! Secrets: the configuration names where they are, and never holds them.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A secret is a line; anything longer is some other file.
const LONGEST: u64 = 4_096;

/// Where a secret is: `{file: PATH}` or `{env: VARIABLE}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Secret {
    /// In a file, without the line end. Read at each use, so that it can be changed.
    File(PathBuf),
    /// In an environment variable of the controller.
    Env(String),
}

/// Why a secret cannot be had. Never holds any of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadSecret(pub String);

impl Secret {
    /// The secret itself.
    ///
    /// # Errors
    /// If the file or the variable is not there, or holds nothing that is one.
    pub fn read(&self) -> Result<String, BadSecret> {
        let text = match self {
            Self::File(path) => from_file(path)?,
            Self::Env(name) => std::env::var(name).map_err(|_| {
                BadSecret(format!("the environment variable {name} is not set, or not text"))
            })?,
        };
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(BadSecret(format!("{self} must hold one line and nothing else")));
        }
        Ok(text.to_owned())
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Env(name) => write!(f, "the environment variable {name}"),
        }
    }
}

fn from_file(path: &Path) -> Result<String, BadSecret> {
    use std::io::Read as _;
    let failed = |error: std::io::Error| {
        BadSecret(format!("the file {} cannot be read: {error}", path.display()))
    };
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text))
        .map_err(failed)?;
    if text.len() as u64 > LONGEST {
        return Err(BadSecret(format!("the file {} is longer than 4 KiB", path.display())));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_anew_and_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let secret = Secret::File(path.clone());
        assert!(secret.read().unwrap_err().0.contains("key"));
        std::fs::write(&path, "first\n").unwrap();
        assert_eq!(secret.read().unwrap(), "first");
        std::fs::write(&path, "second").unwrap();
        assert_eq!(secret.read().unwrap(), "second");
        assert!(!format!("{secret:?} {secret}").contains("second"));
        for bad in ["", "\n", "a\nb\n"] {
            std::fs::write(&path, bad).unwrap();
            assert!(secret.read().is_err(), "{bad:?}");
        }
        std::fs::write(&path, "x".repeat(5_000)).unwrap();
        assert!(!secret.read().unwrap_err().0.contains("xx"));
    }
}
