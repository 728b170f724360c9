//! People: they apply rollouts, and pause, resume, abort, roll back, hold and approve at random.

use wavegate_common::inventory::Hold;
use wavegate_common::{HostClass, HostId, PauseReason, RolloutId, RolloutPhase};
use wavegate_core::{Proposal, Request, prepare, request};
use wavegate_simfleet::Dice;

use super::compare::{Likeness, likeness};
use super::options::Wanted;
use super::world::World;

/// What a person does.
#[derive(Debug, Clone, Copy)]
pub(super) enum OperatorStep {
    /// Applies the rollout of this number.
    Apply(usize),
    /// Something, of the dice's choice.
    Anything(u64),
    /// After everything is mended: sees to what waits for a person.
    Tidy,
}

/// How often somebody sees to what waits for a person.
const TIDY_EVERY: wavegate_common::Millis = wavegate_common::Millis::mins(10);

impl World {
    pub(super) fn operator(&mut self, step: OperatorStep) {
        match step {
            OperatorStep::Apply(number) => {
                if let Some((_, wanted)) = self.options.rollouts.get(number).cloned()
                    && let Err(why) = self.apply_rollout(&wanted)
                {
                    self.say(None, || format!("operator: {} refused: {why}", wanted.spec.name));
                }
            }
            OperatorStep::Anything(seed) => self.do_something(&mut Dice::new(seed)),
            OperatorStep::Tidy => {
                self.tidy();
                self.later(TIDY_EVERY, super::step::Step::Operator(OperatorStep::Tidy));
            }
        }
    }

    /// Prepares and stores a rollout, on whichever controller is up.
    ///
    /// # Errors
    /// Why there is none.
    pub fn apply_rollout(&mut self, wanted: &Wanted) -> Result<RolloutId, String> {
        let at = self.some_controller().ok_or("no controller is up")?;
        self.catch_up(at);
        let id = self.store.last_rollout.next();
        let controller = self.controllers.get(at).ok_or("no controller is up")?;
        let proposal = Proposal {
            id,
            spec: &wanted.spec,
            release: &wanted.release,
            seed: self.options.seed,
            now: controller.wall(self.now),
            by: "ada",
            inventory: &controller.inventory,
            policy: &self.options.policy,
            known_bad: &self.store.known_bad,
            others: &self.store.rollouts,
        };
        let prepared = prepare(&proposal);
        self.judge.proposed(&self.seats, &wanted.spec, prepared.is_ok(), self.now);
        let rollout = prepared.map_err(|error| error.to_string())?.rollout;
        self.say(None, || format!("operator: applied {id} of {} hosts", rollout.hosts.len()));
        self.trace.hash(&[21, id.0, rollout.hosts.len() as u64]);
        self.judge.applied(&rollout, self.now);
        self.store.add_rollout(rollout);
        self.nudge(at, wavegate_common::Millis(10));
        Ok(id)
    }

    /// Asks for something and commits what follows.
    ///
    /// # Errors
    /// Why it was refused.
    pub fn ask(&mut self, id: RolloutId, wish: &Request, reason: &str) -> Result<(), String> {
        let at = self.some_controller().ok_or("no controller is up")?;
        let controller = self.controllers.get(at).ok_or("no controller is up")?;
        let wall = controller.wall(self.now);
        let rollout = self.store.rollout(id).ok_or("there is no such rollout")?;
        let by = if *wish == Request::Approve { "grace" } else { "ada" };
        let events = request(rollout, wish, by, reason, wall).map_err(|r| r.why)?;
        self.trace.hash(&[22, id.0, events.len() as u64]);
        self.commit_events(&events)?;
        self.say(None, || format!("operator: {wish:?} of {id}"));
        self.nudge(at, wavegate_common::Millis(10));
        Ok(())
    }

    /// Holds a host, or lets it go.
    pub fn hold(&mut self, host: HostId, reason: Option<&str>) {
        let hold = reason.map(|text| Hold { by: "ada".to_owned(), reason: text.to_owned() });
        self.store.holds.insert(host, hold);
    }

