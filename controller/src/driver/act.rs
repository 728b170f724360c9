//! What operators ask for. Each request is its own commit, with its audit entry in it.

use wavegate_common::inventory::Hold;
use wavegate_common::view::Role;
use wavegate_common::{Digest, HostId, RolloutId, RolloutPhase, RolloutSpec, Timestamp};
use wavegate_core::{Request, request};

use super::draft::Draft;
use super::handle::Stopped;
use super::propose::{Fleet, differences, propose};
use super::run::Driver;
use crate::audit::{Entry, Outcome};
use crate::clock;
use crate::store::{StoreError, StoredArtifact, StoredRelease};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Their name, from the certificate.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// From which address.
    pub from: String,
}

impl Actor {
    /// An audit entry in their name.
    #[must_use]
    pub fn entry(&self, act: &str, target: String, reason: &str) -> Entry {
        Entry {
            at: clock::now(),
            who: self.name.clone(),
            role: self.role.to_string(),
            from: self.from.clone(),
            act: act.to_owned(),
            target,
            reason: reason.to_owned(),
            outcome: Outcome::Done,
        }
    }
}

/// What they ask for.
#[derive(Debug, Clone)]
pub enum Ask {
    /// Something of a rollout.
    Rollout {
        /// Which.
        id: RolloutId,
        /// What.
        request: Request,
    },
    /// To begin the rollout that was planned.
    Start {
        /// What is asked for.
        spec: Box<RolloutSpec>,
        /// The plan that was shown; none takes the fleet as it is.
        plan: Option<Digest>,
        /// It begins only when somebody has approved.
        draft: bool,
    },
    /// To hold hosts, or to let them go.
    Hold {
        /// Which.
        hosts: Vec<HostId>,
        /// Hold or let go.
        held: bool,
    },
    /// To register a kernel, with its file if it came with one.
    Register {
        /// The kernel.
        release: Box<StoredRelease>,
        /// Its file.
        artifact: Option<StoredArtifact>,
    },
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// Something changed in this rollout.
    Rollout(RolloutId),
    /// These hosts are concerned.
    Hosts(Vec<HostId>),
    /// A kernel was registered.
    Registered,
}

/// Why it was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// What is asked for cannot be as it is.
    #[error("{0}")]
    Invalid(String),
    /// Something of that name is there already.
    #[error("{0}")]
    Taken(String),
    /// The fleet is not what it was when the plan was shown.
    #[error("{0}")]
    Moved(String),
    /// The state of things does not allow it.
    #[error("{0}")]
    NotNow(String),
    /// The store cannot be written, or the controller goes down.
    #[error("{0}")]
    Unavailable(String),
}

