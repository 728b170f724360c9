//! What must survive: SQLite in WAL mode with full sync.
//!
//! * One writer thread takes jobs from a bounded queue and puts all that wait into one
//!   transaction ([`writer`]); a job is answered after its commit is on disk.
//! * Plans are committed by compare-and-set on the generation ([`Store::commit`]), so that of
//!   two controllers on one file one wins and the other plans again.
//! * Heartbeats write nothing; when a host was last heard of is kept about once a minute.
//! * Row types are private to this folder; what comes out are values of the domain.
//! * Baselines are bounded per host, and merged when they are old ([`baselines`]).
//!
//! There is no second engine and no trait yet: the in-memory fake of a database is a database.

mod audit;
mod baselines;
mod commit;
mod copy;
mod error;
mod events;
mod evidence;
mod handle;
mod hosts;
mod incidents;
mod json;
mod lock;
mod measures;
mod meta;
mod migrate;
mod open;
mod operators;
mod outbox;
mod people;
mod plans;
mod releases;
mod rollouts;
mod silences;
mod snapshot;
mod tokens;
mod writer;

#[cfg(test)]
mod baseline_tests;
#[cfg(test)]
mod tests;

pub use audit::StoredEntry;
pub use baselines::StoredBoot;
pub use commit::{Commit, Committed};
pub use copy::{Copied, copy, verify_audit_of};
pub use error::StoreError;
pub use events::StoredEvent;
pub use evidence::StoredEvidence;
pub use handle::{FILE, Store, StoreThreads};
pub use hosts::{HostFacts, StoredHost};
pub use lock::{Lock, LockState};
pub use operators::StoredOperator;
pub use outbox::{DueQuery, Outcome as Sent};
pub use people::Joins;
pub use releases::{StoredArtifact, StoredRelease};
pub use rollouts::{ChangedRollout, Header};
pub use silences::StoredSilence;
pub use snapshot::Snapshot;
pub use tokens::StoredToken;
