//! Coming up: boot id and ledger tell what happened.

use wavegate_common::{
    Action, BootCause, BootMethod, CommandId, FailStep, Millis, TransactionStep,
};

use super::bench::{Bench, NEW, OLD, boot_order, is_aborted};
use crate::machine::{Done, DrainOutcome, Effect, MachineConfig, Record};

fn panic_record() -> BootCause {
    BootCause::Panic { evidence: "VFS: unable to mount root fs".into() }
}

fn acts(effects: &[Effect]) -> Vec<Effect> {
    let silent = |e: &&Effect| !matches!(e, Effect::Report | Effect::Log(_));
    effects.iter().filter(silent).cloned().collect()
}

#[test]
fn the_first_boot_is_the_first_and_stays_it() {
    let mut bench = Bench::new();
    assert_eq!(bench.status().boot.cause, BootCause::First);
    bench.restart();
    assert_eq!(bench.status().boot.cause, BootCause::First);
}

#[test]
fn an_unasked_reboot_is_told_by_its_evidence_once_and_for_good() {
    for evidence in [BootCause::Operator, panic_record(), BootCause::Watchdog, BootCause::Unknown] {
        let mut bench = Bench::new();
        bench.boot(OLD, evidence.clone());
        assert_eq!(bench.status().boot.cause, evidence);
        assert_eq!(bench.restart(), []);
        assert_eq!(bench.status().boot.cause, evidence, "the evidence was read once");
    }
}

#[test]
fn coming_up_on_the_wanted_kernel_is_a_commanded_reboot_and_a_trial() {
    let mut bench = Bench::new();
    let request = bench.until_question(1);
    bench.grant(&request);
    let effects = bench.boot(NEW, BootCause::Unknown);
    let by_us = BootCause::Commanded { command: CommandId(1), method: BootMethod::Kexec };
    assert_eq!(bench.status().boot.cause, by_us);
    assert_eq!(bench.step(), TransactionStep::Trial);
    assert_eq!(acts(&effects).len(), 2, "boot and cause: {effects:?}");
    bench.restart();
    assert_eq!(bench.status().boot.cause, by_us);
    assert_eq!(bench.step(), TransactionStep::Trial);
}

#[test]
fn coming_up_on_the_old_kernel_is_a_fall_back_and_never_tried_again() {
    let mut bench = Bench::new();
    let request = bench.until_question(1);
    let again = bench.order(1, Action::Activate(boot_order()));
    bench.grant(&request);
    let effects = bench.boot(OLD, panic_record());
    assert!(effects.contains(&Effect::Undrain), "{effects:?}");
    let evidence = "VFS: unable to mount root fs".to_owned();
    assert_eq!(bench.step(), TransactionStep::FellBack { evidence: evidence.clone() });
    let cause = BootCause::FellBack { command: CommandId(1), evidence };
    assert_eq!(bench.status().boot.cause, cause);
    bench.done(Done::Undrained(Ok(())));
    bench.look();
    let mut again = again;
    again.precondition.boot_id = bench.status().boot.boot_id;
    assert_eq!(bench.send(again), []);
    assert_eq!(bench.restart(), []);
    assert!(matches!(bench.step(), TransactionStep::FellBack { .. }));
}

#[test]
fn coming_up_on_a_third_kernel_is_a_failed_boot_that_stays_drained() {
    let mut bench = Bench::new();
    let request = bench.until_question(1);
    bench.grant(&request);
    let effects = bench.boot("5.10", BootCause::Unknown);
    assert!(!effects.contains(&Effect::Undrain), "{effects:?}");
    assert!(matches!(bench.step(), TransactionStep::Failed { step: FailStep::Boot, .. }));
}

#[test]
fn killed_between_ledger_and_reboot_wastes_the_permit_and_never_doubles() {
    let mut bench = Bench::new();
    let request = bench.until_question(1);
    let copy = bench.order(1, Action::Activate(boot_order()));
    bench.grant(&request);
    let effects = bench.restart();
    assert!(
        matches!(
            effects[..],
            [Effect::Append(Record::Aborted { .. }), Effect::Disarm, Effect::Undrain]
        ),
        "{effects:?}"
    );
    assert!(is_aborted(&bench.step(), "between permit and reboot"));
    bench.done(Done::Disarmed(Ok(())));
    bench.done(Done::Undrained(Ok(())));
    assert_eq!(bench.send(copy), []);
    assert_eq!(bench.grant(&request), []);
    // A new order goes through: no reboot was had, so none is held against it.
    let request = bench.until_question(2);
    assert!(super::bench::switches(&bench.grant(&request)));
}

