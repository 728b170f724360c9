//! Signals of outside sources: what Prometheus says about hosts, asked again and again by tasks
//! beside the driver. Nothing is decided here; the latest reading of each source, with its age,
//! is for gates to consume.

mod board;
mod hosts;
mod prometheus;
mod round;

pub use board::{Board, start};
