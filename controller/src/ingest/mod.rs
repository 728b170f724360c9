//! The stream of one host: facts in, orders out.
//!
//! Who speaks is in the certificate. What is said is checked, reports that say nothing new are
//! dropped here, and heartbeats end in one store to memory: nothing of this decides anything.

mod stream;

pub use stream::{Pace, Stream, serve};
