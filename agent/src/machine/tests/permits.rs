//! The last question: which answers count.

use wavegate_common::{
    BootId, CommandId, Denied, HostId, Millis, Nonce, PermitAnswer, PermitDecision, TransactionStep,
};

use super::bench::{Bench, answer, asked, boot_order, is_aborted, switches};
use crate::machine::{Done, Effect, Input};

fn granted(secs: u64) -> PermitDecision {
    PermitDecision::Granted { valid_for: Millis::secs(secs) }
}

#[test]
fn a_good_permit_leads_to_one_switch_right_after_its_record() {
    let mut bench = Bench::new();
    let request = bench.until_question(1);
    let effects = bench.grant(&request);
    assert!(switches(&effects), "{effects:?}");
    assert_eq!(bench.step(), TransactionStep::Switching);
    assert_eq!(bench.grant(&request), []);
}

#[test]
fn a_permit_for_something_else_does_not_count() {
    type Change = fn(&mut PermitAnswer);
    let table: [(&str, Change); 4] = [
        ("another nonce", |a| a.nonce = Nonce(1)),
        ("another boot", |a| a.boot_id = BootId(2)),
        ("another order", |a| a.command = CommandId(9)),
        ("another host", |a| a.host = HostId(9)),
    ];
    for (name, change) in table {
        let mut bench = Bench::new();
        let request = bench.until_question(1);
        let mut permit = answer(&request, granted(5));
        change(&mut permit);
        assert_eq!(bench.acts(Input::Permit(permit)), [], "{name}");
        assert_eq!(bench.step(), TransactionStep::AwaitingPermit, "{name}");
        assert!(switches(&bench.grant(&request)), "{name}: the right one still counts");
    }
}

#[test]
fn a_permit_is_measured_from_the_question_and_never_lives_longer_than_five_seconds() {
    for (valid_for, after, counts) in [
        (5, 5_000, true),
        (5, 5_001, false),
        (60, 5_001, false),
        (2, 2_000, true),
        (2, 2_001, false),
    ] {
        let mut bench = Bench::new();
        let request = bench.until_question(1);
        bench.boottime.0 += after;
        let effects = bench.acts(Input::Permit(answer(&request, granted(valid_for))));
        assert_eq!(switches(&effects), counts, "{valid_for} s after {after} ms: {effects:?}");
    }
}

#[test]
fn a_replayed_permit_does_not_count_for_a_later_order() {
    let mut bench = Bench::new();
    let old = bench.until_question(1);
    bench.cancel(2);
    bench.done(Done::Disarmed(Ok(())));
    bench.done(Done::Undrained(Ok(())));
    let new = bench.until_question(3);
    assert_ne!(old.nonce, new.nonce);
    assert_eq!(bench.grant(&old), []);
    let mut doctored = answer(&old, granted(5));
    doctored.command = new.command;
    assert_eq!(bench.acts(Input::Permit(doctored)), []);
    assert_eq!(bench.step(), TransactionStep::AwaitingPermit);
}

#[test]
fn nonces_differ_between_questions_and_between_runs_of_the_agent() {
    let mut nonces = Vec::new();
    let mut bench = Bench::new();
    for id in [1, 11, 21] {
        nonces.push(bench.until_question(id).nonce);
        nonces.push(asked(&bench.pass(Millis(5_001))).unwrap().nonce);
        bench.restart();
        bench.done(Done::Disarmed(Ok(())));
        bench.done(Done::Undrained(Ok(())));
    }
    let count = nonces.len();
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), count);
}

#[test]
fn an_unanswered_question_is_asked_anew_and_its_late_answer_is_void() {
    let mut bench = Bench::new();
    let first = bench.until_question(1);
    assert_eq!(asked(&bench.pass(Millis::secs(5))), None);
    let second = asked(&bench.pass(Millis(1))).unwrap();
    assert_ne!(first.nonce, second.nonce);
    assert_eq!(bench.grant(&first), []);
    assert!(switches(&bench.grant(&second)));
}

#[test]
fn denied_for_now_asks_again_and_denied_for_good_gives_up() {
    for why in [Denied::Paused, Denied::NotNow("budget".into()), Denied::AlreadyGranted] {
        let mut bench = Bench::new();
        let first = bench.until_question(1);
        let denial = PermitDecision::Denied(why.clone());
        assert_eq!(bench.acts(Input::Permit(answer(&first, denial))), [], "{why:?}");
        assert_eq!(bench.pass(Millis(1_999)), [], "{why:?}");
        let second = asked(&bench.pass(Millis(1))).unwrap();
        assert_ne!(first.nonce, second.nonce);
        // The yes that was denied before does not come to life.
        assert_eq!(bench.grant(&first), []);
    }
    for why in [Denied::UnknownCommand, Denied::OtherBoot] {
        let mut bench = Bench::new();
        let request = bench.until_question(1);
        let denial = PermitDecision::Denied(why.clone());
        let effects = bench.acts(Input::Permit(answer(&request, denial)));
        assert!(matches!(effects[..], [_, Effect::Disarm, Effect::Undrain]), "{effects:?}");
        assert!(is_aborted(&bench.step(), "order"), "{why:?}");
    }
}

#[test]
fn a_reason_that_comes_up_after_the_question_wastes_the_permit() {
    let mut bench = Bench::new();
    let request = bench.until_question(1);
    bench.seen.guard = vec!["held by root".into()];
    bench.look();
    let effects = bench.grant(&request);
    assert!(matches!(effects[..], [_, Effect::Disarm, Effect::Undrain]), "{effects:?}");
    assert!(is_aborted(&bench.step(), "held by root"));
}

#[test]
fn a_permit_after_the_deadline_is_void_even_if_no_tick_came() {
    let mut bench = Bench::new();
    bench.until_question(1);
    let request = asked(&bench.pass(Millis(boot_order().drain_timeout.0 - 1_000))).unwrap();
    bench.boottime.0 += 1_000;
    let effects = bench.grant(&request);
    assert!(matches!(effects[..], [_, Effect::Disarm, Effect::Undrain]), "{effects:?}");
}

#[test]
fn a_clock_reading_that_went_back_makes_no_permit_younger() {
    let mut bench = Bench::new();
    let request = bench.until_question(1);
    bench.boottime.0 += 6_000;
    bench.look();
    bench.boottime.0 -= 6_000;
    assert!(!switches(&bench.grant(&request)));
}
