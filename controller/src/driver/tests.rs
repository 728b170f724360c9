//! The driver over a real store, pass by pass.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use wavegate_common::view::Role;
use wavegate_common::{
    BootCause, BootId, BootRecord, CheckResult, CommandId, Denied, Facts, Generation, Health,
    Hello, HostId, HostPhase, HostReport, Labels, Millis, Nonce, PauseReason, PermitDecision,
    PermitRequest, Release, ReleaseSource, RolloutId, RolloutPhase, RolloutSpec, Timestamp,
    Transaction, TransactionStep,
};
use wavegate_core::{Policy, Request, apply};

use super::act::{Actor, Ask, Done, Refusal};
use super::message::Attach;
use super::run::{Driver, DriverSettings};
use super::world::World;
use crate::clock;
use crate::dispatch::LaneEnd;
use crate::store::{HostFacts, Store, StoreThreads, StoredRelease};

const OLD: &str = "6.1.0-47";
const NEW: &str = "6.1.0-56";
const HOST: HostId = HostId(1);

fn settings() -> DriverSettings {
    let policy = Policy { settle: Millis(0), stale_after: Millis::hours(1), ..Policy::default() };
    DriverSettings {
        policy: Arc::new(policy),
        every: Duration::from_secs(3_600),
        checkpoint: Duration::from_secs(3_600),
        addressees: Arc::from([]),
    }
}

async fn driver(dir: &Path) -> (Driver, StoreThreads) {
    let (store, threads) = Store::open(dir, clock::now()).unwrap();
    let settings = settings();
    let snapshot = store.snapshot().await.unwrap();
    let world = World::new(snapshot, Arc::clone(&settings.policy), Timestamp(0));
    (Driver::new(store, world, settings), threads)
}

fn report(host: HostId) -> HostReport {
    HostReport {
        host,
        seq: 1,
        name: format!("web-{}", host.0),
        labels: Labels::from([("rack".to_owned(), format!("r{}", host.0 % 3))]),
        facts: Facts::default(),
        boot: BootRecord {
            boot_id: BootId(host.0 + 100),
            kernel: OLD.into(),
            booted_at: Timestamp(1),
            cause: BootCause::First,
        },
        installed: vec![OLD.into()],
        default_kernel: Some(OLD.into()),
        health: Health::of(vec![CheckResult {
            name: "units".into(),
            ok: true,
            detail: String::new(),
        }]),
        transaction: None,
        generation: Generation(0),
        guard: Vec::new(),
        no_kexec: Vec::new(),
        drift: Vec::new(),
    }
}

fn say(driver: &mut Driver, report: HostReport) {
    let digest = report.digest();
    let facts = HostFacts { report: Arc::new(report), digest, seen: clock::now() };
    assert!(driver.world.put_facts(&facts));
    driver.facts.insert(facts.report.host, facts);
}

fn ann() -> Actor {
    Actor { name: "ann".into(), role: Role::Operator, from: String::new() }
}

fn spec() -> RolloutSpec {
    let text = "name: june\nrelease: june\nselector: '*'\nholdback: 0%\nwaves: [100%]\n\
                canary: {per_class: 1, at_least: 1}\n";
    serde_saphyr::from_str(text).unwrap()
}

/// One host, a kernel, a rollout: the host has staged the kernel and awaits its permit.
async fn waiting_for_a_permit(driver: &mut Driver) -> (RolloutId, PermitRequest, LaneEnd) {
    say(driver, report(HOST));
    let release = StoredRelease {
        release: Release {
            name: "june".into(),
            kernel: NEW.into(),
            source: ReleaseSource::Package { package: "linux-image".into(), version: None },
            append: Vec::new(),
        },
        added_at: Timestamp(1),
        added_by: "ann".into(),
        reason: "test".into(),
    };
    let register = Ask::Register { release: Box::new(release), artifact: None };
    driver.act(&ann(), "test", register).await.unwrap();
    let begin = Ask::Start { spec: Box::new(spec()), plan: None, draft: false };
    let Done::Rollout(id) = driver.act(&ann(), "test", begin).await.unwrap() else {
        panic!("a rollout")
    };
    let hello = Hello {
        version: "0".into(),
        boot_id: report(HOST).boot.boot_id,
        report_digest: report(HOST).digest(),
        generation: Generation(0),
    };
    let attach = Attach { host: HOST, hello, from: None };
    let lane = driver.attach(attach).await.unwrap().lane;
    // Until it is told to leave, it does what it is told.
    for seq in 2..20 {
        driver.pass().await;
        if let Some(order) = driver.world.orders.get(&HOST).cloned() {
            let mut report = report(HOST);
            report.seq = seq;
            report.installed = vec![OLD.into(), NEW.into()];
            let step = match &order.action {
                wavegate_common::Action::Stage { .. } => TransactionStep::Staged,
                _ => TransactionStep::AwaitingPermit,
            };
            let asks = step == TransactionStep::AwaitingPermit;
            let target = NEW.into();
            report.transaction = Some(Transaction { command: order.id, target, step });
            say(driver, report);
            if asks {
                return (id, question(order.id), lane);
            }
        }
    }
    panic!("it was never told to leave: {:#?}", driver.world.reports);
}

