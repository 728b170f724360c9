//! The new kernel proves itself, or the host goes back.

use wavegate_common::{BootCause, FailStep, Health, Millis, Release, TransactionStep};

use super::bench::{Bench, NEW, OLD, boot_order, healthy, unhealthy};
use crate::machine::{Done, Effect, Record};

fn reverts(effects: &[Effect]) -> bool {
    matches!(effects, [Effect::Append(Record::RevertBegun { .. }), Effect::Revert { .. }])
}

fn parked(bench: &Bench, words: &str) -> bool {
    matches!(
        bench.step(),
        TransactionStep::Failed { step: FailStep::Verify, reason } if reason.contains(words)
    )
}

#[test]
fn healthy_for_the_whole_soak_verifies() {
    let mut bench = Bench::new();
    bench.until_trial(1);
    bench.pass(Millis(boot_order().soak.0 - 1));
    assert_eq!(bench.look(), []);
    assert_eq!(bench.step(), TransactionStep::Trial);
    let effects = bench.pass(Millis(1));
    assert!(matches!(effects[..], [Effect::Append(Record::Verified { .. })]), "{effects:?}");
    assert_eq!(bench.step(), TransactionStep::Verified);
    bench.restart();
    assert_eq!(bench.step(), TransactionStep::Verified);
}

#[test]
fn one_bad_or_missing_finding_begins_the_soak_anew() {
    for bad in [unhealthy(), Health::default()] {
        let mut bench = Bench::new();
        bench.until_trial(1);
        bench.pass(Millis::secs(50));
        bench.seen.health = bad;
        bench.look();
        bench.seen.health = healthy();
        bench.look();
        bench.pass(Millis::secs(59));
        bench.look();
        assert_eq!(bench.step(), TransactionStep::Trial);
        bench.pass(Millis::secs(1));
        bench.look();
        assert_eq!(bench.step(), TransactionStep::Verified);
    }
}

#[test]
fn old_findings_prove_nothing() {
    let mut bench = Bench::new();
    bench.until_trial(1);
    assert_eq!(bench.pass(Millis::mins(5)), []);
    bench.look();
    assert_eq!(bench.step(), TransactionStep::Trial, "nobody looked for five minutes");
    bench.pass(Millis::secs(60));
    assert_eq!(bench.step(), TransactionStep::Verified);
}

#[test]
fn checks_that_do_not_pass_in_time_send_the_host_back_once() {
    let mut bench = Bench::new();
    bench.until_trial(1);
    bench.seen.health = unhealthy();
    bench.look();
    assert_eq!(bench.pass(Millis::mins(9)), []);
    let effects = bench.pass(Millis::secs(30));
    assert!(reverts(&effects), "{effects:?}");
    assert_eq!(bench.pass(Millis::mins(9)), []);
    let effects = bench.boot(OLD, BootCause::Unknown);
    assert!(effects.contains(&Effect::Undrain));
    let TransactionStep::FellBack { evidence } = bench.step() else { panic!("{:?}", bench.step()) };
    assert!(evidence.contains("went back by itself") && evidence.contains("units"), "{evidence}");
}

#[test]
fn the_limit_holds_over_restarts_of_the_agent() {
    let mut bench = Bench::new();
    bench.until_trial(1);
    bench.seen.health = unhealthy();
    bench.boottime = Millis(boot_order().verify_timeout.0 - 1);
    bench.restart();
    let effects = bench.pass(Millis(1));
    assert!(reverts(&effects), "{effects:?}");
}

#[test]
fn an_agent_that_starts_late_looks_before_it_judges() {
    let mut bench = Bench::new();
    bench.until_trial(1);
    bench.boottime = Millis::hours(2);
    bench.start(BootCause::Unknown);
    assert_eq!(bench.pass(Millis::secs(1)), []);
    assert_eq!(bench.look(), [], "it is healthy: let it prove itself");
    bench.pass(Millis::secs(60));
    bench.look();
    assert_eq!(bench.step(), TransactionStep::Verified);

    let mut blind = Bench::new();
    blind.until_trial(1);
    blind.boottime = Millis::hours(2);
    blind.start(BootCause::Unknown);
    assert!(reverts(&blind.pass(Millis::secs(60))));
}

#[test]
fn checks_that_stopped_running_do_not_hold_up_the_way_back() {
    let mut bench = Bench::new();
    bench.until_trial(1);
    bench.boottime = boot_order().verify_timeout;
    assert!(reverts(&bench.pass(Millis(0))));
}

#[test]
fn a_way_back_that_leads_to_the_new_kernel_again_is_not_tried_twice() {
    let mut bench = Bench::new();
    bench.until_trial(1);
    bench.seen.health = unhealthy();
    bench.look();
    assert!(reverts(&bench.pass(Millis::mins(10))));
    bench.boot(NEW, BootCause::Unknown);
    assert!(parked(&bench, "new kernel again"));
    bench.look();
    assert_eq!(bench.pass(Millis::hours(1)), []);
}

#[test]
fn a_way_back_cut_short_is_not_tried_twice() {
    let mut bench = Bench::new();
    bench.until_trial(1);
    bench.seen.health = unhealthy();
    bench.look();
    assert!(reverts(&bench.pass(Millis::mins(10))));
    bench.restart();
    assert!(parked(&bench, "did not happen"));
    assert_eq!(bench.pass(Millis::hours(1)), []);
    // And if it happened after all, it is seen.
    bench.boot(OLD, BootCause::Unknown);
    assert!(matches!(bench.step(), TransactionStep::FellBack { .. }));
}

#[test]
fn a_way_back_that_the_machine_refuses_parks_it() {
    let mut bench = Bench::new();
    bench.until_trial(1);
    bench.seen.health = unhealthy();
    bench.look();
    bench.pass(Millis::mins(10));
    bench.done(Done::SwitchFailed("no".into()));
    assert!(parked(&bench, "failed: no"));
}

#[test]
fn no_way_back_where_there_is_none() {
    // A crash on the new kernel took the second boot.
    let mut twice = Bench::new();
    twice.until_trial(1);
    twice.boot(NEW, BootCause::Watchdog);
    // The default entry is the new kernel already.
    let mut committed = Bench::new();
    committed.until_trial(1);
    committed.seen.default_kernel = Some(NEW.into());
    // The order was the way back.
    let mut back = Bench::new();
    back.until_confirmed(1, 2);
    let mut order = boot_order();
    order.release = Release::installed(OLD.into());
    let rollback = back.order(3, wavegate_common::Action::Activate(order));
    back.send(rollback);
    back.done(Done::Drained(crate::machine::DrainOutcome::Drained));
    let asked = back.done(Done::Armed(Ok(wavegate_common::BootMethod::Firmware)));
    back.grant(&super::bench::asked(&asked).unwrap());
    back.boot(OLD, BootCause::Unknown);
    for (mut bench, words) in
        [(twice, "had its boots"), (committed, "default boot entry"), (back, "was the way back")]
    {
        bench.seen.health = unhealthy();
        bench.look();
        let effects = bench.pass(Millis::mins(10));
        assert!(matches!(effects[..], [Effect::Append(Record::Failed { .. })]), "{effects:?}");
        assert!(parked(&bench, words), "{:?}", bench.step());
        assert_eq!(bench.restart(), [], "parked means: stays drained");
    }
}
