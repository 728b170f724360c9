//! Variables of EFI firmware, as files.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;

use nix::libc;

use crate::error::Error;
use crate::tree::Tree;

/// Variables of boot loaders.
pub const LOADER: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
/// Variables of the firmware itself.
pub const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";

const DIRECTORY: &str = "/sys/firmware/efi/efivars";
/// Non-volatile, visible at boot and at run time.
const ATTRIBUTES: u32 = 7;
const MAX_VALUE: u64 = 16 * 1024;
const FS_IMMUTABLE: libc::c_int = 0x10;

/// Whether there are variables at all.
#[must_use]
pub fn available(tree: &Tree) -> bool {
    tree.exists(DIRECTORY)
}

/// The bytes of a variable; `None` if it is not set.
///
/// # Errors
///
/// If it is set and cannot be read.
pub fn read(tree: &Tree, name: &str, vendor: &str) -> Result<Option<Vec<u8>>, Error> {
    let path = tree.path(&format!("{DIRECTORY}/{name}-{vendor}"));
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("read", &path)(e)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_VALUE).read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
    Ok(bytes.get(4..).map(<[u8]>::to_vec))
}

/// The text of a variable; an empty one counts as none.
///
/// # Errors
///
/// If it is set and cannot be read.
pub fn read_text(tree: &Tree, name: &str) -> Result<Option<String>, Error> {
    let Some(bytes) = read(tree, name, LOADER)? else { return Ok(None) };
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let units: Vec<u16> = units.take_while(|&unit| unit != 0).collect();
    let text = String::from_utf16_lossy(&units);
    Ok(if text.is_empty() { None } else { Some(text) })
}

/// Sets a variable of the boot loader.
///
/// # Errors
///
/// If the firmware does not take it.
pub fn write_text(tree: &Tree, name: &str, value: &str) -> Result<(), Error> {
    let path = tree.path(&format!("{DIRECTORY}/{name}-{LOADER}"));
    lift_guard(&path)?;
    let mut bytes = ATTRIBUTES.to_le_bytes().to_vec();
    bytes.extend(value.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
    // The firmware takes a variable as one write or not at all.
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(Error::io("write", &path))?;
    if !tree.is_host() {
        file.set_len(0).map_err(Error::io("write", &path))?;
    }
    file.write_all(&bytes).map_err(Error::io("write", &path))
}

/// Unsets a variable of the boot loader. That it is not set is fine.
///
/// # Errors
///
/// If it is set and stays.
pub fn remove(tree: &Tree, name: &str) -> Result<(), Error> {
    let path = format!("{DIRECTORY}/{name}-{LOADER}");
    lift_guard(&tree.path(&path))?;
    tree.remove(&path)
}

/// The kernel protects variables against `rm -r` by a flag, which must go before a change.
fn lift_guard(path: &std::path::Path) -> Result<(), Error> {
    let Ok(file) = File::open(path) else { return Ok(()) };
    let mut flags: libc::c_int = 0;
    if !flags_ioctl(&file, libc::FS_IOC_GETFLAGS, &mut flags) || flags & FS_IMMUTABLE == 0 {
        return Ok(());
    }
    flags &= !FS_IMMUTABLE;
    if flags_ioctl(&file, libc::FS_IOC_SETFLAGS, &mut flags) {
        return Ok(());
    }
    Err(Error::io("lift the guard of", path)(std::io::Error::last_os_error()))
}

#[expect(unsafe_code, reason = "there is no safe wrapper of this ioctl")]
fn flags_ioctl(file: &File, request: libc::Ioctl, flags: &mut libc::c_int) -> bool {
    // SAFETY: the descriptor is open, and both requests read or write one int behind the pointer.
    unsafe { libc::ioctl(file.as_raw_fd(), request, std::ptr::from_mut(flags)) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_the_way_with_attributes_in_front() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::at(dir.path());
        std::fs::create_dir_all(tree.path(DIRECTORY)).unwrap();
        assert_eq!(read_text(&tree, "LoaderEntryOneShot").unwrap(), None);
        write_text(&tree, "LoaderEntryOneShot", "a-long-entry.conf").unwrap();
        write_text(&tree, "LoaderEntryOneShot", "new.conf").unwrap();
        assert_eq!(read_text(&tree, "LoaderEntryOneShot").unwrap().as_deref(), Some("new.conf"));
        let raw = std::fs::read(tree.path(&format!("{DIRECTORY}/LoaderEntryOneShot-{LOADER}")));
        assert_eq!(raw.unwrap()[..6], [7, 0, 0, 0, b'n', 0]);
        remove(&tree, "LoaderEntryOneShot").unwrap();
        remove(&tree, "LoaderEntryOneShot").unwrap();
        assert_eq!(read_text(&tree, "LoaderEntryOneShot").unwrap(), None);
    }
}
