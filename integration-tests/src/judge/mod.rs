//! Whole rollouts by the hundred, with noise that was measured on real machines: how often does
//! the gate stop a good kernel, and how far does a bad one get?
//!
//! The shipping planner, its second opinion and the shipping gate run on thousands of hosts that
//! do what they are told. What hosts measure is drawn from public measurements of machines on
//! which nothing changed; in every second rollout something is planted in one class.

mod noise;
mod plant;
mod score;
mod trial;

pub use noise::Pools;
pub use score::{Score, score};
pub use trial::{Ended, Setting, trial};
