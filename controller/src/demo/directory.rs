//! Where a demo's controller keeps its state, and who takes it away again.

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use super::story::Settings;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output::Output;

/// The directory of a demo's controller.
#[derive(Debug)]
pub(super) struct Directory {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Ours to take away again.
    temporary: bool,
}

impl Directory {
    /// A fresh one, as the settings say, that nobody else can look into.
    pub(super) fn make(settings: &Settings) -> Result<Self, Failure> {
        let temporary = settings.dir.is_none() && !settings.keep;
        let path = match &settings.dir {
            Some(dir) => dir.clone(),
            None => std::env::temp_dir().join(format!("wavegate-demo-{}", std::process::id())),
        };
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => Ok(Self { path, temporary }),
            // Whose it is cannot be told, and the demo would take it away at its end.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(Failure::usage(format!("{} exists", path.display()))
                    .next("a demo begins with a fresh directory: name another with `--dir DIR`"))
            }
            Err(error) => {
                let what = format!("cannot make {}", path.display());
                Err(Failure::new(Exit::Failed, what).caused_by(&error))
            }
        }
    }

    /// Says where it is, if it stays.
    pub(super) fn leave(self, output: &Output) {
        if !self.temporary {
            output.say(format!("the controller's directory is {}", self.path.display()));
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.temporary {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_something_in_it_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("x"), "x").unwrap();
        let settings = Settings {
            scenario: None,
            seed: 1,
            hosts: 36,
            speed: 60,
            stay: false,
            keep: false,
            alerts: crate::config::Alerts::default(),
            signals: std::collections::BTreeMap::new(),
            dir: Some(dir.path().to_owned()),
        };
        assert_eq!(Directory::make(&settings).unwrap_err().exit(), Exit::Usage);
        assert!(dir.path().join("x").exists());
    }
}
