//! Signals of outside sources.

use serde::{Deserialize, Serialize};

use crate::signal::SignalReading;

/// What every source said last, by name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SignalList {
    /// One for each source of the configuration.
    pub readings: Vec<SignalReading>,
}
