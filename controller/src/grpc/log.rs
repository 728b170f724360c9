//! What happened, and who did it.

use tonic::Status;
use wavegate_common::RolloutId;
use wavegate_common::view::{AuditBreak, AuditCheck, AuditPage, AuditView, EventPage, Outcome};
use wavegate_proto::operator::ask::ListAudit;

use super::api::Api;
use super::status::{of_stopped, of_store};
use crate::audit;
use crate::store::StoredEntry;
use crate::view;

/// Lines of a page unless asked otherwise, and at most.
const PAGE: u32 = 500;
const PAGE_MOST: u32 = 5_000;

fn page(limit: u32) -> u32 {
    if limit == 0 { PAGE } else { limit.min(PAGE_MOST) }
}

impl Api {
    pub(super) async fn history(
        &self,
        id: RolloutId,
        after: Option<u64>,
        limit: u32,
    ) -> Result<EventPage, Status> {
        let limit = page(limit);
        let store = self.driver.store();
        let found = store.events(id, after.unwrap_or(0), limit).await.map_err(|e| of_store(&e))?;
        let next = found.last().filter(|_| found.len() == limit as usize).map(|last| last.seq);
        self.driver
            .look(move |world| {
                let events = found.iter().map(|stored| view::event(world, stored)).collect();
                EventPage { events, next }
            })
            .await
            .map_err(of_stopped)
    }

    pub(super) async fn audit_page(&self, ask: ListAudit) -> Result<AuditPage, Status> {
        let limit = page(ask.limit);
        let store = self.driver.store();
        let found = store.audit(ask.after.unwrap_or(0), limit).await.map_err(|e| of_store(&e))?;
        let next = found.last().filter(|_| found.len() == limit as usize).map(|last| last.seq);
        Ok(AuditPage { entries: found.into_iter().map(audit_view).collect(), next })
    }

    pub(super) async fn audit_check(&self) -> Result<AuditCheck, Status> {
        let found = self.driver.store().verify_audit().await.map_err(|e| of_store(&e))?;
        let audit::Verified { entries, head, broken } = found;
        let broken = broken.map(|audit::Break { seq, problem }| AuditBreak { seq, problem });
        Ok(AuditCheck { entries, head, broken })
    }
}

fn audit_view(stored: StoredEntry) -> AuditView {
    let StoredEntry { seq, entry, hash } = stored;
    let audit::Entry { at, who, role, from, act, target, reason, outcome } = entry;
    let outcome = match outcome {
        audit::Outcome::Done => Outcome::Done,
        audit::Outcome::Refused { why } => Outcome::Refused { why },
    };
    AuditView { seq, at, who, role, from, act, target, reason, outcome, hash }
}
