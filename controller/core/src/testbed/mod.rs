//! A small fleet for tests of the planner: hosts that obey at once, unless told otherwise. The
//! simulator is the place for everything that is late, lost or doubled.

mod fleet;
pub(crate) use fleet::{Fleet, OLD, release, spec};
