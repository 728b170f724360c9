//! The controller and the operators' command: one binary, wavegate.
//!
//! The way of the data: [`ingest`] takes facts in, the [`driver`] plans with the pure core and
//! commits to the [`store`], [`dispatch`] hands the open orders to the streams. Handlers of calls
//! never decide; the planner never waits; there is one writer.

pub mod artifact;
pub mod assess;
pub mod audit;
pub mod backup;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod dispatch;
pub mod driver;
pub mod forecast;
pub mod grpc;
pub mod incident;
pub mod ingest;
pub mod outbound;
pub mod server;
pub mod signal;
pub mod store;
pub mod trust;
pub mod view;
