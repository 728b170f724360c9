//! Looking at a world from outside: for the trace, the repl and the golden outputs.

use wavegate_common::{Alert, HostId, PlanReport, RolloutId};
use wavegate_core::Rollout;
use wavegate_simfleet::{EPOCH, Moment, SimHost, Tally};

use super::trace::short_clock;

use super::world::World;

impl World {
    /// The simulated hosts, in the order of racks.
    pub fn hosts(&self) -> impl Iterator<Item = &SimHost> {
        self.seats.iter().map(|seat| &seat.host)
    }

    /// The place of the host of this name.
    #[must_use]
    pub fn place(&self, name: &str) -> Option<u32> {
        let mut places = self.seats.iter().zip(0u32..);
        places.find(|(seat, _)| seat.host.profile().name == name).map(|(_, at)| at)
    }

    /// The name of a host.
    #[must_use]
    pub fn name(&self, id: HostId) -> Option<&str> {
        let at = self.by_id.get(&id)?;
        self.seats.get(*at as usize).map(|seat| seat.host.profile().name.as_str())
    }

    /// Every rollout, open or over, by number.
    #[must_use]
    pub fn rollouts(&self) -> Vec<&Rollout> {
        let mut all: Vec<&Rollout> = self.store.rollouts.iter().chain(&self.store.over).collect();
        all.sort_by_key(|rollout| rollout.id);
        all
    }

    /// What the last committed plan says of a rollout.
    #[must_use]
    pub fn report(&self, id: RolloutId) -> Option<&PlanReport> {
        self.store.reports.get(&id)
    }

    /// What people were told.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.store.alerts.values()
    }

    /// What really happened, counted.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }
}

impl World {
    /// Where a host stands, why it does not move, since when, and what would release it.
    #[must_use]
    pub fn explain(&self, name: &str) -> String {
        use std::fmt::Write as _;
        let mut out = String::new();
        let Some(seat) = self.place(name).and_then(|at| self.seats.get(at as usize)) else {
            return format!("there is no host `{name}`\n");
        };
        let id = seat.host.profile().id;
        let runs = seat.host.running().map_or("nothing", |kernel| kernel.as_str());
        let _ = writeln!(out, "{name} runs {runs}, boots {}", seat.host.default_kernel());
        for rollout in self.rollouts() {
            let Some(host) = rollout.host(id) else { continue };
            let _ = writeln!(
                out,
                "  {} ({}): {} in wave {}",
                rollout.spec.name,
                rollout.phase.name(),
                host.phase.name(),
                host.wave
            );
            if let Some((on, since)) = self.report(rollout.id).and_then(|report| report.why(id)) {
                let since = short_clock(moment(since));
                let _ = writeln!(out, "  waits since {since} [{}]: {on}", on.kind());
                let _ = writeln!(out, "  until {}", on.released_by());
            }
        }
        out
    }
}

/// The moment at which a clock without fault showed this.
#[must_use]
pub fn moment(shown: wavegate_common::Timestamp) -> Moment {
    Moment(u64::try_from(shown.0 - EPOCH.0).unwrap_or(0))
}

impl World {
    /// Replaces what kernels do, from the next boots on.
    pub fn set_physics(&mut self, physics: &std::sync::Arc<wavegate_simfleet::Physics>) {
        for seat in &mut self.seats {
            seat.host.set_physics(std::sync::Arc::clone(physics));
        }
    }

    /// Takes a copy of the database.
    pub fn copy_database(&mut self) {
        self.copy = Some(Box::new(self.store.clone()));
        self.judge.copied(self.now);
    }

    /// Puts the copy in the database's place; the controllers start anew.
    pub fn restore_database(&mut self) {
        self.restore_store();
    }
}
