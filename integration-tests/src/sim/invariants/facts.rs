//! What the judge remembers of hosts, rollouts and orders.

use std::collections::{BTreeMap, BTreeSet};

use wavegate_common::{
    BootId, CommandId, Digest, Direction, FailureDomain, Generation, HostId, KernelRelease, Labels,
    Millis, Nonce, RolloutId, RolloutSpec, TransactionStep,
};
use wavegate_simfleet::Moment;

/// A host as it really is.
#[derive(Debug, Clone)]
pub(super) struct HostFacts {
    pub(super) name: String,
    pub(super) labels: Labels,
    pub(super) domains: Vec<FailureDomain>,
    pub(super) away_since: Option<Moment>,
    /// The rollout under whose order it is away, if one is known.
    pub(super) away_for: Option<RolloutId>,
    /// The order to change kernels that it began last.
    pub(super) works_on: Option<CommandId>,
    /// Since when a controller knows from the host itself that it is away.
    pub(super) told_away: Option<Moment>,
    pub(super) generation: Generation,
    /// It left a boot by our order and no kernel has come up since.
    pub(super) dark: bool,
    pub(super) booted_at: Moment,
    /// Since when no kernel has run.
    pub(super) down_since: Option<Moment>,
    /// When its stream, its agent or its state last changed.
    pub(super) disturbed: Option<Moment>,
    pub(super) healthy_since: Option<Moment>,
    pub(super) unhealthy_since: Option<Moment>,
    /// It was healthy for the whole soak in this boot.
    pub(super) soaked: bool,
    pub(super) last_switch: Option<Moment>,
    pub(super) proven: BTreeSet<KernelRelease>,
    pub(super) defaulted_at: Option<Moment>,
    /// The order that holds its slot, as committed.
    pub(super) holds: Option<CommandId>,
    /// Releases it fell back from.
    pub(super) bad: BTreeSet<Digest>,
    /// Those of them that a restored database has forgotten.
    pub(super) forgotten_bad: BTreeSet<Digest>,
    /// The ledger of the running agent has a hole.
    pub(super) damaged: bool,
    /// The last question it asked.
    pub(super) asked: Option<(CommandId, Nonce, BootId, Moment)>,
    /// Copies of orders that were legal when they arrived, and until when they may be begun.
    pub(super) legal: BTreeMap<CommandId, Moment>,
}

/// A rollout as it was committed.
#[derive(Debug, Clone)]
pub(super) struct RolloutFacts {
    pub(super) spec: RolloutSpec,
    pub(super) release: Digest,
    pub(super) members: BTreeMap<HostId, u16>,
    /// The highest wave that was let through; none before the canaries were.
    pub(super) opened: Option<u16>,
    /// Since when nothing may begin.
    pub(super) stopped: Option<Moment>,
}

/// An order to change kernels, as it was committed.
#[derive(Debug, Clone)]
pub(super) struct OrderFacts {
    pub(super) rollout: RolloutId,
    pub(super) host: HostId,
    pub(super) direction: Direction,
    /// When the plan was made that gave it.
    pub(super) ordered_at: Moment,
    /// It was given after the copy was taken from which the database was restored: nothing that
    /// is left knows of it.
    pub(super) forgotten: bool,
    pub(super) permitted: bool,
    /// Its slot was freed: it may not act any more.
    pub(super) closed: bool,
    pub(super) switches: u32,
    pub(super) intents: u32,
    pub(super) reverts: u32,
}

/// Whether a host works on an order that stands like this.
pub(super) fn is_open(step: &TransactionStep) -> bool {
    use TransactionStep as S;
    !matches!(
        step,
        S::Staged | S::Confirmed | S::Aborted { .. } | S::FellBack { .. } | S::Failed { .. }
    )
}

/// How long after the word a thing may still begin: the life of a permit, and a tick.
pub(super) const GRACE: Millis = Millis(5_050);

impl HostFacts {
    /// Whether the host has been up with a stream for so long that the controller must know.
    pub(super) fn heard_steadily(&self, seat: &crate::sim::world::Seat) -> bool {
        let steady = Millis::mins(3);
        seat.home.is_some()
            && seat.heard.is_some_and(|heard| heard.since(self.booted_at) > steady)
            && self.disturbed.is_none_or(|at| seat.heard.is_some_and(|h| h.since(at) > steady))
    }
}
