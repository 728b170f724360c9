//! The loop.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};
use wavegate_common::{BootId, Digest, Generation, HostId, PermitRequest, RolloutId};
use wavegate_core::Policy;

use super::handle::DriverHandle;
use super::message::Message;
use super::propose::Membership;
use super::world::World;
use crate::clock;
use crate::dispatch::Lanes;
use crate::incident::Addressee;
use crate::store::{HostFacts, Store, StoreError};

/// Messages that may wait. Streams that bring more are made to wait themselves.
const QUEUE: usize = 4_096;
/// Messages taken in before a pass at most, so that a storm of reports does not put it off.
const BATCH: usize = 4_096;
/// Plans shown to operators that are kept, to say what differs when one is applied.
pub(super) const SHOWN: usize = 16;
/// Keys of what was told already, before the oldest knowledge is thrown away.
const TOLD: usize = 100_000;

/// How the driver goes.
#[derive(Debug, Clone)]
pub struct DriverSettings {
    /// What holds for every rollout.
    pub policy: Arc<Policy>,
    /// How often it plans when nothing comes in.
    pub every: Duration,
    /// How often it keeps when hosts were last heard of.
    pub checkpoint: Duration,
    /// Who is told of incidents.
    pub addressees: Arc<[Addressee]>,
}

/// The state of the loop.
pub(super) struct Driver {
    pub(super) store: Store,
    pub(super) world: World,
    pub(super) lanes: Lanes,
    /// Reports that are not on disk yet, the newest of each host.
    pub(super) facts: BTreeMap<HostId, HostFacts>,
    /// Permit requests that wait for the next pass.
    pub(super) permits: Vec<PermitRequest>,
    /// The highest generation that an agent has seen, if it is above ours.
    pub(super) ahead: Option<Generation>,
    /// Keys of refusals of permits that are written down already.
    pub(super) told: BTreeSet<String>,
    /// Plans that operators have been shown, the newest last.
    pub(super) shown: Vec<(Digest, RolloutId, Arc<Membership>)>,
    pub(super) published: watch::Sender<Generation>,
    /// The two boots that streams of a host named last, the older first.
    pub(super) boots: BTreeMap<HostId, (Option<BootId>, BootId)>,
    /// When what each host was last heard of was kept, to write only what changed.
    kept: BTreeMap<HostId, i64>,
    pub(super) lanes_made: u64,
    pub(super) settings: DriverSettings,
}

/// When the next pass is due.
pub(super) enum Due {
    /// Nothing has come in.
    Beat,
    /// Something has; it may be gathered with more for a moment.
    Soon,
    /// A person or a permit waits.
    Now,
}

