//! What every call needs.

use std::sync::Arc;

use tonic::Status;
use wavegate_proto::operator::Who;

use super::refusals::Refusals;
use super::status::of_refusal;
use crate::artifact::Shelf;
use crate::driver::{Actor, DriverHandle, Refusal};
use crate::incident::Desk;
use crate::ingest::Pace;
use crate::signal::Board;
use crate::trust::Authority;

/// What an [`Api`] is made of.
#[derive(Debug)]
pub struct Parts {
    /// The way to the driver and the store.
    pub driver: DriverHandle,
    /// Files for hosts.
    pub shelf: Shelf,
    /// Who signs certificates.
    pub authority: Arc<Authority>,
    /// The clockwork of streams.
    pub pace: Pace,
    /// Who is told of incidents.
    pub desk: Arc<Desk>,
    /// Signals of outside sources.
    pub board: Arc<Board>,
}

/// Both services.
#[derive(Debug)]
pub struct Api {
    pub(super) driver: DriverHandle,
    pub(super) shelf: Shelf,
    pub(super) authority: Arc<Authority>,
    pub(super) pace: Pace,
    pub(super) desk: Arc<Desk>,
    pub(super) board: Arc<Board>,
    pub(super) refusals: Arc<Refusals>,
}

impl Api {
    /// Puts it together.
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts { driver, shelf, authority, pace, desk, board } = parts;
        let refusals = Arc::new(Refusals::new(driver.store().clone()));
        Arc::new(Self { driver, shelf, authority, pace, desk, board, refusals })
    }

    /// Where refusals are noted.
    #[must_use]
    pub fn refusals(&self) -> &Arc<Refusals> {
        &self.refusals
    }

    /// The outcome of something that an operator asked for: a refusal goes into the audit log.
    pub(super) async fn judged<T>(
        &self,
        by: &Who,
        act: &str,
        target: &str,
        reason: &str,
        outcome: Result<T, Refusal>,
    ) -> Result<T, Status> {
        match outcome {
            Ok(done) => Ok(done),
            Err(refusal) => {
                let entry = actor(by).entry(act, target.to_owned(), reason);
                self.refusals.keep(entry.refused(refusal.to_string())).await;
                Err(of_refusal(&refusal))
            }
        }
    }
}

pub(super) fn actor(by: &Who) -> Actor {
    Actor {
        name: by.name.clone(),
        role: by.role,
        from: by.addr.map(|addr| addr.to_string()).unwrap_or_default(),
    }
}
