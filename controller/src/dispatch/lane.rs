//! One lane per connected host.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::{mpsc, watch};
use wavegate_common::{BootId, Command, HostId, PermitAnswer, Timestamp};

/// Permit answers that may wait for a stream. An agent has one question open at a time.
const ANSWERS: usize = 8;

/// Tells one stream of a host from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LaneId(pub u64);

/// The driver's end.
#[derive(Debug)]
pub struct Lane {
    /// Which stream.
    pub id: LaneId,
    /// The boot that its `Hello` named.
    pub boot_id: BootId,
    order: watch::Sender<Option<Arc<Command>>>,
    answers: mpsc::Sender<PermitAnswer>,
    seen: Arc<AtomicI64>,
}

/// The stream's end. When `order` closes, another stream of the host took over.
#[derive(Debug)]
pub struct LaneEnd {
    /// The open order.
    pub order: watch::Receiver<Option<Arc<Command>>>,
    /// Answers to permit requests.
    pub answers: mpsc::Receiver<PermitAnswer>,
    seen: Arc<AtomicI64>,
}

impl LaneEnd {
    /// A sign of life; costs one store to memory.
    pub fn alive(&self, at: Timestamp) {
        self.seen.store(at.0, Ordering::Relaxed);
    }
}

/// Both ends of a lane.
#[must_use]
pub fn lane(id: LaneId, boot_id: BootId, at: Timestamp) -> (Lane, LaneEnd) {
    let (order, orders) = watch::channel(None);
    let (answers, answered) = mpsc::channel(ANSWERS);
    let seen = Arc::new(AtomicI64::new(at.0));
    let end = LaneEnd { order: orders, answers: answered, seen: Arc::clone(&seen) };
    (Lane { id, boot_id, order, answers, seen }, end)
}

/// All connected hosts.
#[derive(Debug, Default)]
pub struct Lanes {
    by_host: BTreeMap<HostId, Lane>,
}

impl Lanes {
    /// Takes a new stream in; gives back the one it replaces, which ends with it.
    pub fn open(&mut self, host: HostId, lane: Lane, order: Option<Arc<Command>>) -> Option<Lane> {
        lane.order.send_replace(order);
        self.by_host.insert(host, lane)
    }

    /// A stream has ended. One that was replaced before takes nothing away.
    pub fn close(&mut self, host: HostId, id: LaneId) {
        if self.by_host.get(&host).is_some_and(|lane| lane.id == id) {
            self.by_host.remove(&host);
        }
    }

    /// How many hosts are connected.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_host.len()
    }

    /// Whether nobody is connected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_host.is_empty()
    }

    /// Whether a host is connected.
    #[must_use]
    pub fn is_connected(&self, host: HostId) -> bool {
        self.by_host.contains_key(&host)
    }

    /// Makes every lane hold what is open now; streams whose order did not change hear nothing.
    pub fn publish(&self, orders: &BTreeMap<HostId, Arc<Command>>) {
        for (host, lane) in &self.by_host {
            let order = orders.get(host);
            lane.order.send_if_modified(|held| {
                let changed = held.as_ref() != order;
                if changed {
                    *held = order.cloned();
                }
                changed
            });
        }
    }

    /// Hands an answer to its host. A host that has gone, or does not read, asks again.
    pub fn answer(&self, answer: PermitAnswer) {
        if let Some(lane) = self.by_host.get(&answer.host) {
            let _ = lane.answers.try_send(answer);
        }
    }

    /// When each connected host was last heard of.
    pub fn seen(&self) -> impl Iterator<Item = (HostId, Timestamp)> + '_ {
        self.by_host
            .iter()
            .map(|(host, lane)| (*host, Timestamp(lane.seen.load(Ordering::Relaxed))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_stream_ends_the_first_and_is_not_ended_by_it() {
        let mut lanes = Lanes::default();
        let host = HostId(1);
        let (first, first_end) = lane(LaneId(1), BootId(1), Timestamp(1));
        let (second, second_end) = lane(LaneId(2), BootId(1), Timestamp(2));
        assert!(lanes.open(host, first, None).is_none());
        drop(lanes.open(host, second, None));
        assert!(first_end.order.has_changed().is_err(), "the first stream is told to end");
        lanes.close(host, LaneId(1));
        assert!(lanes.is_connected(host));
        assert!(second_end.order.has_changed().is_ok());
        second_end.alive(Timestamp(9));
        assert_eq!(lanes.seen().collect::<Vec<_>>(), [(host, Timestamp(9))]);
    }
}
