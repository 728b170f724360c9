//! The way to the driver.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use wavegate_common::{Assessment, Digest, Generation, HostId, PermitRequest, RolloutId};

use super::act::{Actor, Ask, Done, Refusal};
use super::message::{Attach, Attached, Message};
use super::propose::Membership;
use super::world::World;
use crate::dispatch::LaneId;
use crate::store::{HostFacts, Store};

/// The driver has ended: the controller is on its way down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the controller is shutting down; try again in a moment")]
pub struct Stopped;

/// Sends messages to the driver, and waits for its answers where there are some.
#[derive(Debug, Clone)]
pub struct DriverHandle {
    queue: mpsc::Sender<Message>,
    published: watch::Receiver<Generation>,
    store: Store,
}

impl DriverHandle {
    pub(super) fn new(
        queue: mpsc::Sender<Message>,
        published: watch::Receiver<Generation>,
        store: Store,
    ) -> Self {
        Self { queue, published, store }
    }

    /// The database, for what needs no plan.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Changes with every committed plan.
    #[must_use]
    pub fn published(&self) -> watch::Receiver<Generation> {
        self.published.clone()
    }

    /// Reads what the driver knows, between two passes. `look` should only copy out what is
    /// needed: the driver waits for it.
    ///
    /// # Errors
    /// If the driver has ended.
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&World) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (tell, told) = oneshot::channel();
        let look = Box::new(move |world: &World| {
            // Whoever asked may have gone away.
            let _ = tell.send(look(world));
        });
        self.send(Message::Look(look)).await?;
        told.await.map_err(|_| Stopped)
    }

    /// Asks for something. Done means durable.
    ///
    /// # Errors
    /// Why it was refused.
    pub async fn ask(&self, actor: Actor, reason: String, ask: Ask) -> Result<Done, Refusal> {
        let (reply, answer) = oneshot::channel();
        let message = Message::Ask { actor, reason, ask: Box::new(ask), reply };
        self.send(message).await?;
        answer.await.map_err(|_| Stopped)?
    }

    /// A host opens its stream.
    ///
    /// # Errors
    /// If the driver has ended.
    pub async fn attach(&self, attach: Attach) -> Result<Result<Attached, String>, Stopped> {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Attach(Box::new(attach), reply)).await?;
        answer.await.map_err(|_| Stopped)
    }

    /// A stream has ended. Never waits: it is called when a stream is dropped. If the queue is
    /// full the lane stays until the host comes back, which does no harm.
    pub fn detach(&self, host: HostId, id: LaneId) {
        let _ = self.queue.try_send(Message::Detach(host, id));
    }

    /// A host said something new.
    ///
    /// # Errors
    /// If the driver has ended.
    pub async fn report(&self, facts: HostFacts) -> Result<(), Stopped> {
        self.send(Message::Report(facts)).await
    }

    /// A host asks for a permit.
    ///
    /// # Errors
    /// If the driver has ended.
    pub async fn permit(&self, request: PermitRequest) -> Result<(), Stopped> {
        self.send(Message::Permit(request)).await
    }

    /// The gate's statistics have said something of a rollout.
    ///
    /// # Errors
    /// If the driver has ended.
    pub async fn assessed(&self, rollout: RolloutId, says: Assessment) -> Result<(), Stopped> {
        self.send(Message::Assessed(rollout, Box::new(says))).await
    }

    /// A host has been enrolled.
    ///
    /// # Errors
    /// If the driver has ended.
    pub async fn enrolled(&self, host: HostId, name: String) -> Result<(), Stopped> {
        self.send(Message::Enrolled(host, name)).await
    }

    /// An operator has been shown a plan.
    ///
    /// # Errors
    /// If the driver has ended.
    pub async fn shown(
        &self,
        hash: Digest,
        id: RolloutId,
        membership: Arc<Membership>,
    ) -> Result<(), Stopped> {
        self.send(Message::Shown(hash, id, membership)).await
    }

    /// Waits until the driver has ended, which it does only when told to, or by a fault.
    pub async fn ended(&self) {
        self.queue.closed().await;
    }

    /// Lets the driver finish what it has and end.
    pub async fn stop(&self) {
        // If it has ended already, there is nothing to stop.
        let _ = self.send(Message::Stop).await;
    }

    async fn send(&self, message: Message) -> Result<(), Stopped> {
        self.queue.send(message).await.map_err(|_| Stopped)
    }
}
