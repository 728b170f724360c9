//! Crashes that are alike: from the text of a kernel log to a signature, and what a new signature
//! stops.
//!
//! - [`normal`]: a line without what differs from crash to crash.
//! - [`parse`]: the first crash of a log.
//! - [`book`]: which signatures are known, and what a new one freezes.

pub mod book;
pub mod normal;
pub mod parse;

pub use book::{Freeze, Sighting, freeze};
pub use parse::{Signature, signature};
