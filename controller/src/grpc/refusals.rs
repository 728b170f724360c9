//! Refusals on their way into the audit log.
//!
//! Whoever is refused may try again a thousand times a second, so the same refusal is written
//! once in a while only, and a log that cannot be written never makes a call fail differently.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use wavegate_proto::{Caller, Peer};

use crate::audit::{Entry, Outcome};
use crate::clock;
use crate::store::Store;

/// The same refusal is written again after this.
const AGAIN: Duration = Duration::from_secs(60);
/// New refusals written within [`AGAIN`] at most: whoever changes its address or its words with
/// each try cannot fill the disk.
const BURST: usize = 1_024;

/// Writes refusals down.
#[derive(Debug)]
pub struct Refusals {
    store: Store,
    known: Mutex<BTreeMap<String, Instant>>,
}

impl Refusals {
    pub(super) fn new(store: Store) -> Self {
        Self { store, known: Mutex::default() }
    }

    /// Writes an entry, whatever was written before.
    pub(super) async fn keep(&self, entry: Entry) {
        if let Err(error) = self.store.append_audit(entry).await {
            tracing::error!(%error, "a refusal could not be written to the audit log");
        }
    }

    /// Writes a refusal of somebody who may try again and again, without waiting for it.
    pub fn note(&self, from: &Caller, act: &str, target: String, why: &str) {
        let (who, role) = match &from.peer {
            Peer::Nobody => ("nobody".to_owned(), "nobody".to_owned()),
            Peer::Host(host) => (host.to_string(), "host".to_owned()),
            Peer::Operator { name, role } => (name.clone(), role.to_string()),
        };
        let entry = Entry {
            at: clock::now(),
            who,
            role,
            from: from.addr.map(|addr| addr.to_string()).unwrap_or_default(),
            act: act.to_owned(),
            target,
            reason: String::new(),
            outcome: Outcome::Refused { why: why.to_owned() },
        };
        let ip = from.addr.map(|addr| addr.ip().to_string()).unwrap_or_default();
        let key = format!("{}\0{ip}\0{act}\0{}\0{why}", entry.who, entry.target);
        if !self.is_new(key) {
            return;
        }
        let store = self.store.clone();
        tokio::spawn(async move {
            if let Err(error) = store.append_audit(entry).await {
                tracing::error!(%error, "a refusal could not be written to the audit log");
            }
        });
    }

    fn is_new(&self, key: String) -> bool {
        let now = Instant::now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(&key).is_some_and(|at| now.duration_since(*at) < AGAIN) {
            return false;
        }
        if known.len() >= BURST {
            known.retain(|_, at| now.duration_since(*at) < AGAIN);
            if known.len() >= BURST {
                return false;
            }
        }
        known.insert(key, now);
        true
    }
}
