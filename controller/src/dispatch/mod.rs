//! Hands open orders and answers to the streams of hosts.
//!
//! Owned by the driver, so that nothing here needs a lock: a stream hands in its end when it
//! begins, and the driver puts into it what has been committed. An order is a state, not a
//! message: the lane always holds the newest one, and the stream sends it again while it is open.

mod lane;

pub use lane::{Lane, LaneEnd, LaneId, Lanes, lane};
