//! The agent's journal: what it is about to do is on disk before it does it.
//!
//! One append-only file of framed records, each with a checksum and a link to the one before.
//! A torn tail is what a power cut leaves, and is cut off; a bad record with good ones behind it
//! is a hole, and then nobody can say what happened: the file is left alone and the agent
//! reports without acting. `frame` and `compact` are pure; `file` does the input and output.

mod compact;
mod file;
mod frame;

#[cfg(test)]
mod tests;

pub use compact::compact;
pub use file::{Ledger, LedgerError, Opened};
pub use frame::{Chain, Decoded, MAX_RECORD, decode, encode};
