//! Who did what, and why: an append-only log in which every entry is chained to the one before.
//!
//! The chain shows that something was changed or taken out; it does not stop somebody who may
//! write the database from making a new chain. Keep the last hash elsewhere to notice that too.

mod chain;
mod entry;

pub use chain::{Break, GENESIS, Verified, link, verify};
pub use entry::{Entry, Outcome};
