//! The root helper of the agent: a fixed list of verbs, no network, no shell.
//!
//! One process serves one request and ends; nothing stays in memory between requests. The agent
//! says *what* it wants in the words of [`wavegate_common::actuator`]; how it is done, with which
//! files and programs, is decided here. Every precondition is checked here again, however sure
//! the agent was.
//!
//! Everything is read and written below a [`Tree`], so that the adapters to boot loaders and
//! package managers are tested on recorded file systems; what cannot be tried out that way goes
//! through the one trait, [`Power`].

pub mod arm;
pub mod boot;
pub mod cmdline;
pub mod confirm;
pub mod error;
pub mod install;
pub mod kernel;
pub mod panics;
pub mod peer;
pub mod power;
pub mod probe;
pub mod program;
pub mod remember;
pub mod serve;
pub mod switch;
pub mod tree;
pub mod verbs;
pub mod watchdog;

pub use error::Error;
pub use power::{Leave, Power};
pub use serve::serve;
pub use tree::Tree;
pub use verbs::{Actuator, Verbs};
pub use watchdog::WatchdogPolicy;
