//! From a specification and an inventory to a rollout: who takes part (`members`), who are the
//! canaries (`canaries`), who is in which wave (`waves`).

mod canaries;
mod members;
mod proposal;
#[cfg(test)]
mod tests;
mod waves;

pub use proposal::{ClassCoverage, PrepareError, Prepared, Proposal, prepare};
