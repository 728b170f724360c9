//! Drain and arm: every way out brings the workload back.

use wavegate_common::{Action, BootMethod, BootOrder, FailStep, Millis, TransactionStep};

use super::bench::{Bench, boot_order, is_aborted};
use crate::machine::{Done, DrainOutcome, Effect, Input, Record};

fn later(said: &str) -> Done {
    Done::Drained(DrainOutcome::TryLater(said.to_owned()))
}

/// Given up: on record, disarmed, undrained.
fn gives_up(effects: &[Effect]) -> bool {
    matches!(
        effects,
        [
            Effect::Append(Record::Aborted { .. } | Record::Failed { .. }),
            Effect::Disarm,
            Effect::Undrain
        ]
    )
}

#[test]
fn a_hook_that_wants_to_be_tried_later_is_and_is_shown() {
    let mut bench = Bench::new();
    bench.activate(1);
    bench.done(later("2 jobs left"));
    assert_eq!(bench.step(), TransactionStep::Draining { waiting: Some("2 jobs left".into()) });
    assert_eq!(bench.pass(Millis::secs(9)), []);
    let timeout = Millis(boot_order().drain_timeout.0 - 10_000);
    assert_eq!(bench.pass(Millis::secs(1)), [Effect::Drain { timeout }]);
    bench.done(Done::Drained(DrainOutcome::Drained));
    assert!(matches!(bench.log.iter().rev().find(|e| **e != Effect::Report), Some(Effect::Arm(_))));
}

#[test]
fn draining_ends_at_the_drain_timeout_however_it_waits() {
    let timeout = boot_order().drain_timeout;
    for said in [None, Some("later")] {
        let mut bench = Bench::new();
        bench.activate(1);
        if let Some(said) = said {
            bench.done(later(said));
        }
        let effects = bench.pass(timeout);
        assert!(gives_up(&effects), "{said:?}: {effects:?}");
        assert!(is_aborted(&bench.step(), "5m"), "{:?}", bench.step());
        // The hooks answer after all: too late.
        assert_eq!(bench.done(Done::Drained(DrainOutcome::Drained)), []);
    }
}

#[test]
fn waiting_for_a_permit_ends_at_the_drain_timeout() {
    let mut bench = Bench::new();
    let request = bench.until_question(1);
    let effects = bench.pass(boot_order().drain_timeout);
    assert!(gives_up(&effects), "{effects:?}");
    assert!(is_aborted(&bench.step(), "no permit"));
    assert_eq!(bench.grant(&request), []);
}

#[test]
fn a_step_that_fails_is_reported_and_undone() {
    type Road = fn(&mut Bench) -> Vec<Effect>;
    let table: [(FailStep, Road); 3] = [
        (FailStep::Drain, |bench| bench.done(Done::Drained(DrainOutcome::Failed("no".into())))),
        (FailStep::Arm, |bench| {
            bench.done(Done::Drained(DrainOutcome::Drained));
            bench.done(Done::Armed(Err("no".into())))
        }),
        (FailStep::Switch, |bench| {
            bench.done(Done::Drained(DrainOutcome::Drained));
            let effects = bench.done(Done::Armed(Ok(BootMethod::Kexec)));
            let request = super::bench::asked(&effects).unwrap();
            bench.grant(&request);
            bench.done(Done::SwitchFailed("no".into()))
        }),
    ];
    for (step, road) in table {
        let mut bench = Bench::new();
        bench.activate(1);
        let effects = road(&mut bench);
        assert!(gives_up(&effects), "{step}: {effects:?}");
        assert_eq!(bench.step(), TransactionStep::Failed { step, reason: "no".into() });
    }
}

