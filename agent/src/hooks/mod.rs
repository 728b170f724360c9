//! Executables of the operator that take the workload away before a switch and bring it back
//! afterwards.
//!
//! Hooks run one after another in the order of their names, as the agent's user, with an order in
//! JSON on standard input. Exit status 0 means done, 75 means "not now, try later" (the first
//! line of the output is shown to people), anything else means failed. What others could write to
//! is not run at all.

mod dir;
mod run;

pub use dir::{HookError, hooks_in};
pub use run::{HookOrder, drain, undrain};
