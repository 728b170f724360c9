use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::super::{Opened, Spool};
use super::*;

const BOUND: u64 = 64 << 10;

fn place() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("baselines");
    (dir, path)
}

fn open(path: &std::path::Path) -> (Spool, Option<BaselineSlot>) {
    let Opened { spool, begun } = Spool::open(path, BOUND).unwrap();
    (spool, begun)
}

fn numbers(spool: &Spool) -> Vec<u64> {
    spool.oldest(usize::MAX, usize::MAX).iter().map(|slot| slot.seq).collect()
}

#[test]
fn slots_wait_over_restarts_until_they_are_acknowledged() {
    let (_dir, path) = place();
    let (mut spool, begun) = open(&path);
    assert_eq!(begun, None);
    for start in 0..5 {
        spool.push(slot(1, start, 7)).unwrap();
    }
    drop(spool);
    let (mut spool, _) = open(&path);
    assert_eq!(numbers(&spool), [1, 2, 3, 4, 5]);
    assert_eq!(spool.oldest(1, usize::MAX)[0].slot, slot(1, 0, 7));
    assert_eq!(spool.oldest(3, 1).len(), 1, "one at least");
    spool.acked(3).unwrap();
    drop(spool);
    let (mut spool, _) = open(&path);
    assert_eq!(numbers(&spool), [4, 5]);
    spool.acked(u64::MAX).unwrap();
    assert!(spool.is_empty() && spool.size() < 64, "{}", spool.size());
    drop(spool);
    let (mut spool, _) = open(&path);
    assert!(spool.is_empty());
    spool.push(slot(2, 9, 7)).unwrap();
    assert_eq!(numbers(&spool), [6], "numbers go on");
}

#[test]
fn a_file_cut_anywhere_keeps_what_is_whole() {
    let (_dir, path) = place();
    let (mut spool, _) = open(&path);
    for start in 0..3 {
        spool.push(slot(1, start, 7)).unwrap();
    }
    drop(spool);
    let whole = fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let (mut spool, _) = open(&path);
        let before = numbers(&spool);
        assert_eq!(before, (1..=before.len() as u64).collect::<Vec<_>>(), "cut at {cut}");
        spool.push(slot(1, 9, 8)).unwrap();
        drop(spool);
        let (spool, _) = open(&path);
        let after = spool.oldest(9, usize::MAX);
        assert_eq!(after.len(), before.len() + 1, "cut at {cut}");
        assert_eq!(after.last().unwrap().slot, slot(1, 9, 8));
    }
}

#[test]
fn a_damaged_slot_takes_no_other_with_it() {
    let (_dir, path) = place();
    let (mut spool, _) = open(&path);
    for start in 0..3 {
        spool.push(slot(1, start, 7)).unwrap();
    }
    drop(spool);
    let whole = fs::read(&path).unwrap();
    let frame = (whole.len() - 16) / 3;
    for place in [0, 5, 9, 20, frame - 1] {
        let mut bytes = whole.clone();
        bytes[16 + frame + place] ^= 0x40;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(numbers(&open(&path).0), [1, 3], "at {place}");
    }
    fs::write(&path, b"something else").unwrap();
    assert!(open(&path).0.is_empty(), "it is begun anew");
}

#[test]
fn the_oldest_go_when_it_is_full() {
    let (_dir, path) = place();
    let (mut spool, _) = open(&path);
    let mut largest = 0;
    for start in 0..3_000 {
        spool.push(slot(1, start, 7)).unwrap();
        largest = largest.max(spool.size());
    }
    assert!(largest <= BOUND, "{largest}");
    let kept = numbers(&spool);
    assert_eq!(kept.last(), Some(&3_000));
    assert!(kept.len() > 300 && kept.windows(2).all(|two| two[0] + 1 == two[1]), "{}", kept.len());
    drop(spool);
    assert_eq!(numbers(&open(&path).0), kept);
    assert!(fs::metadata(&path).unwrap().len() <= BOUND);
}

#[test]
fn what_had_begun_goes_on_once() {
    let (_dir, path) = place();
    let (mut spool, _) = open(&path);
    spool.push(slot(1, 0, 7)).unwrap();
    spool.stop(Some(slot(1, 1, 5))).unwrap();
    drop(spool);
    let (mut spool, begun) = open(&path);
    assert_eq!(begun, Some(slot(1, 1, 5)));
    assert_eq!(numbers(&spool), [1], "it is not sent");
    spool.push(slot(1, 1, 9)).unwrap();
    drop(spool);
    let (spool, begun) = open(&path);
    assert_eq!(begun, None, "it has ended");
    assert_eq!(numbers(&spool), [1, 2]);
}

/// Appends to a spool until it is killed; says on standard output what it has kept.
const CHILD: &str = "WAVEGATE_TEST_SPOOL";

#[test]
fn child_that_is_killed() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let mut spool = Spool::open(PathBuf::from(path).as_path(), 16 << 20).unwrap().spool;
    for start in 0.. {
        spool.push(slot(1, start, 7)).unwrap();
        println!("\nkept {}", start + 1);
        std::io::stdout().flush().unwrap();
    }
}

#[test]
fn an_agent_that_is_killed_loses_nothing_that_it_kept() {
    use std::io::BufRead as _;
    let (_dir, path) = place();
    for round in 1..4u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "baseline::tests::spooled::child_that_is_killed", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let mut kept = || {
            lines.find_map(|line| {
                line.unwrap().strip_prefix("kept ").map(|n| n.parse::<u64>().unwrap())
            })
        };
        let said = (0..200 * round).map_while(|_| kept()).last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let spool = Spool::open(&path, 16 << 20).unwrap().spool;
        let found = spool.oldest(usize::MAX, usize::MAX);
        assert!(found.len() as u64 >= said, "{} of {said}", found.len());
        assert!(found.windows(2).all(|two| two[0].seq + 1 == two[1].seq));
        drop(spool);
        fs::remove_file(&path).unwrap();
    }
}
