//! What is missing on this host for a switch that comes back by itself: watchdog, panic timeout,
//! boot loader, one-shot entry, space, kexec. Looks only; changes nothing.

mod findings;
mod item;

pub use findings::{Patient, examine};
pub use item::{Item, Level, worst};