impl From<Stopped> for Refusal {
    fn from(stopped: Stopped) -> Self {
        Self::Unavailable(stopped.to_string())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl Driver {
    /// Does what was asked, or says why not. If another controller commits in between, the
    /// request is judged again on what that one made of the world.
    pub(super) async fn act(
        &mut self,
        actor: &Actor,
        reason: &str,
        ask: Ask,
    ) -> Result<Done, Refusal> {
        for _ in 0..5 {
            // Another controller may have made what is asked about.
            if self.store.generation().await? != self.world.generation {
                self.reload().await?;
            }
            let now = clock::now();
            let (draft, done) = self.draft_of(actor, reason, ask.clone(), now)?;
            match self.commit(draft).await {
                Ok(_) => return Ok(done),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Refusal::Unavailable(
            "another controller on the same store is faster; ask again".to_owned(),
        ))
    }

    fn draft_of(
        &self,
        actor: &Actor,
        reason: &str,
        ask: Ask,
        now: Timestamp,
    ) -> Result<(Draft, Done), Refusal> {
        match ask {
            Ask::Rollout { id, request } => self.change(actor, reason, id, &request, now),
            Ask::Start { spec, plan, draft } => {
                self.begin(actor, reason, (&spec, plan, draft), now)
            }
            Ask::Hold { hosts, held } => self.hold(actor, reason, hosts, held, now),
            Ask::Register { release, artifact } => {
                let target = release.release.name.to_string();
                let mut draft = self.nothing(now)?;
                draft.commit.releases.push(*release);
                draft.commit.artifacts.extend(artifact);
                draft.commit.audit.push(actor.entry("kernel.add", target, reason));
                Ok((draft, Done::Registered))
            }
        }
    }

    fn nothing(&self, now: Timestamp) -> Result<Draft, Refusal> {
        Draft::of_events(&self.world, Vec::new(), now)
            .map_err(|illegal| Refusal::NotNow(illegal.to_string()))
    }

    fn change(
        &self,
        actor: &Actor,
        reason: &str,
        id: RolloutId,
        wanted: &Request,
        now: Timestamp,
    ) -> Result<(Draft, Done), Refusal> {
        let rollout = self.world.rollout(id).ok_or_else(|| {
            Refusal::NotNow(format!("rollout {id} is over; nothing can change in it any more"))
        })?;
        if *wanted == Request::Approve && rollout.created_by == actor.name {
            return Err(Refusal::NotNow(format!(
                "{} made {id}: a second person must approve it",
                actor.name
            )));
        }
        if let Request::Exclude { hosts } = wanted
            && let Some(stranger) = hosts.iter().find(|host| rollout.host(**host).is_none())
        {
            return Err(Refusal::NotFound(format!(
                "host {stranger} is not in rollout {id}; `wavegate host hold` keeps a host out of the next one"
            )));
        }
        let events = request(rollout, wanted, &actor.name, reason, now)
            .map_err(|refused| Refusal::NotNow(refused.to_string()))?;
        let mut draft = Draft::of_events(&self.world, events, now)
            .map_err(|illegal| Refusal::NotNow(illegal.to_string()))?;
        // The person's own entry stands for the commit.
        draft.commit.audit = vec![actor.entry(verb(wanted), id.to_string(), reason)];
        Ok((draft, Done::Rollout(id)))
    }

    fn begin(
        &self,
        actor: &Actor,
        reason: &str,
        (spec, plan, draft_only): (&RolloutSpec, Option<Digest>, bool),
        now: Timestamp,
    ) -> Result<(Draft, Done), Refusal> {
        let release = self.world.releases.get(&spec.release).ok_or_else(|| {
            Refusal::NotFound(format!(
                "kernel `{}` is not registered; `wavegate kernel list` shows which are",
                spec.release
            ))
        })?;
        let mut live = self.world.rollouts.iter();
        if let Some(other) = live.find(|rollout| rollout.spec.name == spec.name) {
            return Err(Refusal::Taken(format!(
                "a rollout called `{}` is under way: {}; give this one another name",
                spec.name, other.id
            )));
        }
        let fleet = Fleet::from(&self.world);
        let proposed = propose(&fleet, spec, &release.release, &actor.name, now)
            .map_err(|error| Refusal::NotNow(error.to_string()))?;
        if let Some(plan) = plan
            && plan != proposed.hash
        {
            return Err(Refusal::Moved(self.why_not(plan, &proposed)));
        }
        let why = format!("{reason} (plan {})", proposed.hash);
        let mut rollout = proposed.prepared.rollout;
        if draft_only {
            rollout.phase = RolloutPhase::Draft;
        }
        let id = rollout.id;
        let mut draft = self.nothing(now)?;
        draft.commit.made.push(rollout);
        draft.commit.audit = vec![actor.entry("rollout.apply", id.to_string(), &why)];
        Ok((draft, Done::Rollout(id)))
    }

    fn why_not(&self, hash: Digest, proposed: &super::propose::Proposed) -> String {
        let again = format!(
            "plan again and look at it before you apply it (it would be plan {} now)",
            proposed.hash
        );
        let Some((_, id, shown)) = self.shown.iter().find(|(known, ..)| *known == hash) else {
            return format!(
                "no plan of this hash is known here: the fleet has moved, the specification is another, or the controller was restarted; {again}"
            );
        };
        let what = if *id == self.world.next_rollout {
            differences(shown, &proposed.membership, &self.world.inventory)
        } else {
            format!(
                "another rollout was made since; {}",
                differences(shown, &proposed.membership, &self.world.inventory)
            )
        };
        format!("the fleet moved under the plan: {what}; {again}")
    }

    fn hold(
        &self,
        actor: &Actor,
        reason: &str,
        hosts: Vec<HostId>,
        held: bool,
        now: Timestamp,
    ) -> Result<(Draft, Done), Refusal> {
        let mut draft = self.nothing(now)?;
        let act = if held { "host.hold" } else { "host.release" };
        for host in &hosts {
            let hold = held.then(|| Hold { by: actor.name.clone(), reason: reason.to_owned() });
            draft.commit.holds.push((*host, hold));
            draft.commit.audit.push(actor.entry(act, host.to_string(), reason));
        }
        Ok((draft, Done::Hosts(hosts)))
    }
}

fn verb(request: &Request) -> &'static str {
    match request {
        Request::Pause => "rollout.pause",
        Request::Resume { .. } => "rollout.resume",
        Request::Abort => "rollout.abort",
        Request::Rollback => "rollout.rollback",
        Request::Approve => "rollout.approve",
        Request::Accept { .. } => "rollout.accept",
        Request::Exclude { .. } => "host.exclude",
    }
}