/// Starts the driver on a thread of its own.
///
/// # Errors
/// If the store cannot be read, or the thread cannot be started.
pub async fn start(
    store: Store,
    settings: DriverSettings,
) -> Result<(DriverHandle, JoinHandle<()>), StoreError> {
    let snapshot = store.snapshot().await?;
    let world = World::new(snapshot, Arc::clone(&settings.policy), clock::now());
    let (queue, inbox) = mpsc::channel(QUEUE);
    let driver = Driver::new(store.clone(), world, settings);
    let generations = driver.published.subscribe();
    let cannot = |error: std::io::Error| {
        StoreError::Refused(format!("cannot start the driver's thread: {error}"))
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(cannot)?;
    let thread = std::thread::Builder::new()
        .name("driver".to_owned())
        .spawn(move || runtime.block_on(driver.run(inbox)))
        .map_err(cannot)?;
    Ok((DriverHandle::new(queue, generations, store), thread))
}

impl Driver {
    pub(super) fn new(store: Store, world: World, settings: DriverSettings) -> Self {
        let (published, _) = watch::channel(world.generation);
        Self {
            store,
            world,
            lanes: Lanes::default(),
            facts: BTreeMap::new(),
            permits: Vec::new(),
            ahead: None,
            told: BTreeSet::new(),
            shown: Vec::new(),
            published,
            boots: BTreeMap::new(),
            kept: BTreeMap::new(),
            lanes_made: 0,
            settings,
        }
    }

    async fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        let mut beat = tokio::time::interval(self.settings.every);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut checkpoint = tokio::time::interval(self.settings.checkpoint);
        checkpoint.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut rested = Instant::now();
        let mut due = Due::Beat;
        loop {
            tokio::select! {
                message = inbox.recv() => {
                    let Some(message) = message else { break };
                    let mut next = Some(message);
                    let mut taken = 0;
                    while let Some(message) = next {
                        if matches!(message, Message::Stop) {
                            return self.finish().await;
                        }
                        due = self.take(message, due).await;
                        taken += 1;
                        next = if taken < BATCH { inbox.try_recv().ok() } else { None };
                    }
                    match due {
                        Due::Now => {}
                        Due::Soon if Instant::now() >= rested => {}
                        Due::Soon | Due::Beat => continue,
                    }
                }
                () = tokio::time::sleep_until(rested), if matches!(due, Due::Soon) => {}
                _ = beat.tick() => self.look_for_others().await,
                _ = checkpoint.tick() => {
                    self.checkpoint().await;
                    continue;
                }
            }
            let began = Instant::now();
            self.pass().await;
            // A pass that nobody waits for is followed by a rest as long as itself: a fleet that
            // reports without end costs at most half of one core.
            rested = Instant::now() + began.elapsed();
            due = Due::Beat;
        }
        self.finish().await;
    }

    pub(super) async fn take(&mut self, message: Message, due: Due) -> Due {
        match message {
            Message::Attach(attach, reply) => {
                let _ = reply.send(self.attach(*attach).await);
                if self.ahead.is_some() { Due::Now } else { due }
            }
            Message::Detach(host, id) => {
                self.lanes.close(host, id);
                if !self.lanes.is_connected(host) {
                    self.world.connected.remove(&host);
                }
                due
            }
            Message::Report(facts) => {
                self.note_generation_of(facts.report.host, facts.report.generation).await;
                if !self.world.put_facts(&facts) {
                    return due;
                }
                self.facts.insert(facts.report.host, facts);
                if matches!(due, Due::Now) { Due::Now } else { Due::Soon }
            }
            Message::Permit(request) => {
                // An agent has one question at a time: a newer one replaces the older.
                self.permits.retain(|waiting| waiting.host != request.host);
                self.permits.push(request);
                Due::Now
            }
            Message::Assessed(rollout, says) => {
                let known = self.world.assessments.get(&rollout);
                let news = known.is_none_or(|known| known.evidence != says.evidence);
                self.world.assessments.insert(rollout, *says);
                if news && !matches!(due, Due::Now) { Due::Soon } else { due }
            }
            Message::Enrolled(host, name) => {
                self.world.inventory.enroll(host, &name);
                due
            }
            Message::Ask { actor, reason, ask, reply } => {
                let answer = self.act(&actor, &reason, *ask).await;
                let _ = reply.send(answer);
                Due::Now
            }
            Message::Look(look) => {
                look(&self.world);
                due
            }
            Message::Shown(hash, id, membership) => {
                self.shown.retain(|(known, ..)| *known != hash);
                self.shown.push((hash, id, membership));
                if self.shown.len() > SHOWN {
                    self.shown.remove(0);
                }
                due
            }
            Message::Stop => due,
        }
    }

    /// Whether another controller has committed something on the same store.
    async fn look_for_others(&mut self) {
        match self.store.generation().await {
            Ok(found) if found != self.world.generation => {
                if let Err(error) = self.reload().await {
                    tracing::error!(%error, "cannot read the store again");
                }
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "cannot read the store"),
        }
        if self.told.len() > TOLD {
            self.told.clear();
        }
    }

    async fn checkpoint(&mut self) {
        for (host, at) in self.lanes.seen() {
            self.world.inventory.seen(host, at);
        }
        let kept = &self.kept;
        let changed: Vec<_> = self
            .world
            .inventory
            .hosts()
            .iter()
            .filter_map(|record| Some((record.id, record.last_seen?)))
            .filter(|(host, at)| kept.get(host) != Some(&at.0))
            .collect();
        if changed.is_empty() {
            return;
        }
        match self.store.checkpoint(changed.clone()).await {
            Ok(()) => {
                self.kept.extend(changed.into_iter().map(|(host, at)| (host, at.0)));
                self.wrote(Ok(()));
            }
            Err(error) => self.wrote(Err(&error)),
        }
    }

    async fn finish(&mut self) {
        self.keep_facts().await;
        self.checkpoint().await;
    }
}
