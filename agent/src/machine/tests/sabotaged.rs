//! Every guard is needed: without it, one of these scenes does harm.

use wavegate_common::{
    Action, BootCause, BootId, Denied, Generation, HostId, Millis, Nonce, PermitDecision,
    TransactionStep,
};

use super::bench::{Bench, NEW, OLD, answer, boot_order, release, switches, unhealthy};
use crate::machine::sabotage::{Guard, set_disabled};
use crate::machine::{Done, Effect, Input, MachineConfig};

fn begins(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Drain { .. }))
}

fn granted() -> PermitDecision {
    PermitDecision::Granted { valid_for: Millis::secs(5) }
}

/// Plays a scene that only this guard keeps from doing harm, and says whether harm was done.
fn harm(guard: Guard) -> bool {
    let bench = &mut Bench::new();
    harm_by_orders(guard, bench)
        .or_else(|| harm_by_permits(guard, bench))
        .or_else(|| harm_to_the_host(guard, bench))
        .unwrap_or_else(|| panic!("no scene for {}", guard.name()))
}

fn harm_by_orders(guard: Guard, bench: &mut Bench) -> Option<bool> {
    let order = |bench: &Bench, id| bench.order(id, Action::Activate(boot_order()));
    Some(match guard {
        Guard::BootIdPrecondition => {
            let mut late = order(bench, 1);
            late.precondition.boot_id = BootId(99);
            begins(&bench.send(late))
        }
        Guard::RunningKernelPrecondition => {
            let mut late = order(bench, 1);
            late.precondition.running = "5.10".into();
            begins(&bench.send(late))
        }
        Guard::GenerationFence => {
            bench.activate(1);
            bench.cancel(2);
            let mut late = order(bench, 3);
            late.generation = Generation(4);
            begins(&bench.send(late))
        }
        Guard::OrderTtl => {
            bench.start(BootCause::Unknown);
            bench.activate(1);
            bench.pass(Millis::mins(2));
            begins(&bench.look())
        }
        Guard::OneOrderAtATime => {
            bench.activate(1);
            begins(&bench.activate(2))
        }
        _ => return None,
    })
}

fn harm_by_permits(guard: Guard, bench: &mut Bench) -> Option<bool> {
    Some(match guard {
        Guard::PermitExpiry => {
            let request = bench.until_question(1);
            bench.boottime.0 += 60_000;
            switches(&bench.grant(&request))
        }
        Guard::PermitNonce => {
            let request = bench.until_question(1);
            let mut replayed = answer(&request, granted());
            replayed.nonce = Nonce(1);
            switches(&bench.acts(Input::Permit(replayed)))
        }
        Guard::PermitIdentity => {
            let request = bench.until_question(1);
            let mut foreign = answer(&request, granted());
            foreign.host = HostId(8);
            switches(&bench.acts(Input::Permit(foreign)))
        }
        Guard::LedgerBeforeAct => {
            let request = bench.until_question(1);
            !switches(&bench.grant(&request))
        }
        Guard::OneSwitchPerCommand => {
            let request = bench.until_question(1);
            bench.grant(&request);
            bench.boot(OLD, BootCause::Unknown);
            bench.look();
            let again = bench.order(1, Action::Activate(boot_order()));
            let way_back = MachineConfig { min_reboot_gap: Millis(0), ..bench.config };
            bench.config = way_back;
            bench.restart();
            // Another order came between, so that the last one does not shield this one.
            let stage = bench.order(2, Action::Stage { release: release(NEW) });
            bench.send(stage);
            bench.done(Done::Staged(Ok(())));
            begins(&bench.send(again))
        }
        _ => return None,
    })
}

fn harm_to_the_host(guard: Guard, bench: &mut Bench) -> Option<bool> {
    Some(match guard {
        Guard::LocalRebootRate => {
            bench.until_confirmed(1, 2);
            let mut onward = boot_order();
            onward.release = release("6.12");
            let next = bench.order(3, Action::Activate(onward));
            begins(&bench.send(next))
        }
        Guard::LocalReasons => {
            bench.seen.guard = vec!["held".into()];
            bench.look();
            begins(&bench.activate(1))
        }
        Guard::SoundLedger => {
            bench.damaged = true;
            bench.restart();
            begins(&bench.activate(1))
        }
        Guard::DrainDeadline => {
            let request = bench.until_question(1);
            bench.pass(Millis::hours(1));
            let late = PermitDecision::Denied(Denied::Paused);
            bench.acts(Input::Permit(answer(&request, late)));
            bench.step() == TransactionStep::AwaitingPermit
        }
        Guard::Soak => {
            bench.until_trial(1);
            bench.step() == TransactionStep::Verified || {
                bench.pass(Millis(1));
                bench.step() == TransactionStep::Verified
            }
        }
        Guard::ConfirmVerified => {
            let request = bench.until_question(1);
            bench.grant(&request);
            bench.boot(NEW, BootCause::Unknown);
            bench.confirm(2).iter().any(|effect| matches!(effect, Effect::Confirm(_)))
        }
        Guard::RevertOnce => {
            bench.until_trial(1);
            bench.seen.health = unhealthy();
            bench.look();
            bench.pass(Millis::mins(10));
            bench.boot(NEW, BootCause::Unknown);
            bench.look();
            let effects = bench.pass(Millis::mins(10));
            effects.iter().any(|effect| matches!(effect, Effect::Revert { .. }))
        }
        _ => return None,
    })
}

#[test]
fn every_guard_keeps_harm_away_and_nothing_else_does() {
    for guard in Guard::ALL.iter().copied() {
        set_disabled(None);
        assert!(!harm(guard), "{}: harm with the guard on", guard.name());
        set_disabled(Some(guard));
        assert!(harm(guard), "{}: no harm without the guard", guard.name());
    }
    set_disabled(None);
}

#[test]
fn names_differ() {
    let mut names: Vec<&str> = Guard::ALL.iter().map(|guard| guard.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Guard::ALL.len());
}
