//! Words from outside (hooks, tools, panic records) are cut before they reach the ledger and the
//! reports.

use wavegate_common::BootCause;

use super::io::{Done, DrainOutcome};

/// The longest text that is kept of one message, in bytes.
pub(super) const MAX_TEXT: usize = 2048;

/// The beginning of a text, at most `MAX_TEXT` bytes of it.
pub(super) fn short(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

pub(super) fn short_evidence(cause: BootCause) -> BootCause {
    match cause {
        BootCause::Panic { evidence } => BootCause::Panic { evidence: short(evidence) },
        other => other,
    }
}

pub(super) fn short_done(done: Done) -> Done {
    match done {
        Done::Staged(result) => Done::Staged(result.map_err(short)),
        Done::Undrained(result) => Done::Undrained(result.map_err(short)),
        Done::Armed(result) => Done::Armed(result.map_err(short)),
        Done::Disarmed(result) => Done::Disarmed(result.map_err(short)),
        Done::Confirmed(result) => Done::Confirmed(result.map_err(short)),
        Done::SwitchFailed(reason) => Done::SwitchFailed(short(reason)),
        Done::Drained(DrainOutcome::TryLater(said)) => {
            Done::Drained(DrainOutcome::TryLater(short(said)))
        }
        Done::Drained(DrainOutcome::Failed(reason)) => {
            Done::Drained(DrainOutcome::Failed(short(reason)))
        }
        Done::Drained(DrainOutcome::Drained) => done,
    }
}