#[test]
fn a_cancel_before_the_switch_gives_up_and_after_it_does_not() {
    type Road = fn(&mut Bench);
    let roads: [Road; 4] = [
        |bench| {
            let _ = bench.activate(1);
        },
        |bench| {
            bench.activate(1);
            bench.done(later("busy"));
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
        let mut bench = Bench::new();
        road(&mut bench);
        let effects = bench.cancel(2);
        assert!(gives_up(&effects), "{effects:?}");
        assert!(is_aborted(&bench.step(), "cancelled"));
    }
    let mut bench = Bench::new();
    let request = bench.until_question(1);
    bench.grant(&request);
    assert_eq!(bench.cancel(2), []);
    assert_eq!(bench.step(), TransactionStep::Switching);
}

#[test]
fn a_cancel_stops_staging_without_touching_the_workload() {
    let mut bench = Bench::new();
    let release = super::bench::release(super::bench::NEW);
    let stage = bench.order(1, Action::Stage { release });
    bench.send(stage);
    let effects = bench.cancel(2);
    assert!(matches!(effects[..], [Effect::Append(Record::Aborted { .. })]), "{effects:?}");
    assert_eq!(bench.done(Done::Staged(Ok(()))), []);
    assert!(is_aborted(&bench.step(), "cancelled"));
}

#[test]
fn the_drain_of_an_order_given_up_does_not_count_for_the_next() {
    let mut bench = Bench::new();
    bench.activate(1);
    bench.cancel(2);
    bench.activate(3);
    assert_eq!(bench.done(Done::Drained(DrainOutcome::Drained)), []);
    bench.done(Done::Disarmed(Ok(())));
    bench.done(Done::Undrained(Ok(())));
    assert_eq!(bench.step(), TransactionStep::Draining { waiting: None });
    let effects = bench.done(Done::Drained(DrainOutcome::Drained));
    assert!(matches!(effects[..], [Effect::Arm(_)]), "{effects:?}");
}

#[test]
fn an_impossible_kexec_is_refused_before_the_workload_is_drained() {
    let why = "the watchdog stops over a kexec";
    for (method, begins) in
        [(BootMethod::Kexec, false), (BootMethod::Auto, true), (BootMethod::Firmware, true)]
    {
        let mut bench = Bench::new();
        bench.seen.no_kexec = vec![why.into()];
        bench.look();
        let action = Action::Activate(BootOrder { method, ..boot_order() });
        let effects = bench.send(bench.order(1, action));
        let drains = effects.iter().any(|effect| matches!(effect, Effect::Drain { .. }));
        assert_eq!(drains, begins, "{method:?}: {effects:?}");
        assert_eq!(is_aborted(&bench.step(), why), !begins, "{method:?}: {:?}", bench.step());
    }
}

#[test]
fn a_reason_that_comes_up_while_draining_holds_the_question_back() {
    let mut bench = Bench::new();
    bench.activate(1);
    bench.seen.guard = vec!["array md0 is degraded".into()];
    bench.look();
    bench.done(Done::Drained(DrainOutcome::Drained));
    assert_eq!(bench.done(Done::Armed(Ok(BootMethod::Kexec))), []);
    assert_eq!(bench.step(), TransactionStep::AwaitingPermit);
    assert_eq!(bench.pass(Millis::secs(30)), []);
    bench.seen.guard.clear();
    let effects = bench.look();
    assert!(super::bench::asked(&effects).is_some(), "{effects:?}");
}

#[test]
fn long_words_of_a_hook_are_cut() {
    let mut bench = Bench::new();
    bench.activate(1);
    bench.done(later(&"ä".repeat(10_000)));
    let TransactionStep::Draining { waiting: Some(said) } = bench.step() else { panic!() };
    assert_eq!(said.len(), 2048);
}

#[test]
fn a_ledger_that_cannot_be_written_ends_everything_that_can_be_ended() {
    let mut bench = Bench::new();
    let request = bench.until_question(1);
    let effects = bench.acts(Input::LedgerFailed("no space left on device".into()));
    assert_eq!(effects, [Effect::Disarm, Effect::Undrain]);
    assert!(bench.status().guard.iter().any(|reason| reason.contains("no space left")));
    assert_eq!(bench.grant(&request), []);
    assert_eq!(bench.activate(2), []);
    assert!(is_aborted(&bench.step(), "ledger cannot be written"));
}

#[test]
fn the_way_back_of_the_workload_survives_a_batch_that_was_dropped() {
    let mut bench = Bench::new();
    bench.activate(1);
    bench.cancel(2);
    let effects = bench.acts(Input::LedgerFailed("input/output error".into()));
    assert_eq!(effects, [Effect::Disarm, Effect::Undrain]);
}

#[test]
fn a_cancel_of_an_order_that_never_came_is_answered() {
    let mut bench = Bench::new();
    bench.cancel(2);
    let transaction = bench.machine.status().transaction.unwrap();
    assert_eq!(transaction.command, wavegate_common::CommandId(2));
    assert!(is_aborted(&transaction.step, "before it came"));
}

#[test]
fn a_host_does_not_its_work_until_the_workload_is_back() {
    let mut bench = Bench::new();
    bench.activate(1);
    assert!(!bench.machine.status().workload_away);
    bench.cancel(2);
    let status = bench.machine.status();
    assert!(status.workload_away);
    let health = wavegate_common::Health::of(vec![]);
    assert_eq!(status.health(&health).failed(), "workload");
    bench.done(Done::Disarmed(Ok(())));
    bench.done(Done::Undrained(Ok(())));
    assert!(!bench.machine.status().workload_away);
}
