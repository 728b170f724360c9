//! The only place of the controller that reads the wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use wavegate_common::Timestamp;

/// Now, by this machine's wall clock. Before 1970 counts as 1970: a clock that is so wrong makes
/// every host look fresh, and the planner then waits for facts instead of acting on silence.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
