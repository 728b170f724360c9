//! Which orders are legal, which are old news, which are refused.

use wavegate_common::{Action, BootId, Command, Generation, HostId, Millis, TransactionStep};

use super::bench::{Bench, NEW, OLD, boot_order, is_aborted, release};
use crate::ledger::compact;
use crate::machine::{Done, DrainOutcome, Effect, Input, MachineConfig, Record};

#[test]
fn an_order_of_other_premises_is_refused_and_the_controller_learns_why() {
    type Change = fn(&mut Command);
    let table: [(&str, Change, &str); 2] = [
        ("other boot", |c| c.precondition.boot_id = BootId(99), "this is boot"),
        ("other kernel", |c| c.precondition.running = "5.10".into(), "this one runs"),
    ];
    for (name, change, words) in table {
        for action in [Action::Activate(boot_order()), Action::Stage { release: release(NEW) }] {
            let mut bench = Bench::new();
            let mut command = bench.order(1, action);
            change(&mut command);
            let effects = bench.feed(Input::Command(Box::new(command)));
            assert!(matches!(effects[..], [Effect::Log(_), Effect::Report]), "{name}: {effects:?}");
            assert!(is_aborted(&bench.step(), words), "{name}: {:?}", bench.step());
        }
    }
}

#[test]
fn a_lower_generation_is_refused_over_restarts_and_the_same_one_is_not() {
    let mut bench = Bench::new();
    bench.activate(1);
    assert_eq!(bench.status().generation, Generation(5));
    bench.cancel(2);
    bench.restart();
    let mut late = bench.order(3, Action::Activate(boot_order()));
    late.generation = Generation(4);
    assert_eq!(bench.send(late), []);
    assert!(is_aborted(&bench.step(), "generation g4"));
    assert_eq!(bench.activate(4).len(), 2);
}

#[test]
fn the_fence_is_durable_before_anything_is_done() {
    let mut bench = Bench::new();
    let effects = bench.activate(1);
    assert!(
        matches!(
            effects[..],
            [
                Effect::Append(Record::Seen { generation: Generation(5) }),
                Effect::Append(Record::ActivateBegun { .. }),
                Effect::Drain { .. }
            ]
        ),
        "{effects:?}"
    );
}

#[test]
fn a_second_copy_does_nothing_at_any_time() {
    let mut bench = Bench::new();
    let first = bench.order(1, Action::Activate(boot_order()));
    bench.activate(1);
    assert_eq!(bench.send(first.clone()), []);
    bench.done(Done::Drained(DrainOutcome::Drained));
    assert_eq!(bench.send(first.clone()), []);
    bench.cancel(2);
    assert_eq!(bench.send(first.clone()), []);
    bench.restart();
    assert_eq!(bench.send(first), []);
    assert!(is_aborted(&bench.step(), "cancelled"));
}

#[test]
fn an_order_for_another_host_is_only_logged() {
    let mut bench = Bench::new();
    let mut command = bench.order(1, Action::Activate(boot_order()));
    command.host = HostId(8);
    assert_eq!(bench.send(command), []);
    assert_eq!(bench.status().transaction, None);
}

#[test]
fn one_order_at_a_time() {
    let mut bench = Bench::new();
    bench.activate(1);
    assert_eq!(bench.activate(2), []);
    let stage = bench.order(3, Action::Stage { release: release("6.12") });
    assert_eq!(bench.send(stage), []);
    let current = bench.status().transaction.unwrap();
    assert_eq!(current.command.0, 1);
    assert_eq!(current.step, TransactionStep::Draining { waiting: None });
}

#[test]
fn staging_ends_staged_or_failed_and_a_copy_changes_nothing() {
    for (result, wanted) in [(Ok(()), "staged"), (Err("no such package".to_owned()), "failed")] {
        let mut bench = Bench::new();
        let stage = bench.order(1, Action::Stage { release: release(NEW) });
        let effects = bench.send(stage.clone());
        assert!(matches!(effects.last(), Some(Effect::Stage(_))), "{effects:?}");
        assert_eq!(bench.step(), TransactionStep::Staging);
        assert_eq!(bench.send(stage.clone()), []);
        let effects = bench.done(Done::Staged(result));
        assert!(matches!(effects[..], [Effect::Append(Record::StageEnded { .. })]));
        let step = bench.step();
        match wanted {
            "staged" => assert_eq!(step, TransactionStep::Staged),
            _ => assert!(matches!(step, TransactionStep::Failed { .. })),
        }
        assert_eq!(bench.send(stage.clone()), []);
        assert_eq!(bench.restart(), []);
        assert_eq!(bench.send(stage), []);
        assert_eq!(bench.step(), step);
    }
}

