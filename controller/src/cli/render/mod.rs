//! Views as text for people, at most 100 columns wide unless `-o wide` is asked for. Pure: the
//! time comes in, so that every page is tested as text. It adds nothing to what the view says.

pub mod alert;
pub mod audit;
pub mod baseline;
pub mod gate;
pub mod host;
pub mod kernel;
pub mod live;
pub mod paint;
pub mod plan;
pub mod rollout;
#[cfg(test)]
pub(crate) mod samples;
pub mod signal;
pub mod table;
pub mod time;
pub mod token;
pub mod why;
