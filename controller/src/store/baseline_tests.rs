//! Baselines on real files: nothing twice, nothing without bound.

use std::path::Path;

use wavegate_common::baseline::{BaselineSlot, MetricId, Metrics, NumberedSlot};
use wavegate_common::{BootId, HostId, Millis, Timestamp};

use super::baselines::{GATHERED, KEPT};
use super::{Store, StoreThreads, StoredBoot};

const HOST: HostId = HostId(7);

fn open(dir: &Path) -> (Store, StoreThreads) {
    Store::open(dir, Timestamp(1)).unwrap()
}

fn slot(boot: u128, kernel: &str, n: i64, value: u64) -> NumberedSlot {
    let mut metrics = Metrics::default();
    metrics.of(MetricId::CpuBusy).record(value);
    metrics.of(MetricId::IoReadLatency).record_many(1_000 * value, 10);
    let (start, covered) = (Timestamp(n * 300_000), Millis::mins(5));
    let slot = BaselineSlot { boot: BootId(boot), kernel: kernel.into(), start, covered, metrics };
    NumberedSlot { seq: n as u64, slot }
}

async fn put(store: &Store, slots: Vec<NumberedSlot>) {
    store.put_baselines(HOST, slots).await.unwrap();
}

async fn kept(store: &Store) -> Vec<StoredBoot> {
    store.baselines_of(HOST, Vec::new()).await.unwrap()
}

fn values(boot: &StoredBoot) -> u64 {
    boot.whole.get(MetricId::CpuBusy).unwrap().count()
}

#[tokio::test]
async fn a_slot_that_comes_again_is_not_counted_again() {
    let dir = tempfile::tempdir().unwrap();
    let (store, threads) = open(dir.path());
    let all: Vec<_> = (1..=100).map(|n| slot(1, "old", n, n as u64)).collect();
    // As after lost acknowledgements, some of them long after they were merged.
    for again in [&all[..10], &all[..60], &all[5..], &all[..]] {
        put(&store, again.to_vec()).await;
    }
    let boots = kept(&store).await;
    assert_eq!((boots[0].slots, values(&boots[0])), (100, 100));
    let busy = boots[0].whole.get(MetricId::CpuBusy).unwrap();
    assert_eq!((busy.sum(), busy.min(), busy.max()), (5_050, Some(1), Some(100)));
    assert_eq!((boots[0].first, boots[0].last), (Timestamp(300_000), Timestamp(30_000_000)));
    drop(store);
    threads.join();
    let (store, _threads) = open(dir.path());
    assert_eq!(kept(&store).await, boots);
}

#[tokio::test]
async fn a_host_never_has_more_than_its_share() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _threads) = open(dir.path());
    for n in 1..=120 {
        put(&store, vec![slot(1, "old", n, 5)]).await;
        let boots = kept(&store).await;
        let newest = boots[0].newest.len() as u64;
        assert!(newest <= KEPT + GATHERED, "{newest}");
        assert_eq!(values(&boots[0]), n as u64, "merged, not lost");
    }
    // A kernel that crashes all the time pushes out its own boots, not those before it.
    put(&store, vec![slot(2, "old", 401, 5)]).await;
    for boot in 10..30 {
        put(&store, vec![slot(boot, "new", 400 + boot as i64, 9)]).await;
    }
    let boots: Vec<_> = kept(&store).await.iter().map(|boot| boot.boot.0).collect();
    assert_eq!(boots, [29, 28, 2, 1]);
    put(&store, vec![slot(40, "newest", 500, 9)]).await;
    let boots: Vec<_> = kept(&store).await.iter().map(|boot| boot.boot.0).collect();
    assert_eq!(boots, [40, 29, 28], "two kernels");
}

#[tokio::test]
async fn series_hold_before_and_after() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _threads) = open(dir.path());
    put(&store, (1..=60).map(|n| slot(1, "old", n, 100)).collect()).await;
    put(&store, (61..=70).map(|n| slot(2, "new", n, 118)).collect()).await;
    let hosts = [HostId(1), HOST];
    let series = store.baseline_series(&hosts, &[MetricId::IoReadLatency]).await.unwrap();
    assert_eq!(series.len(), 2, "a host without baselines has none");
    let (after, before) = (&series[0], &series[1]);
    assert_eq!((after.kernel.as_str(), before.kernel.as_str()), ("new", "old"));
    assert_eq!((after.slots.len(), after.slots[0].0), (10, Timestamp(61 * 300_000)));
    assert_eq!((before.whole.count, after.whole.count), (600, 100));
    assert!((after.whole.mean / before.whole.mean - 1.18).abs() < 1e-9);
    assert!(before.slots.len() as u64 >= KEPT);
    let both = store.baseline_series(&hosts, &[]).await.unwrap();
    assert_eq!(both.len(), 4);

    let other = HostId(8);
    store.put_baselines(other, vec![slot(5, "new", 61, 118)]).await.unwrap();
    let all = store.baseline_roll_up(&[HOST, other], &[MetricId::CpuBusy]).await.unwrap();
    let counts: Vec<_> = all
        .iter()
        .map(|(kernel, all)| (kernel.as_str(), all.get(MetricId::CpuBusy).unwrap().count()))
        .collect();
    assert_eq!(counts, [("new", 11), ("old", 60)]);
    assert!(all.values().all(|all| all.get(MetricId::IoReadLatency).is_none()));
}
