//! From what the driver and the store know to what operators see. One place, so that the command
//! line, a page and an alert agree by construction.

mod baseline;
mod event;
mod host;
mod plan;
mod rollout;
mod why;

pub use baseline::baseline;
pub use event::event;
pub use host::{host, host_ref, host_why};
pub use plan::plan;
pub use rollout::{Known, rollout};
pub use why::rollout_why;
