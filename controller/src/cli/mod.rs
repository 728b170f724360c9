//! The operators' command line, in kubectl's manner: data to stdout, talk to stderr, documented
//! exit codes. It decides nothing: it asks the controller and shows what it answers.

pub mod alert;
pub mod audit;
pub mod client;
pub mod completion;
pub mod context;
pub mod controller;
pub mod demo;
pub mod exit;
pub mod failure;
pub mod gate;
pub mod host;
pub mod kernel;
pub mod man;
pub mod operator;
pub mod output;
pub mod render;
pub mod rollout;
pub mod root;
pub mod session;
pub mod signal;
pub mod spec_file;
#[cfg(test)]
mod tests;
pub mod token;
pub mod topics;
pub mod upload;
pub mod version;
pub mod yaml;

pub use root::main;
