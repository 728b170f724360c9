//! The one stream between this host and its controller.
//!
//! The link carries and decides nothing: it says hello with the digest of the current report,
//! sends the report when it changed or is asked for, a heartbeat otherwise, permit requests at
//! once, and hands over what comes back. When the stream is lost it comes back after a random
//! part of the time that the controller named, so that a fleet does not come back at once.
//!
//! It knows nothing of the daemon around it: simulated hosts use it as it is.

mod enrol;
mod identity;
mod pace;
mod pin;
mod run;
mod session;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use enrol::{EnrolError, Enrolment, Trust, enroll, enroll_with};
pub use identity::{Identity, IdentityError};
pub use pace::Pace;
pub use run::{LinkConfig, LinkEnds, LinkEvent, Renewal, run_link};
