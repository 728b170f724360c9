//! Everything survives the wire, what is missing is named, and the wire is what it was.

mod bounds;
mod draw;
mod draw_alert;
mod draw_gate;
mod draw_rollout;
mod draw_view;
mod drop;
mod golden;
mod survive;
