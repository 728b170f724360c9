//! Slots that the controller does not have yet, on disk.
//!
//! One file, appended to. Only numbers and places of the slots are in memory. When the file
//! reaches its bound, the oldest slots go until half of it is free. Slots are written without a
//! sync: a killed agent loses none of them, a power cut those of the last half minute or so,
//! which is not worth waking a disk for. A torn or damaged frame is passed over.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use wavegate_common::baseline::{BaselineSlot, NumberedSlot};

use super::frame::{Frame, HEAD, LONGEST};

/// The first bytes of the file; the last of them is the version of the format.
const MAGIC: [u8; 16] = *b"wavegate slots\0\x01";

/// The file and what is in it.
#[derive(Debug)]
pub struct Spool {
    file: File,
    path: PathBuf,
    length: u64,
    bound: u64,
    /// Slots that were not acknowledged, oldest first.
    kept: VecDeque<Place>,
    acked: u64,
    next: u64,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    seq: u64,
    at: u64,
    length: usize,
}

/// An opened spool.
#[derive(Debug)]
pub struct Opened {
    /// The spool.
    pub spool: Spool,
    /// The slot that had begun when the agent was stopped.
    pub begun: Option<BaselineSlot>,
}

impl Spool {
    /// Opens the file, or makes an empty one. What cannot be read is left out; a file that is no
    /// spool is begun anew, for nothing but measurements is lost with it.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn open(path: &Path, bound: u64) -> io::Result<Opened> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path)?;
        let size = file.metadata()?.len().min(bound.saturating_mul(2));
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        file.read_exact_at(&mut bytes, 0)?;
        let (kept, acked, next) = (VecDeque::new(), 0, 1);
        let mut spool =
            Self { file, path: path.to_owned(), length: size, bound, kept, acked, next };
        if !bytes.starts_with(&MAGIC) {
            spool.begin_anew()?;
            return Ok(Opened { spool, begun: None });
        }
        let begun = spool.take_in(&bytes);
        Ok(Opened { spool, begun })
    }

    /// Finds the frames in the bytes of the file.
    fn take_in(&mut self, bytes: &[u8]) -> Option<BaselineSlot> {
        let (mut at, mut begun) = (MAGIC.len(), None);
        while let Some((found, frame, length)) = Frame::find(bytes, at) {
            if found > at {
                tracing::warn!(path = %self.path.display(), at, bytes = found - at,
                    "the spool of baselines has a damaged place; what was there is lost");
            }
            at = found + length;
            match frame {
                Frame::Slot(NumberedSlot { seq, .. }) => {
                    self.next = self.next.max(seq.saturating_add(1));
                    self.kept.push_back(Place { seq, at: found as u64, length });
                    // What had begun before has ended in it, or was given up.
                    begun = None;
                }
                Frame::Open(NumberedSlot { slot, .. }) => begun = Some(slot),
                Frame::Acked(up_to) => self.acked = self.acked.max(up_to),
            }
        }
        // What follows the last whole frame is a torn one, and is written over.
        self.length = at as u64;
        self.next = self.next.max(self.acked.saturating_add(1));
        self.forget();
        begun
    }

    fn forget(&mut self) {
        let acked = self.acked;
        self.kept.retain(|place| place.seq > acked);
    }

    /// Keeps a slot.
    ///
    /// # Errors
    /// The disk is full or fails; the slot is lost then, and no other.
    pub fn push(&mut self, slot: BaselineSlot) -> io::Result<()> {
        let seq = self.next;
        let frame = Frame::Slot(NumberedSlot { seq, slot }).encode();
        if frame.len() > LONGEST + HEAD {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the slot is too large"));
        }
        if self.length + frame.len() as u64 > self.bound {
            self.shorten(self.bound / 2)?;
        }
        let at = self.length;
        self.append(&frame)?;
        self.kept.push_back(Place { seq, at, length: frame.len() });
        self.next = self.next.saturating_add(1);
        Ok(())
    }

    /// Keeps the slot that has begun, for the agent's next start, and makes all safe.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn stop(&mut self, begun: Option<BaselineSlot>) -> io::Result<()> {
        if let Some(slot) = begun {
            self.append(&Frame::Open(NumberedSlot { seq: 0, slot }).encode())?;
        }
        self.file.sync_data()
    }

    /// The controller has everything up to this number.
    ///
    /// # Errors
    /// It cannot be noted; then some slots are sent twice, which does no harm.
    pub fn acked(&mut self, up_to: u64) -> io::Result<()> {
        // What was never sent cannot have been received.
        let up_to = up_to.min(self.next.saturating_sub(1));
        if up_to <= self.acked {
            return Ok(());
        }
        self.acked = up_to;
        self.forget();
        if self.kept.is_empty() {
            self.length = MAGIC.len() as u64;
            self.file.set_len(self.length)?;
        }
        self.append(&Frame::Acked(up_to).encode())
    }

    /// The oldest slots that the controller does not have, at most so many and at least one if
    /// there is one, in at most about so many bytes.
    #[must_use]
    pub fn oldest(&self, most: usize, bytes: usize) -> Vec<NumberedSlot> {
        let (mut out, mut total) = (Vec::new(), 0usize);
        for place in self.kept.iter().take(most) {
            total = total.saturating_add(place.length);
            if total > bytes && !out.is_empty() {
                break;
            }
            out.extend(self.read(*place));
        }
        out
    }

    /// Whether the controller has everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Size of the file in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.length
    }

    fn read(&self, place: Place) -> Option<NumberedSlot> {
        let mut bytes = vec![0; place.length];
        self.file.read_exact_at(&mut bytes, place.at).ok()?;
        match Frame::decode(&bytes)? {
            (Frame::Slot(slot), _) => Some(slot),
            _ => None,
        }
    }

    fn append(&mut self, frame: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all_at(frame, self.length) {
            // Best effort: a torn end is written over, now or at the next start.
            let _ = self.file.set_len(self.length);
            return Err(error);
        }
        self.length += frame.len() as u64;
        Ok(())
    }

    fn begin_anew(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.write_all_at(&MAGIC, 0)?;
        self.length = MAGIC.len() as u64;
        Ok(())
    }

    /// Puts a file with the newest slots in place of this one, all or nothing.
    fn shorten(&mut self, bound: u64) -> io::Result<()> {
        let mut total = 0u64;
        let newest = self.kept.iter().rev().take_while(|place| {
            total = total.saturating_add(place.length as u64);
            total <= bound
        });
        let keep = newest.count();
        let gone = self.kept.len() - keep;
        if gone > 0 {
            tracing::warn!(slots = gone, "the spool of baselines is full; the oldest slots go");
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&Frame::Acked(self.acked).encode());
        let mut kept = VecDeque::with_capacity(keep);
        for place in self.kept.iter().skip(gone) {
            let at = bytes.len();
            bytes.resize(at + place.length, 0);
            self.file.read_exact_at(&mut bytes[at..], place.at)?;
            kept.push_back(Place { at: at as u64, ..*place });
        }
        let aside = self.path.with_extension("new");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(&aside)?;
        file.write_all_at(&bytes, 0)?;
        file.sync_all()?;
        fs::rename(&aside, &self.path)?;
        (self.file, self.length, self.kept) = (file, bytes.len() as u64, kept);
        Ok(())
    }
}
