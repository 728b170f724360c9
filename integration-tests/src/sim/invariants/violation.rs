//! What broke.

/// An invariant that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its number, for example 1 for I1.
    pub invariant: u8,
    /// When.
    pub at: wavegate_simfleet::Moment,
    /// How.
    pub text: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "I{} at {}: {}", self.invariant, crate::sim::trace::clock(self.at), self.text)
    }
}
