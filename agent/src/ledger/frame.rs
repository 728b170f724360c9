//! Records as bytes and back. No input or output.
//!
//! A frame is: 4 bytes mark, 4 bytes length of the payload, 4 bytes CRC-32 of what follows it
//! and of the length, 16 bytes link, payload (JSON). Numbers are little-endian. The link is the
//! beginning of SHA-256 over the link before and the payload, so that a record that was taken
//! out, doubled or put elsewhere does not go unnoticed.

use sha2::{Digest as _, Sha256};

use crate::machine::Record;

/// The longest payload, in bytes. A longer one is never written and never believed.
pub const MAX_RECORD: usize = 64 * 1024;

/// No JSON text holds these bytes, so that a frame is found again behind a bad one.
const MARK: [u8; 4] = [0xF5, b'w', b'g', 0xFA];
const LINK: usize = 16;
const HEAD: usize = MARK.len() + 4 + 4 + LINK;

/// The link of the last record; all zeros before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Chain([u8; LINK]);

impl Chain {
    /// The link after a frame that `encode` made under this one.
    #[must_use]
    pub fn after(&self, frame: &[u8]) -> Self {
        self.over(frame.get(HEAD..).unwrap_or_default())
    }

    fn over(&self, payload: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(self.0).chain_update(payload).finalize();
        let mut link = [0; LINK];
        link.copy_from_slice(&digest[..LINK]);
        Self(link)
    }
}

/// What some bytes hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The longest prefix that reads back whole, oldest first.
    pub records: Vec<Record>,
    /// How many bytes it takes.
    pub good_len: usize,
    /// Something good follows something bad, or a whole record says what this version does not
    /// understand: this is not the tail of a write that was cut short.
    pub damaged: bool,
    /// The link of the last good record.
    pub chain: Chain,
}

/// The bytes of one record that follows `prev`.
#[must_use]
pub fn encode(prev: &Chain, record: &Record) -> Vec<u8> {
    let payload =
        serde_json::to_vec(record).expect("a record is strings, numbers, lists and enums");
    let len = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let link = prev.over(&payload).0;
    let mut frame = Vec::with_capacity(HEAD + payload.len());
    frame.extend_from_slice(&MARK);
    frame.extend_from_slice(&len);
    frame.extend_from_slice(&checksum(len, &link, &payload).to_le_bytes());
    frame.extend_from_slice(&link);
    frame.extend_from_slice(&payload);
    frame
}

/// Reads as many records as are whole. Never fails: what cannot be read is told by `good_len`
/// and `damaged`.
#[must_use]
pub fn decode(bytes: &[u8]) -> Decoded {
    let mut out =
        Decoded { records: Vec::new(), good_len: 0, damaged: false, chain: Chain::default() };
    while let Some(frame) = Frame::at(bytes, out.good_len) {
        let chain = out.chain.over(frame.payload);
        let record = serde_json::from_slice(frame.payload).ok().filter(|_| chain == frame.link);
        let Some(record) = record else {
            out.damaged = true;
            return out;
        };
        out.records.push(record);
        out.chain = chain;
        out.good_len += HEAD + frame.payload.len();
    }
    out.damaged = (out.good_len + 1..bytes.len()).any(|at| Frame::at(bytes, at).is_some());
    out
}

/// A frame whose checksum fits.
struct Frame<'a> {
    link: Chain,
    payload: &'a [u8],
}

impl<'a> Frame<'a> {
    fn at(bytes: &'a [u8], offset: usize) -> Option<Self> {
        let rest = bytes.get(offset..)?.strip_prefix(&MARK)?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let (sum, rest) = rest.split_first_chunk::<4>()?;
        let (link, rest) = rest.split_first_chunk::<LINK>()?;
        let size = usize::try_from(u32::from_le_bytes(*len)).ok().filter(|s| *s <= MAX_RECORD)?;
        let payload = rest.get(..size)?;
        let fits = u32::from_le_bytes(*sum) == checksum(*len, link, payload);
        fits.then_some(Self { link: Chain(*link), payload })
    }
}

fn checksum(len: [u8; 4], link: &[u8; LINK], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&len);
    hasher.update(link);
    hasher.update(payload);
    hasher.finalize()
}