#[test]
fn a_reboot_that_came_after_all_is_believed() {
    let mut bench = Bench::new();
    let request = bench.until_question(1);
    bench.grant(&request);
    bench.restart();
    bench.boot(NEW, BootCause::Operator);
    assert_eq!(bench.step(), TransactionStep::Trial);
    let by_us = BootCause::Commanded { command: CommandId(1), method: BootMethod::Kexec };
    assert_eq!(bench.status().boot.cause, by_us);
}

#[test]
fn an_order_open_at_a_restart_or_an_unasked_reboot_is_given_up() {
    type Road = fn(&mut Bench);
    let roads: [Road; 3] = [
        |bench| {
            let _ = bench.activate(1);
        },
        |bench| {
            bench.activate(1);
            bench.done(Done::Drained(DrainOutcome::Drained));
        },
        |bench| {
            let _ = bench.until_question(1);
        },
    ];
    for road in roads {
        for reboots in [false, true] {
            let mut bench = Bench::new();
            road(&mut bench);
            let effects =
                if reboots { acts(&bench.boot(OLD, BootCause::Operator)) } else { bench.restart() };
            let end = &effects[effects.len() - 3..];
            assert!(
                matches!(
                    end,
                    [Effect::Append(Record::Aborted { .. }), Effect::Disarm, Effect::Undrain]
                ),
                "{effects:?}"
            );
            assert!(is_aborted(&bench.step(), "started anew"));
            if reboots {
                assert_eq!(bench.status().boot.cause, BootCause::Operator);
            }
        }
    }
}

#[test]
fn a_crash_in_the_trial_that_ends_on_the_old_kernel_is_a_fall_back() {
    let mut bench = Bench::new();
    bench.until_trial(1);
    let effects = bench.boot(OLD, BootCause::Watchdog);
    assert!(effects.contains(&Effect::Undrain));
    assert!(matches!(bench.step(), TransactionStep::FellBack { .. }));
    assert!(matches!(bench.status().boot.cause, BootCause::FellBack { .. }));
}

#[test]
fn after_two_boots_on_the_new_kernel_without_proof_it_is_over() {
    let mut bench = Bench::new();
    bench.until_trial(1);
    bench.boot(NEW, BootCause::Watchdog);
    assert_eq!(bench.status().boot.cause, BootCause::Watchdog);
    assert_eq!(bench.step(), TransactionStep::Trial);
    bench.boot(NEW, BootCause::Watchdog);
    assert!(matches!(bench.step(), TransactionStep::Failed { step: FailStep::Verify, .. }));
}

#[test]
fn one_reboot_by_order_in_the_gap_but_the_way_back_is_open_once() {
    let mut bench = Bench::new();
    bench.until_confirmed(1, 2);
    assert_eq!(bench.status().guard, ["rebooted by order less than 6h ago"]);
    let mut onward = boot_order();
    onward.release = super::bench::release("6.12");
    let third = bench.order(3, Action::Activate(onward.clone()));
    assert!(matches!(bench.send(third)[..], [Effect::Append(Record::Refused { .. })]));
    assert!(is_aborted(&bench.step(), "6h"));

    let mut back = boot_order();
    back.release = wavegate_common::Release::installed(OLD.into());
    let rollback = bench.order(4, Action::Activate(back));
    assert_eq!(bench.send(rollback).len(), 2);
    bench.done(Done::Drained(DrainOutcome::Drained));
    let effects = bench.done(Done::Armed(Ok(BootMethod::Firmware)));
    let request = super::bench::asked(&effects).unwrap();
    assert!(super::bench::switches(&bench.grant(&request)));
    bench.boot(OLD, BootCause::Unknown);
    bench.look();
    bench.pass(Millis::mins(2));
    bench.look();
    bench.confirm(5);
    bench.done(Done::Confirmed(Ok(())));

    // And not to and fro for ever.
    assert!(matches!(bench.activate(6)[..], [Effect::Append(Record::Refused { .. })]));
    assert!(is_aborted(&bench.step(), "6h"));
}

#[test]
fn the_gap_is_measured_in_uptime_and_remembered_when_it_is_over() {
    let mut bench = Bench::new();
    bench.until_confirmed(1, 2);
    // A wall clock that jumps by ten years changes nothing.
    bench.wall += 10 * 365 * 86_400_000;
    bench.restart();
    assert_eq!(bench.status().guard.len(), 1);
    let effects = bench.pass(Millis::hours(6));
    assert!(matches!(effects[..], [Effect::Append(Record::Rested { .. })]), "{effects:?}");
    assert!(bench.status().guard.is_empty());
    bench.boot(NEW, BootCause::Operator);
    assert!(bench.status().guard.is_empty(), "the boot after it is not held back");
}

#[test]
fn a_gap_of_zero_holds_nothing_back() {
    let config = MachineConfig { min_reboot_gap: Millis(0), ..MachineConfig::default() };
    let mut bench = Bench::with(config);
    bench.until_confirmed(1, 2);
    assert!(bench.status().guard.is_empty());
}
