//! Seeds of the simulator: the permanent ones, a few fresh ones, and determinism.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

use wavegate_integration_tests::cli::run_seeds;
use wavegate_integration_tests::sim::{Options, World};

/// Seeds that broke an invariant once, with the size of the run that did.
fn known() -> Vec<(u64, usize, u64)> {
    let text = include_str!("../seeds.txt");
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    lines
        .map(|line| {
            let mut words = line.split_whitespace();
            let mut number = || words.next().unwrap().parse::<u64>().unwrap();
            (number(), usize::try_from(number()).unwrap(), number())
        })
        .collect()
}

#[test]
fn seeds_that_failed_once_never_fail_again() {
    for (seed, hosts, hours) in known() {
        let mut world = World::new(Options::swarm(seed, hosts, hours), false);
        world.run_to_end();
        let violation = world.violation().map(ToString::to_string);
        assert_eq!(violation, None, "seed {seed}, {hosts} hosts, {hours} hours");
    }
}

#[test]
fn fresh_seeds_break_nothing() {
    let batch = run_seeds(&(10_000..10_060), |seed| Options::swarm(seed, 60, 6), 2, |_| {});
    let first = batch.first_violation.map(|first| (first.seed, first.text));
    assert_eq!(first, None);
}

#[test]
fn forged_orders_torn_ledgers_and_many_faults_break_nothing() {
    for seed in 20..50 {
        let mut world = World::new(Options::provoking(seed, 60, 3), false);
        world.run_to_end();
        let violation = world.violation().map(ToString::to_string);
        assert_eq!(violation, None, "seed {seed}");
    }
}

#[test]
fn equal_seeds_give_equal_hashes() {
    let small = |seed| Options::swarm(seed, 40, 4);
    let once = run_seeds(&(0..6), small, 2, |_| {});
    let again = run_seeds(&(0..6), small, 1, |_| {});
    assert_eq!(once.hash, again.hash);
    let other = run_seeds(&(1..7), small, 1, |_| {});
    assert_ne!(once.hash, other.hash);
}
