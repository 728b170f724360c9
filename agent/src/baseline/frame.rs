//! Frames of the spool as bytes and back. No input or output.
//!
//! A frame is: 4 bytes mark, 4 bytes length of the payload, 4 bytes CRC-32 of length and
//! payload, payload. Numbers are little-endian. The first byte of the payload says what it is.
//! Unlike those of the ledger, frames are not linked: a slot that is lost is lost, and takes no
//! other with it.

use wavegate_common::baseline::NumberedSlot;

/// The longest payload, in bytes.
pub(super) const LONGEST: usize = 256 << 10;
const MARK: [u8; 4] = [0xF5, b'w', b'b', 0xFA];
/// What a frame takes beside its payload.
pub(super) const HEAD: usize = MARK.len() + 4 + 4;

const SLOT: u8 = 1;
const OPEN: u8 = 2;
const ACKED: u8 = 3;

/// What a frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Frame {
    /// A slot.
    Slot(NumberedSlot),
    /// One that had begun when the agent was stopped.
    Open(NumberedSlot),
    /// The controller has everything up to this number.
    Acked(u64),
}

impl Frame {
    pub(super) fn encode(&self) -> Vec<u8> {
        let (kind, body) = match self {
            Self::Slot(slot) => (SLOT, slot.encode()),
            Self::Open(slot) => (OPEN, slot.encode()),
            Self::Acked(up_to) => (ACKED, up_to.to_le_bytes().to_vec()),
        };
        let length = u32::try_from(body.len() + 1).unwrap_or(u32::MAX).to_le_bytes();
        let mut out = Vec::with_capacity(HEAD + 1 + body.len());
        out.extend_from_slice(&MARK);
        out.extend_from_slice(&length);
        out.extend_from_slice(&checksum(length, &[&[kind], &body]).to_le_bytes());
        out.push(kind);
        out.extend_from_slice(&body);
        out
    }

    /// The frame at the beginning of these bytes, and how many it takes.
    pub(super) fn decode(bytes: &[u8]) -> Option<(Self, usize)> {
        let rest = bytes.strip_prefix(&MARK)?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (sum, rest) = rest.split_first_chunk::<4>()?;
        let size = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|s| *s <= LONGEST)?;
        let payload = rest.get(..size)?;
        if u32::from_le_bytes(*sum) != checksum(*length, &[payload]) {
            return None;
        }
        let (kind, body) = payload.split_first()?;
        let frame = match *kind {
            SLOT => Self::Slot(NumberedSlot::decode(body).ok()?),
            OPEN => Self::Open(NumberedSlot::decode(body).ok()?),
            ACKED => Self::Acked(u64::from_le_bytes(body.try_into().ok()?)),
            _ => return None,
        };
        Some((frame, HEAD + size))
    }

    /// The next whole frame at or behind `at`: its place, itself, its length.
    pub(super) fn find(bytes: &[u8], at: usize) -> Option<(usize, Self, usize)> {
        (at..bytes.len()).find_map(|at| {
            let (frame, length) = Self::decode(&bytes[at..])?;
            Some((at, frame, length))
        })
    }
}

fn checksum(length: [u8; 4], parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}
