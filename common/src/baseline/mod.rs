//! What a host is like when nothing is wrong: distributions of a closed list of metrics, in slots
//! of five minutes, made on the host and merged anywhere.
//!
//! A [`Histogram`] keeps no samples and loses no counts; merging is addition. So a slot, an hour,
//! a boot or a whole class are the same kind of value, and it does not matter in which order they
//! were put together.

mod histogram;
mod metric;
mod series;
mod slot;
mod varint;

#[cfg(test)]
mod tests;

pub use histogram::{BUCKETS, Histogram};
pub use metric::{Better, MetricId, Unit, UnknownMetric};
pub use series::{HostSeries, SlotValue};
pub use slot::{BaselineSlot, Metrics, NumberedSlot, SLOT};
pub use varint::BadBytes;
