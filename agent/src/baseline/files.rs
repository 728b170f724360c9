//! The files, kept open: opening them anew every time would cost as much as reading them.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::root::Root;

/// More than `/proc/stat` has on the largest hosts.
const READ_LIMIT: usize = 1 << 20;
/// What the buffer begins with. It grows to what is needed and stays there.
const FIRST: usize = 8 << 10;

/// A file that may not be there.
#[derive(Debug)]
pub(super) struct Text(Option<File>);

impl Text {
    pub(super) fn open(root: &Root, path: &str) -> Self {
        Self(File::open(root.path(path)).ok())
    }

    /// The whole text as it is now; none if it cannot be read.
    pub(super) fn read<'a>(&self, buffer: &'a mut Vec<u8>) -> Option<&'a str> {
        let file = self.0.as_ref()?;
        buffer.resize(buffer.capacity().max(FIRST), 0);
        let mut length = 0;
        loop {
            if length == buffer.len() {
                if length >= READ_LIMIT {
                    break;
                }
                buffer.resize(length * 2, 0);
            }
            match file.read_at(&mut buffer[length..], length as u64) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        buffer.truncate(length);
        std::str::from_utf8(buffer).ok()
    }
}
