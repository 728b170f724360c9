//! What a new boot makes of the order that the ledger left open.

use wavegate_common::{BootId, BootMethod, FailStep, KernelRelease, TransactionStep};

use super::history::{Arrival, BOOTS_PER_ORDER, Leave, Move, Stage};

/// What a new boot on `kernel` makes of the order, how the boot came about, and whether the
/// agent brought it about.
pub(super) fn arrive(
    current: &mut Move,
    previous: BootId,
    kernel: &KernelRelease,
) -> (Arrival, bool) {
    let command = current.order.command;
    let left = current.left.clone().filter(|(boot, _)| *boot == previous).map(|(_, how)| how);
    let on_target = kernel == current.order.target();
    let on_old = *kernel == current.order.from && !on_target;
    let commanded = |method| Arrival::Commanded { command, method };
    let fell_back = |reason| Arrival::FellBack { command, reason };
    match (&current.stage, left) {
        (Stage::Left, Some(Leave::Switch(method))) => {
            land(current, kernel);
            (if on_old { fell_back(None) } else { commanded(method) }, true)
        }
        (Stage::Reverting, Some(Leave::Revert(reason))) => {
            land(current, kernel);
            let firmware = BootMethod::Firmware;
            (if on_old { fell_back(Some(reason)) } else { commanded(firmware) }, true)
        }
        (Stage::Trial | Stage::Verified, _) => {
            land(current, kernel);
            (if on_old { fell_back(None) } else { Arrival::Unasked }, false)
        }
        // Given up in the last moments of the old boot, and yet the machine went over.
        (Stage::Over(_, step), Some(how)) if step_of_last_moments(step) => match how {
            Leave::Switch(method) if on_target && current.order.from != *kernel => {
                land(current, kernel);
                (commanded(method), true)
            }
            Leave::Revert(reason) if on_old => {
                land(current, kernel);
                (fell_back(Some(reason)), true)
            }
            Leave::Switch(_) | Leave::Revert(_) => (Arrival::Unasked, false),
        },
        // A switch or a way back out of a boot that is not the previous one: the ledger was cut.
        (Stage::Left | Stage::Reverting, _) => {
            land(current, kernel);
            (Arrival::Unasked, false)
        }
        (Stage::Leaving | Stage::Over(..), _) => (Arrival::Unasked, false),
    }
}

/// Whether the workload stays away after a failure at this step: the host runs a kernel that
/// nobody proved.
pub(super) fn stays_drained(step: FailStep) -> bool {
    matches!(step, FailStep::Boot | FailStep::Verify)
}

fn step_of_last_moments(step: &TransactionStep) -> bool {
    use TransactionStep::{Aborted, Failed};
    matches!(step, Aborted { .. } | Failed { step: FailStep::Switch | FailStep::Verify, .. })
}

/// Where the order stands after a boot on `kernel`.
fn land(current: &mut Move, kernel: &KernelRelease) {
    current.boots += 1;
    let back_again = current.stage == Stage::Reverting && current.revert_spent();
    if kernel == current.order.target() {
        if back_again || current.boots > BOOTS_PER_ORDER {
            let reason = if back_again {
                "went back by itself and came up on the new kernel again".to_owned()
            } else {
                format!("booted {} times before its checks passed", current.boots)
            };
            current.over(TransactionStep::Failed { step: FailStep::Verify, reason });
        } else {
            current.stage = Stage::Trial;
        }
    } else if *kernel == current.order.from {
        current.over(TransactionStep::FellBack { evidence: String::new() });
    } else {
        let wanted = current.order.target();
        let reason =
            format!("came up on {kernel}, which is neither {wanted} nor the kernel it left");
        current.over(TransactionStep::Failed { step: FailStep::Boot, reason });
    }
}
