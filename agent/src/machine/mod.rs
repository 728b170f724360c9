//! The agent's machine: pure, `step(input, now) -> effects`. It reads no clock, touches no disk
//! and sends nothing; the shell does what the effects say, in their order, and tells it what
//! came of each.
//!
//! The ledger is its memory. `history` folds the records, `start` compares them with the running
//! boot, and every irreversible effect is preceded in its batch by the record that announces it.

mod accept;
mod activate;
mod arrive;
mod bounds;
mod config;
mod confirm;
mod guard;
mod history;
pub mod io;
mod jobs;
mod permit;
pub mod record;
pub mod sabotage;
mod settle;
mod stage;
mod start;
mod state;
mod status;
mod step;
mod trial;

#[cfg(test)]
mod tests;

pub use config::MachineConfig;
pub use io::{Done, DrainOutcome, Effect, Input, Now, Start, Surroundings};
pub use record::Record;
pub use state::Machine;
pub use status::Status;
