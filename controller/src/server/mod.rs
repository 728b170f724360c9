//! The running controller: everything put together on one port.
//!
//! Starts with nothing but a directory: makes its certificate authority, an admin's certificate
//! and a context file for the command, and says what to type next. A second start finds all of
//! it again.

mod address;
mod bootstrap;
mod error;
mod run;

#[cfg(test)]
mod tests;

pub use error::RunError;
pub use run::{Running, run, start};
