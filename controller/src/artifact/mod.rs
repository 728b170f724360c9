//! Files that hosts fetch: kept under the name of their digest, whole or not at all.
//!
//! A file that is still on its way in has the ending `.part` and is never served. It gets its
//! final name only after the digest of what is on disk was found to be right, so a broken upload,
//! a full disk or a crash leave nothing behind that a host could install.

mod intake;
mod shelf;

pub use intake::Intake;
pub use shelf::{ArtifactError, CHUNK, MAX_SIZE, Shelf};
