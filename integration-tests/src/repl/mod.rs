//! A simulated fleet at one's fingertips: commands as text, answers as text. Scenario files are
//! scripts for it, with golden output beside them.
//!
//! It deliberately speaks no protocol: it is the simulator's world without faults of its own,
//! moved and broken by hand.

mod commands;
mod parse;
mod session;
mod show;

pub use session::Session;