    fn do_something(&mut self, dice: &mut Dice) {
        let open: Vec<RolloutId> = self.store.rollouts.iter().map(|rollout| rollout.id).collect();
        let Some(id) = dice.pick(&open).copied() else { return };
        let wish = match dice.below(20) {
            0..7 => Request::Pause,
            7..13 => Request::Resume { retry: self.some_blocked(id, dice) },
            13 => Request::Rollback,
            14 => Request::Abort,
            15 => Request::Approve,
            16..18 => Request::Exclude { hosts: self.some_hosts(id, dice) },
            _ => {
                let hosts = self.some_hosts(id, dice);
                let held = dice.chance(600_000).then_some("maintenance");
                hosts.into_iter().for_each(|host| self.hold(host, held));
                return;
            }
        };
        if let Err(why) = self.ask(id, &wish, "as the dice fell") {
            self.say(None, || format!("operator: {wish:?} of {id} refused: {why}"));
        }
    }

    fn some_hosts(&self, id: RolloutId, dice: &mut Dice) -> Vec<HostId> {
        let Some(rollout) = self.store.rollout(id) else { return Vec::new() };
        let count = dice.between(1, 3);
        (0..count).filter_map(|_| dice.pick(&rollout.hosts)).map(|host| host.host).collect()
    }

    fn some_blocked(&self, id: RolloutId, dice: &mut Dice) -> Vec<HostClass> {
        let Some(rollout) = self.store.rollout(id) else { return Vec::new() };
        let blocked: Vec<u32> = rollout.blocked.keys().copied().collect();
        let class = dice.pick(&blocked).filter(|_| dice.clone().chance(400_000));
        class.and_then(|at| rollout.classes.get(*at as usize)).cloned().into_iter().collect()
    }

    /// Classes of a rollout of which nothing can be told.
    fn unclear(&self, id: RolloutId) -> Vec<HostClass> {
        let Some(rollout) = self.store.rollout(id).filter(|rollout| rollout.spec.is_compared())
        else {
            return Vec::new();
        };
        let classes = rollout.classes.iter().zip(0u32..);
        classes
            .filter(|(class, at)| {
                likeness(self.options.seed, rollout, class) == Likeness::Unclear
                    && !rollout.accepted.contains_key(at)
                    && !rollout.blocked.contains_key(at)
            })
            .map(|(class, _)| class.clone())
            .collect()
    }

    /// What a careful person does with everything that waits for one.
    fn tidy(&mut self) {
        let waiting: Vec<(RolloutId, RolloutPhase)> =
            self.store.rollouts.iter().map(|r| (r.id, r.phase.clone())).collect();
        for (id, phase) in waiting {
            let wish = match phase {
                RolloutPhase::Draft => Request::Approve,
                RolloutPhase::Paused { resume_to, .. } if resume_to.is_over() => continue,
                RolloutPhase::Paused { reason: PauseReason::Operator { .. }, .. } => {
                    Request::Resume { retry: Vec::new() }
                }
                RolloutPhase::Paused { reason: PauseReason::Gate { .. }, .. } => {
                    // One decision per rollout, whenever its gate closes.
                    match Dice::new(self.options.seed).fork(id.0).below(4) {
                        0 => continue,
                        1 => Request::Rollback,
                        2 => Request::Abort,
                        _ => Request::Resume { retry: Vec::new() },
                    }
                }
                RolloutPhase::Baking { .. } => Request::Accept { classes: self.unclear(id) },
                _ => continue,
            };
            if matches!(&wish, Request::Accept { classes } if classes.is_empty()) {
                continue;
            }
            if let Err(why) = self.ask(id, &wish, "tidying up") {
                self.say(None, || format!("operator: {wish:?} of {id} refused: {why}"));
            }
        }
        let held: Vec<HostId> =
            self.store.holds.iter().filter(|(_, h)| h.is_some()).map(|(id, _)| *id).collect();
        held.into_iter().for_each(|host| self.hold(host, None));
    }
}
