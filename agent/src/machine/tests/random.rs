//! Whatever happens, in whatever order: a switch is announced in the ledger, comes once per
//! order, and no host is left without its workload unless it says so.

use std::collections::BTreeSet;

use proptest::prelude::*;
use wavegate_common::{FailStep, Millis, Timestamp, TransactionStep};

use super::bench::{HOST, NEW, OLD};
use super::world::{Op, World, start_of};
use crate::ledger::compact;
use crate::machine::{Machine, MachineConfig, Now, Record};

fn ops(lossy: bool) -> impl Strategy<Value = Vec<Op>> {
    let loss = if lossy {
        any::<u8>().prop_map(Op::LoseRecords).boxed()
    } else {
        Just(Op::RefuseSwitch).boxed()
    };
    let op = prop_oneof![
        4 => (0..5u8, 0..6u8, any::<bool>(), prop_oneof![1 => 4..7u8, 3 => Just(5u8)])
            .prop_map(|(kind, id, fresh, generation)| Op::Send { kind, id, fresh, generation }),
        // Mostly a round of success, so that the late states are reached.
        6 => prop_oneof![4 => Just(0u8), 1 => 1..3u8].prop_map(Op::Done),
        3 => (any::<bool>(), prop_oneof![3 => Just(0u8), 1 => 1..4u8])
            .prop_map(|(yes, back)| Op::Permit { yes, back }),
        3 => prop_oneof![0..10_000u32, Just(61_000u32), Just(700_000u32), Just(22_000_000u32)]
            .prop_map(Op::Pass),
        3 => (prop::bool::weighted(0.8), prop::bool::weighted(0.1))
            .prop_map(|(healthy, held)| Op::Look { healthy, held }),
        20 => (0..6u8).prop_map(|id| Op::Further { id }),
        1 => (0..5u8).prop_map(Op::CrashAfter),
        1 => Just(Op::Compact),
        1 => Just(Op::FullDisk),
        1 => any::<bool>().prop_map(|onto_new| Op::Reboot { onto_new }),
        1 => loss,
    ];
    prop::collection::vec(op, 1..80)
}

/// Whether a host without its workload may stay so: it waits for a word, and says for which.
fn speaks_for_itself(step: &TransactionStep) -> bool {
    matches!(
        step,
        TransactionStep::Verified
            | TransactionStep::Failed { step: FailStep::Boot | FailStep::Verify, .. }
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn switches_are_announced_and_single_and_no_host_is_left_drained(ops in ops(false)) {
        let mut world = World::new();
        for op in ops {
            world.run(op);
        }
        world.settle();
        let last = world.machine.status().transaction;
        let waits = last.as_ref().is_some_and(|last| speaks_for_itself(&last.step));
        // It waited for a word and was told to stage another kernel.
        let speaks = waits || world.machine.history.owed.is_none();
        prop_assert!(!world.drained || speaks, "left drained as {last:?}");
    }

    /// A shortened ledger tells the machine the same, whatever it wakes up to.
    #[test]
    fn a_shortened_ledger_starts_the_machine_alike(ops in ops(false)) {
        let mut world = World::new();
        for op in ops {
            world.run(op);
        }
        let short = compact(&world.disk);
        prop_assert_eq!(&compact(&short), &short, "shortening twice changes nothing more");
        let now = Now { boottime: Millis::mins(1), wall: Timestamp(1) };
        for (boot, kernel) in [(0, world.kernel), (1, OLD), (1, NEW), (1, "5.10")] {
            let begin = |ledger: &[Record]| {
                let start = start_of(world.boot + boot, kernel, ledger.to_vec(), 0);
                let (machine, effects) = Machine::start(HOST, start, MachineConfig::default(), now);
                (machine.status(), effects)
            };
            prop_assert_eq!(begin(&world.disk), begin(&short));
        }
    }

    /// Even if the disk forgets what it had promised, an order made for one boot does not lead
    /// to a switch out of another.
    #[test]
    fn a_ledger_that_lost_its_end_does_not_double_a_switch(ops in ops(true)) {
        let mut world = World::new();
        world.honest = true;
        for op in ops {
            world.run(op);
        }
    }
}

#[test]
fn the_random_world_reaches_every_state() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut met = BTreeSet::new();
    for _ in 0..1500 {
        let drawn = ops(false).new_tree(&mut runner).unwrap().current();
        let mut world = World::new();
        for op in drawn {
            world.run(op);
            if let Some(last) = world.machine.status().transaction {
                let words = format!("{:?}", last.step);
                met.insert(words.split([' ', '{']).next().unwrap_or_default().to_owned());
            }
        }
    }
    for step in [
        "Staging",
        "Staged",
        "Draining",
        "AwaitingPermit",
        "Trial",
        "Verified",
        "Confirmed",
        "Aborted",
        "FellBack",
        "Failed",
    ] {
        assert!(met.contains(step), "{step} was never reached: {met:?}");
    }
}
