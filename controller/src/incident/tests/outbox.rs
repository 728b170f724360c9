//! What is due, when, and for whom.

use wavegate_common::{AlertKind, Millis, Timestamp};

use super::life::{Bench, alert};
use crate::incident::{Addressee, Delivery, Incident};
use crate::store::{DueQuery, Sent};

type Due = (Vec<(Incident, Delivery)>, Option<Timestamp>);

impl Bench {
    async fn due(&self, now: i64, resend: Option<u64>) -> Due {
        let query = DueQuery {
            receiver: "hook".to_owned(),
            now: Timestamp(now),
            resend: resend.map(Millis),
        };
        self.store.due(query).await.unwrap()
    }

    async fn record(&self, incident: u64, outcome: Sent, now: i64) {
        let to = "hook".to_owned();
        self.store.record_delivery(incident, to, outcome, Timestamp(now)).await.unwrap();
    }

    async fn gate(&mut self, hosts: &[u128], now: i64) -> u64 {
        let told = self.pass(vec![alert(AlertKind::GateClosed, "r1/gate/0", hosts)], now).await;
        told[0].id
    }
}

#[tokio::test]
async fn what_failed_waits_and_what_was_taken_is_not_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(dir.path()).await;
    let id = bench.gate(&[1], 10).await;
    assert_eq!(bench.due(10, None).await.0.len(), 1);
    let failed = Sent::Failed { error: "refused".to_owned(), next_at: Timestamp(1_010) };
    bench.record(id, failed, 10).await;
    let (due, next) = bench.due(1_009, None).await;
    assert_eq!((due.len(), next), (0, Some(Timestamp(1_010))));
    let (due, _) = bench.due(1_010, None).await;
    assert_eq!((due[0].1.attempts, due[0].1.failures), (1, 1));
    let taken = Sent::Taken { revision: 1, next_at: Timestamp(2_000) };
    bench.record(id, taken, 1_010).await;
    assert_eq!(bench.due(1_011, None).await, (Vec::new(), None));
    // The other receiver's row is its own.
    let deliveries = bench.store.deliveries().await.unwrap();
    let pager = deliveries.iter().find(|(_, d)| d.receiver == "pager").unwrap();
    assert_eq!((pager.1.sent, pager.1.failures), (0, 0));
}

#[tokio::test]
async fn updates_keep_their_distance_and_an_end_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(dir.path()).await;
    let id = bench.gate(&[1], 10).await;
    bench.record(id, Sent::Taken { revision: 1, next_at: Timestamp(60_010) }, 10).await;
    bench.gate(&[1, 2], 20).await;
    let (due, next) = bench.due(30, None).await;
    assert_eq!((due.len(), next), (0, Some(Timestamp(60_010))));
    bench.pass(Vec::new(), 40).await;
    let (due, _) = bench.due(40, None).await;
    assert_eq!((due[0].0.revision, due[0].0.resolved_at), (3, Some(Timestamp(40))));
    // A failed end waits like everything else.
    let failed = Sent::Failed { error: "down".to_owned(), next_at: Timestamp(5_000) };
    bench.record(id, failed, 40).await;
    assert_eq!(bench.due(4_999, None).await.0.len(), 0);
    let (revision, error) = (3, "down".to_owned());
    bench.record(id, Sent::GivenUp { revision, error }, 5_000).await;
    assert_eq!(bench.due(i64::MAX, None).await.0.len(), 0);
}

#[tokio::test]
async fn an_open_alert_is_posted_again_and_a_closed_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(dir.path()).await;
    let id = bench.gate(&[1], 10).await;
    bench.record(id, Sent::Taken { revision: 1, next_at: Timestamp(11) }, 10).await;
    let (due, next) = bench.due(1_009, Some(1_000)).await;
    assert_eq!((due.len(), next), (0, Some(Timestamp(1_010))));
    assert_eq!(bench.due(1_010, Some(1_000)).await.0.len(), 1);
    bench.pass(Vec::new(), 1_011).await;
    bench.record(id, Sent::Taken { revision: 2, next_at: Timestamp(1_012) }, 1_011).await;
    assert_eq!(bench.due(i64::MAX / 2, Some(1_000)).await, (Vec::new(), None));
}

#[tokio::test]
async fn the_outbox_survives_and_fits_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(dir.path()).await;
    bench.gate(&[1], 10).await;
    drop(bench);
    let bench = Bench::open(dir.path()).await;
    assert_eq!(bench.world.incidents.len(), 1);
    assert_eq!(bench.due(10, None).await.0.len(), 1);
    let new = |name: &str| Addressee { name: name.to_owned(), notices: true };
    bench.store.adopt_receivers(vec![new("hook"), new("chat")]).await.unwrap();
    let deliveries = bench.store.deliveries().await.unwrap();
    let names: Vec<&str> = deliveries.iter().map(|(_, d)| d.receiver.as_str()).collect();
    assert_eq!(names, ["chat", "hook"]);
}
