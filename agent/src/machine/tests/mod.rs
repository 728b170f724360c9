//! Tests of the machine, one rule each, on a bench that keeps the ledger and the clocks.

mod bench;
mod boots;
mod ends;
mod leaving;
mod orders;
mod permits;
mod random;
#[cfg(feature = "sabotage")]
mod sabotaged;
mod trials;
mod world;