fn question(command: CommandId) -> PermitRequest {
    let boot_id = report(HOST).boot.boot_id;
    PermitRequest { host: HOST, command, nonce: Nonce(7), boot_id }
}

async fn ask(driver: &mut Driver, lane: &mut LaneEnd, request: PermitRequest) -> PermitDecision {
    driver.permits.push(request);
    driver.pass().await;
    lane.answers.try_recv().expect("an answer").decision
}

#[tokio::test]
async fn a_permit_is_durable_before_it_is_given_and_for_one_boot() {
    let dir = tempfile::tempdir().unwrap();
    let (mut driver, _threads) = driver(dir.path()).await;
    let (id, request, mut lane) = waiting_for_a_permit(&mut driver).await;
    let decision = ask(&mut driver, &mut lane, request.clone()).await;
    assert!(matches!(decision, PermitDecision::Granted { .. }), "{decision:?}");
    let stored = driver.store.rollout(id).await.unwrap().unwrap();
    let host = stored.host(HOST).unwrap();
    assert!(matches!(host.phase, HostPhase::Rebooting { .. }), "{:?}", host.phase);
    assert_eq!(host.boots, 1);
    // A host that asks again in the same boot has missed the answer: that is no second permit.
    let again = PermitRequest { nonce: Nonce(8), ..request.clone() };
    let decision = ask(&mut driver, &mut lane, again).await;
    assert!(matches!(decision, PermitDecision::Granted { .. }), "{decision:?}");
    let stored = driver.store.rollout(id).await.unwrap().unwrap();
    assert_eq!(stored.host(HOST).unwrap().boots, 1);
    // The same request out of another boot is refused, and written down once.
    for _ in 0..3 {
        let replayed = PermitRequest { boot_id: BootId(9), ..request.clone() };
        let decision = ask(&mut driver, &mut lane, replayed).await;
        assert_eq!(decision, PermitDecision::Denied(Denied::OtherBoot));
    }
    let log = driver.store.audit(0, 100).await.unwrap();
    let refused = |e: &&crate::store::StoredEntry| {
        e.entry.act == "permit.grant" && e.entry.outcome != crate::audit::Outcome::Done
    };
    assert_eq!(log.iter().filter(refused).count(), 1, "{log:#?}");
}

#[tokio::test]
async fn without_room_to_write_nothing_is_permitted_until_there_is() {
    let dir = tempfile::tempdir().unwrap();
    let (mut driver, _threads) = driver(dir.path()).await;
    let (id, request, mut lane) = waiting_for_a_permit(&mut driver).await;
    driver.store.disturb("PRAGMA max_page_count = 1").await;
    // What is left of the last page is used up first.
    let mut wide = report(HostId(9));
    wide.drift = vec!["x".repeat(200_000)];
    say(&mut driver, wide);
    let PermitDecision::Denied(Denied::NotNow(why)) =
        ask(&mut driver, &mut lane, request.clone()).await
    else {
        panic!("it was permitted without having been written")
    };
    assert!(why.contains("cannot write"), "{why}");
    assert!(driver.world.cannot_write.is_some());
    let stored = driver.store.rollout(id).await.unwrap().unwrap();
    assert_eq!(stored.host(HOST).unwrap().boots, 0, "reads go on, nothing was written");
    let pause = Ask::Rollout { id, request: Request::Pause };
    let refused = driver.act(&ann(), "stop", pause).await.unwrap_err();
    assert!(matches!(refused, Refusal::Unavailable(_)), "a pause is not claimed: {refused}");
    driver.store.disturb("PRAGMA max_page_count = 1000000").await;
    let decision = ask(&mut driver, &mut lane, request.clone()).await;
    assert!(matches!(decision, PermitDecision::Granted { .. }), "{decision:?}");
    assert_eq!(driver.world.cannot_write, None);
    let hosts = driver.store.snapshot().await.unwrap().hosts;
    assert!(hosts.iter().any(|host| host.id == HostId(9)), "the report was kept for later");
}

