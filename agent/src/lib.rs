//! The agent: a pure machine that decides what to do next, and a thin shell that does it.

pub mod act;
pub mod baseline;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod doctor;
pub mod durable;
pub mod health;
pub mod hooks;
pub mod ledger;
pub mod link;
pub mod machine;
pub mod observe;
pub mod process;
pub mod root;
