//! The file system as seen from a root directory: `/` on a host, a recorded tree in a test.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::Error;

/// The most that is read of any one text file, in bytes.
const MAX_TEXT: u64 = 4 * 1024 * 1024;

/// A root directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// The tree below a directory; `/` for the host itself.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where an absolute path of the host is.
    #[must_use]
    pub fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    /// Whether this is the host itself and not a recorded tree.
    #[must_use]
    pub fn is_host(&self) -> bool {
        self.root == Path::new("/")
    }

    /// Whether there is something at this path.
    #[must_use]
    pub fn exists(&self, absolute: &str) -> bool {
        self.path(absolute).exists()
    }

    /// The text of a file; `None` if there is none.
    ///
    /// # Errors
    ///
    /// If it is there and cannot be read.
    pub fn text(&self, absolute: &str) -> Result<Option<String>, Error> {
        let path = self.path(absolute);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(e) => return Err(Error::io("read", &path)(e)),
        };
        let mut bytes = Vec::new();
        file.take(MAX_TEXT).read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The one line of a file of the kernel; `None` if it is missing, unreadable or empty. For
    /// facts that a host may lack.
    #[must_use]
    pub fn line(&self, absolute: &str) -> Option<String> {
        let text = self.text(absolute).ok().flatten()?;
        let line = text.trim();
        if line.is_empty() { None } else { Some(line.to_owned()) }
    }

    /// The number in a file of the kernel.
    #[must_use]
    pub fn number<T: FromStr>(&self, absolute: &str) -> Option<T> {
        self.line(absolute)?.parse().ok()
    }

    /// The names in a directory, sorted; none if there is no such directory.
    #[must_use]
    pub fn names(&self, absolute: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(absolute)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// Writes a file so that after a crash there is either the old or the new one.
    ///
    /// # Errors
    ///
    /// If it cannot be written; the old file is untouched then.
    pub fn write(&self, absolute: &str, content: &[u8]) -> Result<(), Error> {
        replace_file(&self.path(absolute), content)
    }

    /// Waits until no other process holds this file, and holds it until the value is dropped.
    ///
    /// # Errors
    ///
    /// If it cannot be made or held.
    pub fn hold(&self, absolute: &str) -> Result<File, Error> {
        let path = self.path(absolute);
        let parent = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent).map_err(Error::io("make directory", parent))?;
        let file = File::create(&path).map_err(Error::io("write", &path))?;
        file.lock().map_err(Error::io("hold", &path))?;
        Ok(file)
    }

    /// Removes a file; that there is none is fine.
    ///
    /// # Errors
    ///
    /// If it is there and stays.
    pub fn remove(&self, absolute: &str) -> Result<(), Error> {
        let path = self.path(absolute);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("remove", &path)(e)),
            _ => Ok(()),
        }
    }
}

/// Writes beside the file, syncs, renames over it and syncs the directory.
pub(crate) fn replace_file(path: &Path, content: &[u8]) -> Result<(), Error> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent).map_err(Error::io("make directory", parent))?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".wavegate-new");
    let beside = parent.join(name);
    let mut file = File::create(&beside).map_err(Error::io("write", &beside))?;
    file.write_all(content).map_err(Error::io("write", &beside))?;
    file.sync_all().map_err(Error::io("sync", &beside))?;
    fs::rename(&beside, path).map_err(Error::io("replace", path))?;
    sync_directory(parent)
}

/// Makes names in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), Error> {
    File::open(directory)
        .and_then(|opened| opened.sync_all())
        .map_err(Error::io("sync directory", directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_no_text_and_a_written_one_is_there_whole() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::at(dir.path());
        assert_eq!(tree.text("/etc/x").unwrap(), None);
        tree.write("/etc/x", b"12\n").unwrap();
        assert_eq!(tree.number::<u32>("/etc/x"), Some(12));
        assert_eq!(tree.names("/etc"), ["x"], "nothing is left beside it");
        tree.remove("/etc/x").unwrap();
        tree.remove("/etc/x").unwrap();
        assert!(!tree.exists("/etc/x"));
    }
}
