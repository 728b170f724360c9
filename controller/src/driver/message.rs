//! What comes to the driver.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::oneshot;
use wavegate_common::{Assessment, Digest, Hello, HostId, PermitRequest, RolloutId};

use super::act::{Actor, Ask, Done, Refusal};
use super::propose::Membership;
use super::world::World;
use crate::dispatch::{LaneEnd, LaneId};
use crate::store::HostFacts;

/// A new stream.
#[derive(Debug)]
pub struct Attach {
    /// Whose, by its certificate.
    pub host: HostId,
    /// What it said first.
    pub hello: Hello,
    /// From where.
    pub from: Option<SocketAddr>,
}

/// The answer to it.
#[derive(Debug)]
pub struct Attached {
    /// Which stream this is.
    pub id: LaneId,
    /// What the stream reads from.
    pub lane: LaneEnd,
    /// The digest of the report that is known of this host.
    pub known: Option<Digest>,
    /// Hosts known, for the spread of reconnects.
    pub hosts: usize,
}

/// Looks at the world.
pub(super) type Look = Box<dyn FnOnce(&World) + Send>;

/// What comes in.
pub enum Message {
    /// A host opens its stream.
    Attach(Box<Attach>, oneshot::Sender<Result<Attached, String>>),
    /// Its stream has ended.
    Detach(HostId, LaneId),
    /// A host said something new.
    Report(HostFacts),
    /// A host asks for a permit.
    Permit(PermitRequest),
    /// The gate's statistics have said something of a rollout.
    Assessed(RolloutId, Box<Assessment>),
    /// A host has been enrolled.
    Enrolled(HostId, String),
    /// An operator wants something.
    Ask {
        /// Who.
        actor: Actor,
        /// Why.
        reason: String,
        /// What.
        ask: Box<Ask>,
        /// Where the answer goes, after it is durable.
        reply: oneshot::Sender<Result<Done, Refusal>>,
    },
    /// Somebody wants to read.
    Look(Look),
    /// A plan was shown to an operator: keep what it was about, to say what differs later.
    Shown(Digest, RolloutId, Arc<Membership>),
    /// Stop after what came before.
    Stop,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Attach(..) => "Attach",
            Self::Detach(..) => "Detach",
            Self::Report(_) => "Report",
            Self::Permit(_) => "Permit",
            Self::Assessed(..) => "Assessed",
            Self::Enrolled(..) => "Enrolled",
            Self::Ask { .. } => "Ask",
            Self::Look(_) => "Look",
            Self::Shown(..) => "Shown",
            Self::Stop => "Stop",
        })
    }
}
