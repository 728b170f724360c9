//! What the gate's statistics say of open rollouts: gathered from what hosts measured, beside the
//! driver, because it costs more than a pass may. The planner takes the answer as a fact.

mod before;
mod gather;
mod metric;
mod replay;
mod task;

pub use before::Before;
pub(crate) use metric::unknown;
pub(crate) use replay::again;
pub use task::{Settings, start};
