//! Incidents: one cause from its beginning to its end, and the way to people.
//!
//! ```text
//! plan.alerts ─▶ reconcile (pure) ─▶ Change ─▶ store, with the plan that it follows from
//!                                                └─ a row for each receiver: the outbox
//! courier, one task per receiver: what is due ─▶ message ─▶ HTTP ─▶ taken, or tried again later
//! silencer, one task per Alertmanager: hosts that are away by our doing ─▶ short silences
//! ```
//!
//! An alert that the planner no longer gives is over; `reconcile` knows the few causes that
//! outlast the planner's word. Deliveries are at least once: a controller that dies between a
//! send and its record sends again, under the same idempotency key.

mod courier;
mod message;
mod model;
mod receiver;
mod reconcile;
mod retry;
mod silencer;
mod story;
#[cfg(test)]
mod tests;
mod view;

pub use courier::{Desk, start};
pub use model::{Addressee, Change, Delivery, Incident, Story};
pub use reconcile::reconcile;
pub use story::story;
pub use view::{incident_view, receiver_views};
