//! Files of keys and certificates: whole or not at all, and keys for their owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::error::TlsError;

/// No key or certificate file is larger, in bytes.
const MAX_FILE: u64 = 64 << 10;

/// Writes a private key: mode 0600, atomically, on disk before this returns.
///
/// # Errors
/// [`TlsError::File`]; the file is as it was before.
pub fn write_secret(path: &Path, content: &[u8]) -> Result<(), TlsError> {
    replace(path, content, 0o600)
}

/// Writes a certificate: mode 0644, atomically, on disk before this returns.
///
/// # Errors
/// [`TlsError::File`]; the file is as it was before.
pub fn write_public(path: &Path, content: &[u8]) -> Result<(), TlsError> {
    replace(path, content, 0o644)
}

/// Reads a private key; none if there is no such file.
///
/// # Errors
/// [`TlsError::Exposed`] if others can read it, [`TlsError::File`] otherwise.
pub fn read_secret(path: &Path) -> Result<Option<String>, TlsError> {
    let error = |source| TlsError::File { attempt: "read", path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(error(source)),
    };
    let mode = file.metadata().map_err(error)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(TlsError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.take(MAX_FILE).read_to_string(&mut text).map_err(error)?;
    Ok(Some(text))
}

fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), TlsError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let written = write_new(&new, content, mode).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // What failed is reported; a leftover is overwritten by the next attempt.
        let _ = fs::remove_file(&new);
    }
    written.and_then(|()| sync_parent(path)).map_err(|source| TlsError::File {
        attempt: "write",
        path: path.to_owned(),
        source,
    })
}

fn write_new(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    // A leftover may have other permissions than `mode`, which applies to new files only.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_secret(&path, b"secret").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_secret(&path).unwrap().as_deref(), Some("secret"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read_secret(&path), Err(TlsError::Exposed { mode: 0o640, .. })));
    }

    #[test]
    fn a_file_that_cannot_be_replaced_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_secret(&path, b"old").unwrap();
        fs::create_dir(dir.path().join("key.new")).unwrap();
        assert!(write_secret(&path, b"new").is_err());
        assert_eq!(read_secret(&path).unwrap().as_deref(), Some("old"));
        assert_eq!(read_secret(&dir.path().join("none")).unwrap(), None);
    }
}
