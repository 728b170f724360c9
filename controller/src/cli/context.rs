//! Which controller to talk to, and as whom. The file names the key, it does not hold it.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::failure::Failure;

/// A client context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// `host:port` of the controller.
    pub controller: String,
    /// Certificate of the controller's CA, PEM. Relative paths begin at the context file.
    pub ca: PathBuf,
    /// The operator's certificate, PEM.
    #[serde(alias = "cert")]
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// Whose it is; for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The environment variable that names a context file.
pub const VARIABLE: &str = "WAVEGATE_CONTEXT";
/// Where `wavegate controller run` leaves one in a fresh directory.
const FRESH: &str = "wavegate-data/admin.yaml";

impl Context {
    /// Reads a context file; its paths come back absolute, or relative to the working directory.
    ///
    /// # Errors
    /// If the file cannot be read or is not a context.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let name = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(format!("cannot read the context file {name}"))
                .caused_by(&error)
                .next("give another with `--context FILE`; `wavegate operator enroll` makes one")
        })?;
        let context: Self =
            super::yaml::parse(&path.display().to_string(), &text).map_err(|failure| {
                failure.next("a context file holds `controller`, `ca`, `certificate` and `key`")
            })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Ok(Self {
            controller: context.controller,
            ca: folder.join(context.ca),
            certificate: folder.join(context.certificate),
            key: folder.join(context.key),
            name: context.name,
        })
    }

    /// Writes it, readable by its owner alone, so that no half-written file is ever seen.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let text = serde_saphyr::to_string(self).map_err(io::Error::other)?;
        let scratch = path.with_extension("new");
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&scratch)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&scratch, path)
    }

    /// The context file to use: the given one, else the one of the environment, else the user's,
    /// else the one of a controller started in this directory.
    ///
    /// # Errors
    /// If there is none.
    pub fn find(given: Option<&Path>) -> Result<PathBuf, Failure> {
        // clap has read the variable into `given` already.
        if let Some(path) = given {
            return Ok(path.to_owned());
        }
        let places: Vec<PathBuf> = user_file().into_iter().chain([PathBuf::from(FRESH)]).collect();
        places.iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
            let looked: Vec<String> = places.iter().map(|p| p.display().to_string()).collect();
            Failure::usage("no controller to talk to is known here")
                .because(format!("there is no context file at {}", looked.join(" or ")))
                .next(format!(
                    "give one with `--context FILE` or ${VARIABLE}; `wavegate operator enroll` \
                     makes one, `wavegate controller run` leaves `admin.yaml` in its data \
                     directory, and `wavegate demo` shows the path of its own"
                ))
        })
    }
}

/// `~/.config/wavegate/context.yaml`, where the environment says so.
#[must_use]
pub fn user_file() -> Option<PathBuf> {
    let folder = match std::env::var_os("XDG_CONFIG_HOME") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        _ => PathBuf::from(std::env::var_os("HOME")?).join(".config"),
    };
    Some(folder.join("wavegate/context.yaml"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::Exit;

    #[test]
    fn paths_begin_at_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("admin.yaml");
        let context = Context {
            controller: "127.0.0.1:7443".into(),
            ca: "ca.pem".into(),
            certificate: "admin.pem".into(),
            key: "/elsewhere/admin.key".into(),
            name: Some("admin".into()),
        };
        context.save(&file).unwrap();
        let loaded = Context::load(&file).unwrap();
        assert_eq!(loaded.ca, dir.path().join("ca.pem"));
        assert_eq!(loaded.key, Path::new("/elsewhere/admin.key"));
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(&file).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn says_what_is_wrong_with_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("context.yaml");
        std::fs::write(&file, "controller: a:1\nca: a\ncert: b\n").unwrap();
        let failure = Context::load(&file).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        let text = failure.render(false);
        assert!(text.contains("context.yaml:3:"), "{text}");
        assert!(text.contains("certificate"), "{text}");
        let missing = Context::load(&dir.path().join("none")).unwrap_err();
        assert!(missing.render(false).contains("--context"), "{}", missing.render(false));
    }
}
