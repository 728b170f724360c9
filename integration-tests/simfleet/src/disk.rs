//! The disk of a simulated host, as far as the agent's ledger is on it.

use wavegate_agent::ledger::{Chain, compact, decode, encode};
use wavegate_agent::machine::Record;

/// The size from which on the ledger is compacted when it is read: small, so that simulations
/// meet it often.
const COMPACT_AT: usize = 4_096;

/// Bytes that survive everything, and a record that may be cut short.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    bytes: Vec<u8>,
    chain: Chain,
    damaged: bool,
    pub(crate) full: bool,
    /// Share of the next record, in percent, that will be written before the agent dies.
    pub(crate) tear_next: Option<u8>,
}

/// What came of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Appended {
    /// It is durable.
    Durable,
    /// The disk was full: nothing was written.
    Refused,
    /// The agent died while it was written, or right after.
    Torn {
        /// All of it is on the disk.
        whole: bool,
    },
}

impl Disk {
    /// Writes a record behind the others.
    pub(crate) fn append(&mut self, record: &Record) -> Appended {
        if self.full || self.damaged {
            return Appended::Refused;
        }
        let frame = encode(&self.chain, record);
        if let Some(percent) = self.tear_next.take() {
            let keep = frame.len() * usize::from(percent.min(100)) / 100;
            self.bytes.extend(frame.iter().take(keep));
            return Appended::Torn { whole: percent >= 100 };
        }
        self.chain = self.chain.after(&frame);
        self.bytes.extend(frame);
        Appended::Durable
    }

    fn rewrite(&mut self, records: &[Record]) {
        self.bytes.clear();
        self.chain = Chain::default();
        for record in records {
            let frame = encode(&self.chain, record);
            self.chain = self.chain.after(&frame);
            self.bytes.extend(frame);
        }
    }

    /// A byte in the middle goes bad.
    pub(crate) fn rot(&mut self) {
        let middle = self.bytes.len() / 2;
        if let Some(byte) = self.bytes.get_mut(middle) {
            *byte ^= 0x40;
        }
    }

    /// What a fresh agent reads: the records, and whether there was a hole. A torn tail is cut
    /// off, so that what is written next stands behind whole records.
    pub(crate) fn read(&mut self) -> (Vec<Record>, bool) {
        let read = decode(&self.bytes);
        self.damaged = read.damaged;
        self.chain = read.chain;
        if !read.damaged {
            self.bytes.truncate(read.good_len);
        }
        if read.damaged || self.bytes.len() < COMPACT_AT {
            return (read.records, read.damaged);
        }
        let records = compact(&read.records);
        self.rewrite(&records);
        (records, false)
    }
}
