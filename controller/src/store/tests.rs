//! Conformance of the store, on real files.

use std::path::Path;
use std::sync::Arc;

use wavegate_common::view::{TokenBinding, TokenState};
use wavegate_common::{
    BootCause, BootId, BootRecord, Digest, Facts, Generation, Health, HostId, HostReport, Labels,
    RolloutId, Timestamp,
};
use wavegate_core::{KnownBad, KnownBadEntry};

use super::*;
use crate::audit::Entry;
use crate::trust::{EnrolToken, Token};

fn entry(n: u64) -> Entry {
    Entry::by_controller(Timestamp(n as i64), "test.write", n.to_string(), String::new())
}

fn open(dir: &Path) -> (Store, StoreThreads) {
    Store::open(dir, Timestamp(1)).unwrap()
}

fn commit(parent: u64, n: u64) -> Arc<Commit> {
    let commit = Commit {
        parent: Generation(parent),
        at: Timestamp(n as i64),
        audit: vec![entry(n)],
        ..Commit::default()
    };
    Arc::new(commit)
}

fn report(host: u128, seq: u64) -> HostFacts {
    let report = HostReport {
        host: HostId(host),
        seq,
        name: format!("host-{host}"),
        labels: Labels::new(),
        facts: Facts::default(),
        boot: BootRecord {
            boot_id: BootId(1),
            kernel: "6.1".into(),
            booted_at: Timestamp(1),
            cause: BootCause::First,
        },
        installed: vec!["6.1".into()],
        default_kernel: None,
        health: Health::default(),
        transaction: None,
        generation: Generation(0),
        guard: Vec::new(),
        no_kexec: Vec::new(),
        drift: Vec::new(),
    };
    let digest = report.digest();
    HostFacts { report: Arc::new(report), digest, seen: Timestamp(seq as i64) }
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (store, threads) = open(dir.path());
    let known = KnownBad {
        entries: vec![KnownBadEntry {
            release: Digest::of(b"k"),
            class: Some("c".into()),
            host: None,
            rollout: RolloutId(1),
            at: Timestamp(3),
            what: "panic".into(),
        }],
    };
    let all = Commit {
        facts: vec![report(7, 1)],
        known_bad: Some(known.clone()),
        audit: vec![entry(1)],
        ..Commit::default()
    };
    let committed = store.commit(Arc::new(all)).await.unwrap();
    assert_eq!(committed.generation, Generation(1));
    drop(store);
    threads.join();
    let (store, _threads) = open(dir.path());
    let snapshot = store.snapshot().await.unwrap();
    assert_eq!(snapshot.generation, Generation(1));
    assert_eq!(snapshot.known_bad, known);
    assert_eq!(snapshot.hosts[0].report.as_ref().unwrap().seq, 1);
    assert_eq!(store.verify_audit().await.unwrap().entries, 1);
}

#[tokio::test]
async fn of_two_controllers_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let ((first, _a), (second, _b)) = (open(dir.path()), open(dir.path()));
    let plans = [first.commit(commit(0, 1)), second.commit(commit(0, 2))];
    let mut outcomes = Vec::new();
    for plan in plans {
        outcomes.push(plan.await);
    }
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let lost = outcomes.into_iter().find_map(Result::err).unwrap();
    assert!(matches!(lost, StoreError::Conflict { found: Generation(1), .. }), "{lost}");
    // The loser reads what the winner wrote, and goes on from there.
    assert_eq!(second.generation().await.unwrap(), Generation(1));
    second.commit(commit(1, 3)).await.unwrap();
    assert_eq!(first.snapshot().await.unwrap().generation, Generation(2));
    assert_eq!(first.verify_audit().await.unwrap().entries, 2, "the loser wrote nothing");
}

#[tokio::test]
async fn one_refused_write_takes_no_other_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _threads) = open(dir.path());
    // All wait in the queue together, so that they share transactions.
    let writes: Vec<_> = (0..100)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                if n % 10 == 0 {
                    store.commit(commit(99, n)).await.map(|_| ())
                } else {
                    store.append_audit(entry(n)).await
                }
            })
        })
        .collect();
    let mut refused = 0;
    for write in writes {
        refused += u32::from(write.await.unwrap().is_err());
    }
    assert_eq!(refused, 10);
    let log = store.verify_audit().await.unwrap();
    assert_eq!((log.entries, log.broken), (90, None));
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_goes_on_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _threads) = open(dir.path());
    store.append_audit(entry(1)).await.unwrap();
    // SQLite's own limit gives the very error of a full disk.
    store.disturb("PRAGMA max_page_count = 1").await;
    let big = || Entry::by_controller(Timestamp(2), "test", "x".repeat(100_000), String::new());
    let error = store.append_audit(big()).await.unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(error.to_string().contains("resumes by itself"), "{error}");
    let error = store.commit(commit(0, 5)).await;
    assert_eq!(store.verify_audit().await.unwrap().broken, None, "reads go on; {error:?}");
    store.disturb("PRAGMA max_page_count = 1000000").await;
    store.append_audit(big()).await.unwrap();
    assert_eq!(store.verify_audit().await.unwrap().broken, None);
}

