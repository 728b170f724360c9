//! Where the host's files are. Everything that looks at `/proc`, `/sys`, `/etc` or `/boot` takes a
//! [`Root`], so that tests hand over a directory with a few files in it instead of a machine.
//!
//! A file that is missing or unreadable is `None`, never an error: hosts differ in what they
//! have, and an agent that stops because one of them lacks a file is of no use.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// More than any file read here has; a longer one is cut.
const READ_LIMIT: u64 = 256 * 1024;

/// The directory that stands for `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root(PathBuf);

impl Root {
    /// The running host.
    #[must_use]
    pub fn host() -> Self {
        Self(PathBuf::from("/"))
    }

    /// Another directory that looks like a host.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The place of an absolute path below this root.
    #[must_use]
    pub fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let absolute = absolute.as_ref();
        self.0.join(absolute.strip_prefix("/").unwrap_or(absolute))
    }

    /// The text of a file without white space at its ends, at most 256 KiB of it.
    #[must_use]
    pub fn text(&self, absolute: impl AsRef<Path>) -> Option<String> {
        let file = fs::File::open(self.path(absolute)).ok()?;
        let mut bytes = Vec::new();
        file.take(READ_LIMIT).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// The number in a file.
    #[must_use]
    pub fn number(&self, absolute: impl AsRef<Path>) -> Option<i64> {
        self.text(absolute)?.parse().ok()
    }

    /// Names in a directory, sorted; none if it cannot be read.
    #[must_use]
    pub fn names(&self, absolute: impl AsRef<Path>) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(absolute)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The last part of what a symbolic link points to.
    #[must_use]
    pub fn link_name(&self, absolute: impl AsRef<Path>) -> Option<String> {
        let target = fs::read_link(self.path(absolute)).ok()?;
        Some(target.file_name()?.to_string_lossy().into_owned())
    }

    /// Whether there is something at this path.
    #[must_use]
    pub fn exists(&self, absolute: impl AsRef<Path>) -> bool {
        self.path(absolute).exists()
    }
}

#[cfg(test)]
pub(crate) mod fake {
    //! A host made of a few files.

    use super::{Path, Root, fs};

    /// A root in a temporary directory.
    pub(crate) struct FakeHost {
        dir: tempfile::TempDir,
    }

    impl FakeHost {
        pub(crate) fn new() -> Self {
            Self { dir: tempfile::tempdir().unwrap() }
        }

        pub(crate) fn root(&self) -> Root {
            Root::at(self.dir.path())
        }

        pub(crate) fn with(self, path: &str, text: impl AsRef<[u8]>) -> Self {
            self.write(path, text);
            self
        }

        pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
            let path = self.root().path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        pub(crate) fn link(self, path: &str, target: impl AsRef<Path>) -> Self {
            let path = self.root().path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(target, path).unwrap();
            self
        }

        pub(crate) fn dir(self, path: &str) -> Self {
            fs::create_dir_all(self.root().path(path)).unwrap();
            self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fake::FakeHost;

    #[test]
    fn what_is_missing_is_none_and_not_an_error() {
        let host = FakeHost::new().with("/proc/n", "7\n");
        let root = host.root();
        assert_eq!(root.number("/proc/n"), Some(7));
        assert_eq!(root.text("/proc/other"), None);
        assert_eq!(root.link_name("/proc/n"), None);
        assert!(root.names("/sys").is_empty());
    }

    #[test]
    fn a_file_without_end_is_cut() {
        let host = FakeHost::new().with("/proc/long", vec![b'x'; 1 << 20]);
        assert_eq!(host.root().text("/proc/long").unwrap().len(), 256 * 1024);
    }
}
