//! The operators' service in domain types: a trait for the controller, a client for the command.
//!
//! What each call takes is in [`ask`]; what it answers is in `wavegate_common::view`. Which role
//! a call needs stands in one table here and is checked before the controller sees the call.

pub mod ask;
mod client;
mod server;
mod table;
#[cfg(test)]
mod tests;

pub use client::{OperatorClient, WatchStream};
pub use server::{OperatorApi, OperatorServer, Upload, Who};
