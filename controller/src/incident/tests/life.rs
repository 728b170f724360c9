//! From alerts to incidents.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use wavegate_common::inventory::Hold;
use wavegate_common::{Alert, AlertKind, HostId, Millis, RolloutId, Scope, Timestamp};
use wavegate_core::Policy;

use crate::driver::World;
use crate::incident::{Addressee, Change, Incident, reconcile};
use crate::store::{Commit, Store, StoreThreads};

pub(super) fn alert(kind: AlertKind, key: &str, hosts: &[u128]) -> Alert {
    Alert {
        key: key.to_owned(),
        rollout: RolloutId(1),
        kind,
        text: format!("{} hosts of june", hosts.len()),
        scope: Scope::Rollout,
        hosts: hosts.iter().copied().map(HostId).collect(),
    }
}

/// A store with nothing in it, and what a driver would know of it.
pub(super) struct Bench {
    pub(super) store: Store,
    pub(super) world: World,
    _threads: StoreThreads,
}

impl Bench {
    pub(super) async fn open(dir: &Path) -> Self {
        let (store, threads) = Store::open(dir, Timestamp(1)).unwrap();
        let policy = Arc::new(Policy { stale_after: Millis::secs(60), ..Policy::default() });
        let world = World::new(store.snapshot().await.unwrap(), policy, Timestamp(0));
        Self { store, world, _threads: threads }
    }

    pub(super) fn changes(&self, alerts: Vec<Alert>, now: i64) -> Vec<Change> {
        reconcile(&self.world, &BTreeMap::new(), alerts, Timestamp(now))
    }

    /// What a pass with these alerts does, through the store.
    pub(super) async fn pass(&mut self, alerts: Vec<Alert>, now: i64) -> Vec<Incident> {
        let to = |name: &str, notices| Addressee { name: name.to_owned(), notices };
        let commit = Commit {
            parent: self.world.generation,
            at: Timestamp(now),
            incidents: self.changes(alerts, now),
            addressees: Arc::from([to("hook", true), to("pager", false)]),
            ..Commit::default()
        };
        let committed = self.store.commit(Arc::new(commit)).await.unwrap();
        self.world.reload(self.store.snapshot().await.unwrap());
        committed.incidents
    }
}

#[tokio::test]
async fn opens_once_changes_ends_and_may_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(dir.path()).await;
    let gate = || alert(AlertKind::GateClosed, "r1/gate/0", &[1]);
    let first = bench.pass(vec![gate(), gate()], 10).await;
    assert_eq!(first.len(), 1, "one cause, one incident");
    assert_eq!(bench.pass(vec![gate()], 11).await, []);
    let wider = alert(AlertKind::GateClosed, "r1/gate/0", &[1, 2]);
    let changed = bench.pass(vec![wider], 12).await;
    assert_eq!((changed[0].id, changed[0].revision), (first[0].id, 2));
    assert_eq!((changed[0].opened_at, changed[0].updated_at), (Timestamp(10), Timestamp(12)));
    let over = bench.pass(Vec::new(), 13).await;
    assert_eq!((over[0].revision, over[0].resolved_at), (3, Some(Timestamp(13))));
    assert_eq!(bench.pass(Vec::new(), 14).await, []);
    let again = bench.pass(vec![gate()], 15).await;
    assert!(again[0].id > first[0].id && again[0].name() != first[0].name());
    assert_eq!(bench.store.incidents(true, 10).await.unwrap().len(), 2);
    assert_eq!(bench.store.incidents(false, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_notice_is_never_open() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(dir.path()).await;
    let told = bench.pass(vec![alert(AlertKind::Finished, "r1/over", &[])], 10).await;
    assert_eq!(told[0].resolved_at, Some(Timestamp(10)));
    assert!(bench.world.incidents.is_empty());
    let deliveries = bench.store.deliveries().await.unwrap();
    let names: Vec<&str> = deliveries.iter().map(|(_, d)| d.receiver.as_str()).collect();
    assert_eq!(names, ["hook"], "a notice pages nobody");
}

#[tokio::test]
async fn lost_hosts_outlast_their_rollout_until_heard_of_or_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(dir.path()).await;
    for host in [1, 2, 3] {
        bench.world.inventory.enroll(HostId(host), &format!("web-{host}"));
        bench.world.inventory.seen(HostId(host), Timestamp(0));
    }
    let lost = alert(AlertKind::HostsLost, "r1/lost", &[1, 2, 3]);
    let opened = bench.pass(vec![lost.clone()], 100_000).await;
    let names: Vec<&str> = opened[0].story.hosts.iter().map(|h| h.name.as_str()).collect();
    assert_eq!(names, ["web-1", "web-2", "web-3"]);
    // The rollout is over, so nobody speaks of it any more.
    assert_eq!(bench.pass(Vec::new(), 100_001).await, []);
    bench.world.inventory.seen(HostId(1), Timestamp(100_002));
    let fewer = bench.pass(Vec::new(), 100_003).await;
    assert_eq!(fewer[0].alert.hosts, [HostId(2), HostId(3)]);
    assert!(fewer[0].resolved_at.is_none());
    bench.world.inventory.seen(HostId(2), Timestamp(100_004));
    let hold = Hold { by: "ann".to_owned(), reason: "broken".to_owned() };
    bench.world.inventory.set_hold(HostId(3), Some(hold));
    let over = bench.changes(Vec::new(), 100_005);
    assert!(matches!(&over[..], [Change::Resolved(_)]), "{over:?}");
}
