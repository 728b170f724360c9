//! A second opinion on a plan: other code than `decide`, written from the invariants. It runs on
//! every plan in production; a plan that breaks one is not committed.
//!
//! `budgets` holds I1, `orders` I2, I6, I7, I8, `gates` I3, I4, I9, I13, I14, and `waits` that
//! every host that does not move has exactly one reason.

mod budgets;
mod gates;
mod opinion;
mod orders;
#[cfg(test)]
mod tests;
mod waits;

pub use opinion::check;