#[tokio::test]
async fn a_changed_audit_entry_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _threads) = open(dir.path());
    for n in 1..=5 {
        store.append_audit(entry(n)).await.unwrap();
    }
    assert_eq!(store.verify_audit().await.unwrap().broken, None);
    store
        .disturb(
            "DROP TRIGGER audit_keeps_rows;
             UPDATE audit SET body = replace(body, 'test.write', 'test.wrote') WHERE seq = 3",
        )
        .await;
    assert_eq!(store.verify_audit().await.unwrap().broken.unwrap().seq, 3);
    let page = store.audit(1, 2).await.unwrap();
    assert_eq!(page.iter().map(|e| e.seq).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn the_audit_log_and_events_cannot_be_changed_by_statements() {
    let dir = tempfile::tempdir().unwrap();
    let (store, threads) = open(dir.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.append_audit(entry(1))).unwrap();
    drop(store);
    threads.join();
    let conn = rusqlite::Connection::open(dir.path().join(FILE)).unwrap();
    for sql in ["DELETE FROM audit", "UPDATE audit SET at = 0"] {
        let error = conn.execute(sql, []).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{sql}: {error}");
    }
}

#[test]
fn a_damaged_database_is_refused_with_what_to_do() {
    for keep in [0.0, 0.001, 0.5, 2.0] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        std::fs::create_dir(dir.path().join("pki")).unwrap();
        if keep <= 1.0 {
            // Cut off, as after a broken copy.
            let (store, threads) = open(dir.path());
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            for n in 0..50 {
                let mut wide = entry(n);
                wide.reason = "x".repeat(5_000);
                runtime.block_on(store.append_audit(wide)).unwrap();
            }
            drop(store);
            threads.join();
            let whole = std::fs::read(&path).unwrap();
            let kept = (whole.len() as f64 * keep) as usize;
            std::fs::write(&path, &whole[..kept]).unwrap();
        } else {
            std::fs::write(&path, "not a database at all".repeat(100)).unwrap();
        }
        let before = std::fs::read(&path).unwrap();
        let error = Store::open(dir.path(), Timestamp(1)).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("restore a backup"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before, "nothing was changed");
    }
}

#[tokio::test]
async fn a_token_admits_once() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _threads) = open(dir.path());
    let token = Token::generate().unwrap();
    let stored = StoredToken {
        token: EnrolToken {
            digest: token.digest(),
            binding: TokenBinding::Host { name: "web-1".into() },
            made_by: "admin".into(),
            made_at: Timestamp(1),
            expires: Timestamp(100),
            state: TokenState::Open,
        },
        reason: "test".into(),
    };
    store.add_token(stored.clone(), entry(1)).await.unwrap();
    let take = |host: u128| {
        store.use_token(token.digest(), entry(2), move |_| {
            Ok(Joins::Host { id: HostId(host), name: "web-1".into() })
        })
    };
    let (first, second) = tokio::join!(take(1), take(2));
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    let hosts = store.snapshot().await.unwrap().hosts;
    assert_eq!(hosts.len(), 1, "whoever was refused is not enrolled");
    let kept = store.token(token.digest()).await.unwrap().unwrap();
    assert!(matches!(kept.token.state, TokenState::Used { .. }));
    let text = std::fs::read(dir.path().join(FILE)).unwrap();
    assert!(!String::from_utf8_lossy(&text).contains(token.text()), "the secret is not kept");
}

#[tokio::test]
async fn the_generation_never_goes_down() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _threads) = open(dir.path());
    assert_eq!(store.lift_generation(Generation(8), entry(1)).await.unwrap(), Generation(8));
    assert_eq!(store.lift_generation(Generation(3), entry(2)).await.unwrap(), Generation(8));
    assert!(matches!(store.commit(commit(0, 3)).await, Err(StoreError::Conflict { .. })));
}

#[tokio::test]
async fn a_copy_taken_while_others_write_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _threads) = open(dir.path());
    let writing = {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0..200 {
                store.append_audit(entry(n)).await.unwrap();
            }
        })
    };
    store.append_audit(entry(1_000)).await.unwrap();
    let to = tempfile::tempdir().unwrap();
    let (from, target) = (dir.path().to_owned(), to.path().to_owned());
    let copied = tokio::task::spawn_blocking(move || copy(&from, &target)).await.unwrap().unwrap();
    writing.await.unwrap();
    assert!(copied.audit.entries >= 1 && copied.audit.broken.is_none(), "{:?}", copied.audit);
    let (restored, _threads) = open(to.path());
    assert_eq!(restored.verify_audit().await.unwrap(), copied.audit);
}

#[test]
fn a_second_process_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let LockState::Ours(lock) = Lock::take(dir.path()).unwrap() else { panic!("it was free") };
    assert!(matches!(Lock::take(dir.path()).unwrap(), LockState::Taken));
    drop(lock);
    assert!(matches!(Lock::take(dir.path()).unwrap(), LockState::Ours(_)));
}
