//! What the planner reads and what it says.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use wavegate_common::{
    Alert, Assessment, Command, Generation, Inventory, PermitAnswer, PermitRequest, PlanReport,
    RolloutId, Timestamp,
};

use crate::event::Event;
use crate::policy::Policy;
use crate::state::{KnownBad, Rollout};

/// Everything the planner may know, read in one go.
#[derive(Debug, Clone, Copy)]
pub struct PlanningInput<'a> {
    /// The controller's clock.
    pub now: Timestamp,
    /// Since when this controller has been up: from silence before that nothing follows.
    pub up_since: Timestamp,
    /// Generation of the last committed plan.
    pub parent: Generation,
    /// What holds for every rollout.
    pub policy: &'a Policy,
    /// The last report of every host.
    pub inventory: &'a Inventory,
    /// Rollouts that are not over, sorted by id.
    pub rollouts: &'a [Rollout],
    /// The last report of each of them.
    pub reports: &'a BTreeMap<RolloutId, PlanReport>,
    /// What went wrong before.
    pub known_bad: &'a KnownBad,
    /// What the gate's statistics say of each rollout whose specification asks for it.
    pub assessments: &'a BTreeMap<RolloutId, Assessment>,
    /// Hosts that ask for a permit and have not been answered.
    pub permit_requests: &'a [PermitRequest],
}

/// What to do. Made from the parent generation; worth nothing if another plan was committed
/// in between.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The generation it was made from; it becomes `parent.next()` when it is committed.
    pub parent: Generation,
    /// What happens to the rollouts, in order.
    pub events: Vec<Event>,
    /// Every order that is open after these events, one per host at most: the outbox.
    pub commands: Vec<Command>,
    /// Answers to the permit requests. A grant has its `Permitted` event in `events`.
    pub permits: Vec<PermitAnswer>,
    /// What people must be told.
    pub alerts: Vec<Alert>,
    /// Why who waits, one per rollout.
    pub reports: Vec<PlanReport>,
}

impl Plan {
    /// Whether nothing happens: no event, no answer. Reports may still say something new, and
    /// alerts are repeated as long as their cause lasts; their key tells whether they are known.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.events.is_empty() && self.permits.is_empty()
    }
}

/// An invariant that a plan would break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Number of the invariant, for example 1 for I1.
    pub invariant: u8,
    /// In which rollout.
    pub rollout: Option<RolloutId>,
    /// How.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "I{}: {}", self.invariant, self.text)
    }
}
