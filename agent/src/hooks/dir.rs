//! Which hooks there are, and whether they may be run.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

/// More hooks than anybody has; a directory with more is a mistake.
const MOST_HOOKS: usize = 64;

/// Why hooks cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// The directory or a file in it cannot be looked at.
    #[error("cannot look at {path}: {source}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else could have put anything into it.
    #[error("{path} {what}: `chown root` and `chmod go-w` it")]
    Untrusted {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Too many.
    #[error("{path} has more than {MOST_HOOKS} hooks")]
    TooMany {
        /// The directory.
        path: PathBuf,
    },
}

/// Executable files of a directory in the order of their names. A directory that is not there has
/// none. Files that are hidden, end in `~` or are not executable are left out, so that an example
/// can lie beside a hook.
///
/// # Errors
/// See [`HookError`]. One hook that may not be run refuses them all: running only the others
/// would be half a drain.
pub fn hooks_in(dir: &Path) -> Result<Vec<PathBuf>, HookError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(HookError::Unreadable { path: dir.to_owned(), source }),
    };
    check_trusted(dir)?;
    let mut hooks = Vec::new();
    for entry in entries {
        let entry =
            entry.map_err(|source| HookError::Unreadable { path: dir.to_owned(), source })?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') || name.ends_with('~') || !is_executable(&entry.path())? {
            continue;
        }
        check_trusted(&entry.path())?;
        hooks.push(entry.path());
        if hooks.len() > MOST_HOOKS {
            return Err(HookError::TooMany { path: dir.to_owned() });
        }
    }
    hooks.sort();
    Ok(hooks)
}

fn metadata(path: &Path) -> Result<fs::Metadata, HookError> {
    fs::metadata(path).map_err(|source| HookError::Unreadable { path: path.to_owned(), source })
}

fn is_executable(path: &Path) -> Result<bool, HookError> {
    let found = metadata(path)?;
    Ok(found.is_file() && found.mode() & 0o111 != 0)
}

/// Only root and the agent itself may be able to change what the agent runs.
fn check_trusted(path: &Path) -> Result<(), HookError> {
    let found = metadata(path)?;
    let untrusted = |what| Err(HookError::Untrusted { path: path.to_owned(), what });
    if found.uid() != 0 && found.uid() != geteuid().as_raw() {
        return untrusted("belongs to another user");
    }
    if found.mode() & 0o002 != 0 {
        return untrusted("can be written by everybody");
    }
    if found.mode() & 0o020 != 0 && found.gid() != 0 {
        return untrusted("can be written by its group");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn put(dir: &Path, name: &str, mode: u32) {
        let path = dir.join(name);
        fs::write(&path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn hooks_come_in_the_order_of_their_names() {
        let dir = tempfile::tempdir().unwrap();
        for (name, mode) in [
            ("20-lb", 0o755),
            ("10-cache", 0o700),
            (".hidden", 0o755),
            ("30-old~", 0o755),
            ("README", 0o644),
        ] {
            put(dir.path(), name, mode);
        }
        let names: Vec<_> = hooks_in(dir.path())
            .unwrap()
            .iter()
            .map(|p| p.file_name().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["10-cache", "20-lb"]);
        assert!(hooks_in(&dir.path().join("missing")).unwrap().is_empty());
    }

    #[test]
    fn what_others_can_write_is_not_run() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), "10-good", 0o755);
        put(dir.path(), "20-bad", 0o757);
        let told = hooks_in(dir.path()).unwrap_err().to_string();
        assert!(told.contains("20-bad can be written by everybody"), "{told}");

        let open = tempfile::tempdir().unwrap();
        fs::set_permissions(open.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(hooks_in(open.path()), Err(HookError::Untrusted { .. })));
    }
}