#[tokio::test]
async fn no_permit_is_given_after_a_pause() {
    let dir = tempfile::tempdir().unwrap();
    let (mut driver, _threads) = driver(dir.path()).await;
    let (id, request, mut lane) = waiting_for_a_permit(&mut driver).await;
    // The question is there before the pause, the answer comes after it.
    driver.permits.push(request);
    driver.act(&ann(), "stop", Ask::Rollout { id, request: Request::Pause }).await.unwrap();
    driver.pass().await;
    let decision = lane.answers.try_recv().unwrap().decision;
    assert!(matches!(decision, PermitDecision::Denied(_)), "{decision:?}");
    let log = driver.store.audit(0, 1_000).await.unwrap();
    let pause = log.iter().find(|stored| stored.entry.act == "rollout.pause").unwrap();
    assert_eq!((pause.entry.who.as_str(), pause.entry.reason.as_str()), ("ann", "stop"));
}

#[tokio::test]
async fn two_controllers_on_one_store_come_to_one_history() {
    let dir = tempfile::tempdir().unwrap();
    let ((mut first, _a), (mut second, _b)) = (driver(dir.path()).await, driver(dir.path()).await);
    let (id, request, mut lane) = waiting_for_a_permit(&mut first).await;
    // The second has read nothing since the beginning, and yet its pause holds for the first.
    second.act(&ann(), "stop", Ask::Rollout { id, request: Request::Pause }).await.unwrap();
    let decision = ask(&mut first, &mut lane, request).await;
    assert!(matches!(decision, PermitDecision::Denied(_)), "{decision:?}");
    for _ in 0..5 {
        second.pass().await;
        first.pass().await;
    }
    let mut replayed = first.store.rollout_origin(id).await.unwrap().unwrap();
    for stored in first.store.events(id, 0, 10_000).await.unwrap() {
        replayed = apply(replayed, &stored.event).unwrap();
    }
    assert_eq!(replayed, first.store.rollout(id).await.unwrap().unwrap());
    assert_eq!(first.store.verify_audit().await.unwrap().broken, None);
}

#[tokio::test]
async fn a_plan_that_breaks_an_invariant_pauses_and_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let (mut driver, _threads) = driver(dir.path()).await;
    let (id, request, mut lane) = waiting_for_a_permit(&mut driver).await;
    for _ in 0..3 {
        let broken = [(None, "I1: too many hosts down".to_owned())];
        driver.stop(&broken, std::slice::from_ref(&request), clock::now()).await.unwrap();
        let decision = lane.answers.try_recv().unwrap().decision;
        assert!(matches!(decision, PermitDecision::Denied(Denied::NotNow(_))), "{decision:?}");
    }
    let rollout = driver.store.rollout(id).await.unwrap().unwrap();
    let RolloutPhase::Paused { reason: PauseReason::Violation { text }, resume_to } = rollout.phase
    else {
        panic!("it goes on")
    };
    assert!(text.contains("I1") && *resume_to == RolloutPhase::Canary, "{text}");
    let told = driver.store.incidents(false, 10).await.unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    let log = driver.store.audit(0, 1_000).await.unwrap();
    assert_eq!(log.iter().filter(|e| e.entry.reason.contains("I1")).count(), 1);
}

#[tokio::test]
async fn a_late_report_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (mut driver, _threads) = driver(dir.path()).await;
    let mut newer = report(HOST);
    newer.seq = 5;
    for report in [newer.clone(), report(HOST)] {
        let digest = report.digest();
        let facts = HostFacts { report: Arc::new(report), digest, seen: clock::now() };
        driver.take(super::Message::Report(facts), super::run::Due::Beat).await;
        driver.pass().await;
    }
    let hosts = driver.store.snapshot().await.unwrap().hosts;
    assert_eq!(hosts[0].report.as_deref(), Some(&newer));
    assert_eq!(driver.world.digests[&HOST], newer.digest());
}

#[tokio::test]
async fn a_second_person_approves() {
    let dir = tempfile::tempdir().unwrap();
    let (mut driver, _threads) = driver(dir.path()).await;
    let (first, ..) = waiting_for_a_permit(&mut driver).await;
    driver.act(&ann(), "end", Ask::Rollout { id: first, request: Request::Abort }).await.unwrap();
    let mut spec = spec();
    spec.name = "july".into();
    let begin = Ask::Start { spec: Box::new(spec), plan: None, draft: true };
    let begun = driver.act(&ann(), "later", begin).await;
    // Hosts of the first may still be on their way; then the second has to wait.
    let Ok(Done::Rollout(id)) = begun else {
        assert!(matches!(begun, Err(Refusal::NotNow(_))), "{begun:?}");
        return;
    };
    let approve = || Ask::Rollout { id, request: Request::Approve };
    let own = driver.act(&ann(), "yes", approve()).await.unwrap_err();
    assert!(own.to_string().contains("second person"), "{own}");
    let bob = Actor { name: "bob".into(), ..ann() };
    driver.act(&bob, "yes", approve()).await.unwrap();
    assert_ne!(driver.world.rollout(id).unwrap().phase, RolloutPhase::Draft);
}
