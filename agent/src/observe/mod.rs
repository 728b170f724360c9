//! What this host is and how it stands, read from `/proc`, `/sys`, `/boot`, `/run` and `/var/log`.
//!
//! Nothing here changes anything, asks for privileges, or fails: what cannot be read is left out,
//! and what it means that it is missing is decided by those who asked.

mod boot;
mod evidence;
mod facts;
mod guard;
mod kernels;
mod wtmp;

pub use boot::{BootFacts, UnknownBoot, boot_facts, clocks};
pub use evidence::{Evidence, last_end, mark_shutdown, read_saved, save, take_shutdown_mark};
pub use facts::facts;
pub use guard::{GuardRules, guard};
pub use kernels::installed_kernels;
