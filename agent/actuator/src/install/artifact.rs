//! A package file that the controller served and the agent put down.
//!
//! The agent owns that file and could change it while it is being installed. So it is copied to
//! where only root writes, and the digest is that of the copy.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use nix::libc;
use sha2::{Digest as _, Sha256};
use wavegate_common::Digest;
use wavegate_common::actuator::{ARTIFACT_DIR, artifact_name};

use crate::error::Error;
use crate::tree::Tree;

/// Where only root writes.
const OWN: &str = "/var/cache/wavegate-actuator";
/// No kernel's package is larger, in bytes.
const MAX_SIZE: u64 = 2 * 1024 * 1024 * 1024;
const HINT: &str = "the agent has to fetch the file again";

/// A checked copy; it is removed when this value goes.
#[derive(Debug)]
pub struct Artifact {
    /// Where it is.
    pub path: PathBuf,
    /// Its name, which ends in `.deb` or `.rpm`.
    pub name: String,
}

impl Drop for Artifact {
    fn drop(&mut self) {
        // What stays is removed before the next copy is made.
        let _ = fs::remove_file(&self.path);
    }
}

/// Copies the file of this digest and checks it.
///
/// # Errors
///
/// If it is missing, not a plain file, or other than announced.
pub fn take(tree: &Tree, digest: Digest, size: u64, file: &str) -> Result<Artifact, Error> {
    let Some(name) = artifact_name(digest, file) else {
        return Err(Error::untrusted(
            format!("`{}` is neither a .deb nor a .rpm", file.escape_debug()),
            "register the release with a package file",
        ));
    };
    if size > MAX_SIZE {
        let what = format!("an artifact of {size} bytes is too large");
        return Err(Error::untrusted(what, "a kernel's package has some hundred MiB at most"));
    }
    let source = tree.path(&format!("{ARTIFACT_DIR}/{name}"));
    let from = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(&source)
        .map_err(Error::io("open", &source))?;
    let meta = from.metadata().map_err(Error::io("look at", &source))?;
    if !meta.is_file() || meta.len() != size {
        let what = format!("{} is not a file of {size} bytes", source.display());
        return Err(Error::untrusted(what, HINT));
    }
    let path = tree.path(&format!("{OWN}/{name}"));
    fs::create_dir_all(tree.path(OWN)).map_err(Error::io("make directory", &tree.path(OWN)))?;
    let _ = fs::remove_file(&path);
    let artifact = Artifact { path, name };
    let to = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&artifact.path)
        .map_err(Error::io("write", &artifact.path))?;
    let found = copy(from.take(size), to).map_err(Error::io("copy", &source))?;
    if found == digest {
        return Ok(artifact);
    }
    let what = format!("the artifact has digest {found}, announced was {digest}");
    Err(Error::untrusted(what, HINT))
}

fn copy(mut from: impl Read, mut to: File) -> std::io::Result<Digest> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 128 * 1024];
    loop {
        let n = from.read(&mut chunk)?;
        if n == 0 {
            break;
        }
        hasher.update(&chunk[..n]);
        to.write_all(&chunk[..n])?;
    }
    to.sync_all()?;
    Ok(Digest(hasher.finalize().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(tree: &Tree, content: &[u8]) -> Digest {
        let digest = Digest::of(b"the kernel");
        let name = artifact_name(digest, "a.deb").unwrap();
        tree.write(&format!("{ARTIFACT_DIR}/{name}"), content).unwrap();
        digest
    }

    #[test]
    fn the_announced_file_is_copied_and_the_copy_goes_with_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::at(dir.path());
        let digest = put(&tree, b"the kernel");
        let artifact = take(&tree, digest, 10, "a.deb").unwrap();
        let path = artifact.path.clone();
        assert_eq!(fs::read(&path).unwrap(), b"the kernel");
        drop(artifact);
        assert!(!path.exists());
    }

    #[test]
    fn another_content_or_length_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::at(dir.path());
        let digest = put(&tree, b"the kernex");
        let error = take(&tree, digest, 10, "a.deb").unwrap_err().to_string();
        assert!(error.contains("has digest"), "{error}");
        let error = take(&tree, digest, 11, "a.deb").unwrap_err().to_string();
        assert!(error.contains("not a file of 11 bytes"), "{error}");
        assert_eq!(tree.names(OWN), Vec::<String>::new(), "nothing is left behind");
    }

    #[test]
    fn a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::at(dir.path());
        let digest = put(&tree, b"the kernel");
        let name = format!("{ARTIFACT_DIR}/{digest}.deb");
        fs::rename(tree.path(&name), tree.path("/elsewhere")).unwrap();
        std::os::unix::fs::symlink(tree.path("/elsewhere"), tree.path(&name)).unwrap();
        assert!(take(&tree, digest, 10, "a.deb").is_err());
    }
}
