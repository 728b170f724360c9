//! The ledger on disk.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::compact::compact;
use super::frame::{Chain, Decoded, MAX_RECORD, decode, encode};
use crate::machine::Record;

/// The first bytes of the file; the last of them is the version of the format.
const MAGIC: [u8; 15] = *b"wavegate ledger";
const VERSION: u8 = 1;
const HEAD: usize = MAGIC.len() + 1;

/// From this size in bytes on, what is not needed any more is left out.
const COMPACT_AT: u64 = 1024 * 1024;

/// A file larger than this many bytes is none of ours.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A system call on the file failed.
    #[error("cannot {what} the ledger {}: {source}", path.display())]
    Io {
        /// What was attempted: "open", "read", "write" …
        what: &'static str,
        /// The file or its directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// It begins with other bytes than a ledger.
    #[error(
        "{} is not a ledger of wavegate; move it away if this host has nothing under way",
        .0.display()
    )]
    Foreign(PathBuf),
    /// A newer agent wrote it.
    #[error(
        "the ledger {} is of format {found}, this agent reads format {VERSION}; \
         install the agent that wrote it, or a newer one",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u8,
    },
    /// Larger than a ledger gets.
    #[error("the ledger {} has {size} bytes, more than a ledger can have", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
    },
    /// Another agent holds it.
    #[error("the ledger {} is in use: another agent runs on this host", .0.display())]
    Locked(PathBuf),
    /// A record longer than `MAX_RECORD`.
    #[error("a record of {size} bytes is too long for the ledger {}", path.display())]
    LongRecord {
        /// The file.
        path: PathBuf,
        /// Length of the payload in bytes.
        size: usize,
    },
    /// The file has a hole, or a write failed before; nothing is written to it any more.
    #[error("the ledger {} is damaged; a person must look at it", .0.display())]
    Damaged(PathBuf),
}

/// An open ledger and what it holds.
#[derive(Debug)]
pub struct Opened {
    /// The longest prefix that reads back whole, oldest first.
    pub records: Vec<Record>,
    /// There is a hole; the ledger takes no more records.
    pub damaged: bool,
    /// For new records.
    pub ledger: Ledger,
}

/// The file, open for new records and locked against a second agent.
#[derive(Debug)]
pub struct Ledger {
    file: File,
    path: PathBuf,
    len: u64,
    chain: Chain,
    /// The size from which on it is compacted next.
    compact_at: u64,
    writable: bool,
}

impl Ledger {
    /// Opens the ledger, or makes an empty one. A torn tail is cut off.
    ///
    /// # Errors
    /// If the file cannot be read, is not a ledger, is of a newer format, or is in use.
    pub fn open(path: &Path) -> Result<Opened, LedgerError> {
        let file = locked(path, "open")?;
        let bytes = read(&file, path)?;
        let mut ledger = Self {
            file,
            path: path.to_owned(),
            len: bytes.len() as u64,
            chain: Chain::default(),
            compact_at: COMPACT_AT,
            writable: true,
        };
        let Some(body) = body(&bytes, path)? else {
            ledger.begin_anew()?;
            return Ok(Opened { records: Vec::new(), damaged: false, ledger });
        };
        let Decoded { records, good_len, damaged, chain } = decode(body);
        ledger.chain = chain;
        ledger.writable = !damaged;
        if !damaged && good_len < body.len() {
            ledger.len = (HEAD + good_len) as u64;
            ledger.cut().map_err(|source| ledger.failed("cut the torn end off", source))?;
        }
        if ledger.writable && ledger.len >= ledger.compact_at {
            let records = compact(&records);
            ledger.rewrite(&records)?;
            return Ok(Opened { records, damaged, ledger });
        }
        Ok(Opened { records, damaged, ledger })
    }

    /// Writes one record. When this returns, a power cut does not take it away.
    ///
    /// # Errors
    /// If it could not be made durable. The ledger then takes no more records: after a failed
    /// sync nobody knows what is on disk.
    pub fn append(&mut self, record: &Record) -> Result<(), LedgerError> {
        if !self.writable {
            return Err(LedgerError::Damaged(self.path.clone()));
        }
        let frame = encode(&self.chain, record);
        if frame.len() > MAX_RECORD {
            return Err(LedgerError::LongRecord { path: self.path.clone(), size: frame.len() });
        }
        let written = self.file.write_all_at(&frame, self.len).and_then(|()| self.file.sync_data());
        if let Err(source) = written {
            self.writable = false;
            // Best effort: a torn end is cut off at the next start anyway.
            let _ = self.file.set_len(self.len);
            return Err(self.failed("write", source));
        }
        self.len += frame.len() as u64;
        self.chain = self.chain.after(&frame);
        if self.len >= self.compact_at {
            self.compact_now();
        }
        Ok(())
    }

