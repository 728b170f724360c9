//! What is known of each host: when it was watched, and when it rebooted unasked.

use wavegate_common::{FailureDomain, HostClass};

/// Which kernel a host runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arm {
    /// The new one.
    Canary,
    /// The old one.
    Control,
}

/// A time in which a host is at risk: it runs one kernel and its reboots would be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// On which kernel.
    pub arm: Arm,
    /// From, in milliseconds of any clock that all hosts share; inclusive.
    pub start: i64,
    /// Until, inclusive; none while it lasts.
    pub end: Option<i64>,
}

impl Span {
    /// Whether the host is at risk at this time.
    #[must_use]
    pub fn covers(&self, at: i64) -> bool {
        self.start <= at && self.end.is_none_or(|end| at <= end)
    }

    /// How long it lasts until `now`, in milliseconds.
    #[must_use]
    pub fn length(&self, now: i64) -> u64 {
        let end = self.end.map_or(now, |end| end.min(now));
        u64::try_from(end.saturating_sub(self.start)).unwrap_or(0)
    }
}

/// One host. A control that is updated later has two spans; it leaves the controls when it is
/// taken for the update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostLog {
    /// What it is compared with: only hosts of its class.
    pub class: HostClass,
    /// What it shares with others: a rack, a power feed. May be empty.
    pub domains: Vec<FailureDomain>,
    /// When it was watched, in order, without overlap.
    pub spans: Vec<Span>,
    /// When it rebooted unasked, in order.
    pub reboots: Vec<i64>,
}

impl HostLog {
    /// The arm that the host is at risk in at this time.
    #[must_use]
    pub fn arm_at(&self, at: i64) -> Option<Arm> {
        self.spans.iter().find(|span| span.covers(at)).map(|span| span.arm)
    }

    /// Whether it ever was in this arm until `now`.
    #[must_use]
    pub fn was(&self, arm: Arm, now: i64) -> bool {
        self.spans.iter().any(|span| span.arm == arm && span.start <= now)
    }
}
