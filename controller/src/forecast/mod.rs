//! How long a rollout will take, and how many hosts it takes away at once, before it is begun.
//!
//! The shipping planner runs the rollout some times over, on hosts that answer as real ones would
//! but take sampled times. Nothing fails in a forecast: it says how long the rollout takes if the
//! kernel is good. It does not learn from past rollouts yet.

mod run;
mod summary;
#[cfg(test)]
mod tests;

pub use summary::{Forecast, forecast};