    /// Size of the file in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.len
    }

    /// The record is safe in the long file; if the short one cannot be made, the next start
    /// tries again.
    fn compact_now(&mut self) {
        let done = read(&self.file, &self.path).and_then(|bytes| {
            let decoded = decode(bytes.get(HEAD..).unwrap_or_default());
            self.rewrite(&compact(&decoded.records))
        });
        if let Err(error) = done {
            self.compact_at = self.len.saturating_mul(2);
            tracing::warn!(%error, "the ledger could not be compacted");
        }
    }

    fn begin_anew(&mut self) -> Result<(), LedgerError> {
        self.len = 0;
        self.cut().map_err(|source| self.failed("empty", source))?;
        let made = self.file.write_all_at(&head(), 0).and_then(|()| self.file.sync_all());
        made.map_err(|source| self.failed("write", source))?;
        self.len = HEAD as u64;
        self.sync_directory()
    }

    fn cut(&self) -> io::Result<()> {
        self.file.set_len(self.len)?;
        self.file.sync_all()
    }

    /// Puts a file with these records in place of this one, all or nothing.
    fn rewrite(&mut self, records: &[Record]) -> Result<(), LedgerError> {
        let mut bytes = head().to_vec();
        let mut chain = Chain::default();
        for record in records {
            let frame = encode(&chain, record);
            chain = chain.after(&frame);
            bytes.extend_from_slice(&frame);
        }
        let aside = self.path.with_extension("new");
        let file = locked(&aside, "make a shorter copy of")?;
        let written = file
            .set_len(0)
            .and_then(|()| file.write_all_at(&bytes, 0))
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&aside, &self.path));
        written.map_err(|source| self.failed("shorten", source))?;
        self.file = file;
        self.len = bytes.len() as u64;
        self.chain = chain;
        self.compact_at = COMPACT_AT.max(self.len.saturating_mul(2));
        self.sync_directory()
    }

    fn sync_directory(&self) -> Result<(), LedgerError> {
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = parent.unwrap_or(Path::new("."));
        File::open(directory)
            .and_then(|opened| opened.sync_all())
            .map_err(|source| self.failed("sync the directory of", source))
    }

    fn failed(&self, what: &'static str, source: io::Error) -> LedgerError {
        LedgerError::Io { what, path: self.path.clone(), source }
    }
}

fn head() -> [u8; HEAD] {
    let mut head = [VERSION; HEAD];
    head[..MAGIC.len()].copy_from_slice(&MAGIC);
    head
}

fn locked(path: &Path, what: &'static str) -> Result<File, LedgerError> {
    let failed = |source| LedgerError::Io { what, path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(path).map_err(failed)?;
    // A child that was forked and has not become another program yet still holds the lock of the
    // ledger it was forked with; that passes in a moment. Another agent does not.
    let mut tries = 0;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if tries < LOCK_TRIES => {
                tries += 1;
                std::thread::sleep(LOCK_PAUSE);
            }
            Err(TryLockError::WouldBlock) => return Err(LedgerError::Locked(path.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
    }
}

/// How often the lock is tried again before another agent must hold it.
const LOCK_TRIES: u32 = 20;
/// Between two tries.
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

fn read(file: &File, path: &Path) -> Result<Vec<u8>, LedgerError> {
    let failed = |source| LedgerError::Io { what: "read", path: path.to_owned(), source };
    let size = file.metadata().map_err(failed)?.len();
    if size > MAX_FILE {
        return Err(LedgerError::TooLarge { path: path.to_owned(), size });
    }
    let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
    file.read_exact_at(&mut bytes, 0).map_err(failed)?;
    Ok(bytes)
}

/// What follows the head; none if the file was being made when the power went.
fn body<'a>(bytes: &'a [u8], path: &Path) -> Result<Option<&'a [u8]>, LedgerError> {
    let Some((version, body)) = bytes.strip_prefix(&MAGIC).and_then(<[u8]>::split_first) else {
        let torn =
            MAGIC.starts_with(bytes) || (bytes.len() <= HEAD && bytes.iter().all(|b| *b == 0));
        return if torn { Ok(None) } else { Err(LedgerError::Foreign(path.to_owned())) };
    };
    if *version != VERSION {
        return Err(LedgerError::Version { path: path.to_owned(), found: *version });
    }
    Ok(Some(body))
}

#[cfg(test)]
mod tests {
    use wavegate_common::Generation;

    use super::*;

    #[test]
    fn after_a_failed_write_nothing_more_is_written_and_nothing_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger");
        let record = |n| Record::Seen { generation: Generation(n) };
        let mut ledger = Ledger::open(&path).unwrap().ledger;
        ledger.append(&record(1)).unwrap();
        ledger.file = File::open(&path).unwrap();
        let error = ledger.append(&record(2)).unwrap_err();
        assert!(matches!(error, LedgerError::Io { what: "write", .. }), "{error}");
        ledger.file = OpenOptions::new().write(true).open(&path).unwrap();
        assert!(matches!(ledger.append(&record(3)), Err(LedgerError::Damaged(_))));
        drop(ledger);
        assert_eq!(Ledger::open(&path).unwrap().records, [record(1)]);
    }
}
