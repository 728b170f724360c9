//! Where a demo's controller keeps its state, and who takes it away again.

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
    /// A fresh one, as the settings say.
    pub(super) fn make(settings: &Settings) -> Result<Self, Failure> {
        let temporary = settings.dir.is_none() && !settings.keep;
        let path = match &settings.dir {
            Some(dir) => dir.clone(),
            None => std::env::temp_dir().join(format!("wavegate-demo-{}", std::process::id())),
        };
        let failed = |error: &std::io::Error| {
            Failure::new(Exit::Failed, format!("cannot make {}", path.display())).caused_by(error)
        };
        if settings.dir.is_some() && path.exists() {
            let empty = std::fs::read_dir(&path).map_err(|e| failed(&e))?.next().is_none();
            if !empty {
                return Err(Failure::usage(format!("{} is not empty", path.display()))
                    .next("a demo begins with a fresh controller: name another directory"));
            }
        }
        std::fs::create_dir_all(&path).map_err(|e| failed(&e))?;
        Ok(Self { path, temporary })
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
            dir: Some(dir.path().to_owned()),
        };
        assert_eq!(Directory::make(&settings).unwrap_err().exit(), Exit::Usage);
        assert!(dir.path().join("x").exists());
    }
}