#[test]
fn staging_cut_short_by_a_restart_is_done_over() {
    let mut bench = Bench::new();
    let stage = bench.order(1, Action::Stage { release: release(NEW) });
    bench.send(stage);
    assert_eq!(bench.restart(), [Effect::Stage(release(NEW))]);
    bench.done(Done::Staged(Ok(())));
    assert_eq!(bench.step(), TransactionStep::Staged);
}

#[test]
fn the_answer_for_a_staging_given_up_does_not_end_the_next() {
    let mut bench = Bench::new();
    let first = bench.order(1, Action::Stage { release: release("6.12") });
    bench.send(first);
    let second = bench.order(2, Action::Stage { release: release(NEW) });
    bench.send(second);
    bench.done(Done::Staged(Ok(())));
    assert_eq!(bench.step(), TransactionStep::Staging);
    bench.done(Done::Staged(Ok(())));
    assert_eq!(bench.step(), TransactionStep::Staged);
}

#[test]
fn an_order_waits_for_the_first_look_around_but_not_for_longer_than_its_time() {
    for (wait, begins) in [(Millis::secs(59), true), (Millis::secs(61), false)] {
        let mut bench = Bench::new();
        bench.start(wavegate_common::BootCause::Unknown);
        assert_eq!(bench.activate(1), []);
        let late = bench.pass(wait);
        assert_eq!(is_refused(&late), !begins, "{late:?}");
        let effects = bench.look();
        assert_eq!(matches!(effects.last(), Some(Effect::Drain { .. })), begins, "{effects:?}");
        if !begins {
            assert!(is_aborted(&bench.step(), "within its 1m"), "{:?}", bench.step());
        }
    }
}

#[test]
fn a_reason_on_the_host_refuses_the_order_before_anything_is_drained() {
    let mut bench = Bench::new();
    bench.seen.guard = vec!["hold file /etc/wavegate/hold".to_owned()];
    bench.look();
    assert_eq!(bench.status().guard, bench.seen.guard);
    assert!(is_refused(&bench.activate(1)));
    assert!(is_aborted(&bench.step(), "hold file"));
}

fn is_refused(effects: &[Effect]) -> bool {
    matches!(effects, [Effect::Append(Record::Refused { .. })])
}

#[test]
fn a_late_copy_of_a_refused_order_is_not_begun_when_the_reason_has_gone() {
    let mut bench = Bench::new();
    bench.seen.guard = vec!["hold file /etc/wavegate/hold".to_owned()];
    bench.look();
    let copy = bench.order(1, Action::Activate(boot_order()));
    assert!(is_refused(&bench.send(copy.clone())));
    bench.seen.guard.clear();
    bench.look();
    assert_eq!(bench.send(copy.clone()), []);
    bench.restart();
    assert_eq!(bench.send(copy.clone()), []);
    bench.disk = compact(&bench.disk);
    bench.restart();
    assert_eq!(bench.send(copy.clone()), []);
    // Older ones are behind the fence, and what is new is begun.
    let mut older = bench.order(2, Action::Activate(boot_order()));
    older.generation = Generation(4);
    assert_eq!(bench.send(older), []);
    assert!(matches!(bench.activate(3).last(), Some(Effect::Drain { .. })));
}

#[test]
fn what_cannot_be_written_down_is_not_answered() {
    let mut bench = Bench::new();
    bench.seen.guard = vec!["hold file /etc/wavegate/hold".to_owned()];
    bench.look();
    assert!(is_refused(&bench.activate(1)));
    bench.acts(Input::LedgerFailed("no space left on device".into()));
    assert_eq!(bench.status().transaction, None, "the refusal did not become durable");
    assert_eq!(bench.activate(2), []);
    assert_eq!(bench.cancel(3), []);
    assert_eq!(bench.status().transaction, None);
}

#[test]
fn observe_mode_and_a_ledger_with_a_hole_refuse_everything_and_say_so() {
    let observing = MachineConfig { observe_only: true, ..MachineConfig::default() };
    let mut holed = Bench::new();
    holed.damaged = true;
    holed.restart();
    for (mut bench, words) in [(Bench::with(observing), "observe"), (holed, "hole")] {
        assert!(bench.status().guard.iter().any(|reason| reason.contains(words)));
        bench.activate(1);
        assert!(!bench.log.iter().any(|effect| matches!(effect, Effect::Drain { .. })));
        let stage = bench.order(2, Action::Stage { release: release(NEW) });
        assert_eq!(bench.send(stage), []);
        assert!(is_aborted(&bench.step(), words));
    }
}

#[test]
fn an_outdated_order_does_not_hide_what_the_controller_must_know() {
    let mut bench = Bench::new();
    let request = bench.until_question(1);
    bench.grant(&request);
    bench.boot(OLD, wavegate_common::BootCause::Watchdog);
    let mut late = bench.order(2, Action::Activate(boot_order()));
    late.precondition.boot_id = BootId(1);
    assert_eq!(bench.send(late), []);
    assert!(matches!(bench.step(), TransactionStep::FellBack { .. }));
}
