//! What to do next: `decide` reads top-down as the policy.
//!
//! 1. [`judge`]: what do facts say of each order?
//! 2. [`sight`]: who is out of sight or ill, and how many may go down?
//! 3. [`gate`] and [`step`]: does the wave's gate open, close, or wait?
//! 4. [`permit`]: may the hosts that ask leave their boot now?
//! 5. [`choose`]: who begins, and why does everybody else not?
//! 6. [`report`]: say so.

mod assess;
mod choose;
mod gate;
mod judge;
mod memory;
mod pass;
mod permit;
mod report;
mod sight;
mod step;
mod wait;
mod work;

#[cfg(test)]
mod tests;

pub use pass::decide;
