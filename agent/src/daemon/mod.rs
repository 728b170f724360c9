//! The running agent: ties machine, ledger, link, worker and lookout together.
//!
//! One task owns the machine. Everything that happens reaches it as a message, it steps the
//! machine, and it carries the effects out in their order: the ledger at once and durably, what
//! takes time by handing it to the worker. It decides nothing itself.
//!
//! ```text
//!   link ──orders, permits──▶ ┌────────┐ ──jobs──▶ worker ──▶ hooks, actuator
//!        ◀──report, requests── │ daemon │ ◀─done───
//!   lookout ──surroundings──▶ └────────┘ ──records──▶ ledger
//! ```

mod keeper;
mod lookout;
mod report;
mod run;
mod start;
mod status_file;

#[cfg(test)]
mod tests;

pub use run::{DaemonError, identity_dir, run};
pub use status_file::{LinkState, StatusFile};
