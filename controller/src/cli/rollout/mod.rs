//! `wavegate rollout`: plan, apply, watch, stop, roll back. One file per command; the verbs that
//! take a rollout and a reason share one.

mod apply;
mod change;
mod command;
mod history;
mod plan;
mod status;
mod watch;
mod why;

pub use command::Command;
pub(super) use command::run;
pub use watch::exit_of;
