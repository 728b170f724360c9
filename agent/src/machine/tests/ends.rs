//! Confirm, and the way back of the workload.

use wavegate_common::{Action, BootCause, FailStep, Millis, Release, TransactionStep};

use super::bench::{Bench, NEW, OLD, boot_order};
use crate::machine::{Done, Effect, Record};

#[test]
fn confirm_makes_the_default_then_writes_it_down_then_undrains_and_a_copy_does_nothing() {
    let mut bench = Bench::new();
    bench.until_verified(1);
    let copy = bench.order(2, Action::Confirm { kernel: NEW.into() });
    assert_eq!(bench.confirm(2), [Effect::Confirm(NEW.into())]);
    assert_eq!(bench.send(copy.clone()), []);
    let effects = bench.done(Done::Confirmed(Ok(())));
    assert!(
        matches!(effects[..], [Effect::Append(Record::Confirmed { .. }), Effect::Undrain]),
        "{effects:?}"
    );
    assert_eq!(bench.step(), TransactionStep::Confirmed);
    bench.done(Done::Undrained(Ok(())));
    assert_eq!(bench.send(copy.clone()), []);
    bench.restart();
    assert_eq!(bench.send(copy), []);
    assert_eq!(bench.confirm(3), [], "under another id too");
    assert_eq!(bench.step(), TransactionStep::Confirmed);
}

#[test]
fn confirm_is_refused_before_the_proof_and_for_another_kernel() {
    let mut bench = Bench::new();
    bench.until_trial(1);
    assert_eq!(bench.confirm(2), []);
    assert_eq!(bench.step(), TransactionStep::Trial);
    bench.pass(boot_order().soak);
    bench.look();
    let other = bench.order(3, Action::Confirm { kernel: OLD.into() });
    assert_eq!(bench.send(other), []);
    assert_eq!(bench.step(), TransactionStep::Verified);
}

#[test]
fn an_agent_that_ended_in_the_middle_of_a_confirm_takes_the_next_copy() {
    let mut bench = Bench::new();
    bench.until_verified(1);
    bench.confirm(2);
    bench.restart();
    assert_eq!(bench.confirm(2), [Effect::Confirm(NEW.into())]);
}

#[test]
fn a_confirm_that_failed_leaves_the_host_in_service_and_can_be_ordered_again() {
    let mut bench = Bench::new();
    bench.until_verified(1);
    bench.confirm(2);
    let effects = bench.done(Done::Confirmed(Err("no space".into())));
    assert!(effects.contains(&Effect::Undrain));
    assert!(matches!(bench.step(), TransactionStep::Failed { step: FailStep::Confirm, .. }));
    assert_eq!(bench.confirm(3), [Effect::Confirm(NEW.into())]);
    bench.done(Done::Confirmed(Ok(())));
    assert_eq!(bench.step(), TransactionStep::Confirmed);
}

#[test]
fn undrain_hooks_that_fail_are_tried_again_and_the_order_stays_confirmed() {
    let mut bench = Bench::new();
    bench.until_verified(1);
    bench.confirm(2);
    bench.done(Done::Confirmed(Ok(())));
    assert_eq!(bench.done(Done::Undrained(Err("balancer gone".into()))), []);
    assert_eq!(bench.step(), TransactionStep::Confirmed);
    assert_eq!(bench.pass(Millis::secs(59)), []);
    assert_eq!(bench.pass(Millis::secs(1)), [Effect::Undrain]);
    let effects = bench.done(Done::Undrained(Ok(())));
    assert!(matches!(effects[..], [Effect::Append(Record::Undrained { .. })]));
    assert_eq!(bench.pass(Millis::hours(1)), []);
}

#[test]
fn an_undrain_cut_short_by_a_restart_is_made_good() {
    let mut bench = Bench::new();
    bench.until_verified(1);
    bench.confirm(2);
    bench.done(Done::Confirmed(Ok(())));
    assert_eq!(bench.restart(), [Effect::Undrain]);
    bench.done(Done::Undrained(Ok(())));
    assert_eq!(bench.restart(), []);
}

#[test]
fn a_reboot_between_proof_and_confirm_asks_for_a_new_proof() {
    let mut bench = Bench::new();
    bench.until_verified(1);
    bench.boot(NEW, BootCause::Operator);
    assert_eq!(bench.step(), TransactionStep::Trial);
}

#[test]
fn a_proven_kernel_that_is_not_wanted_any_more_can_be_left_for_the_one_before() {
    let mut bench = Bench::new();
    bench.until_verified(1);
    let mut back = boot_order();
    back.release = Release::installed(OLD.into());
    let order = bench.order(2, Action::Activate(back));
    assert!(matches!(bench.send(order)[..], [Effect::Append(_), Effect::Drain { .. }]));
}
