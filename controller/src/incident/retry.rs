//! When something that failed is tried again.

use wavegate_common::Millis;

use crate::outbound::OutboundError;

/// The first pause, and the longest.
const FIRST: Millis = Millis::secs(1);
const LONGEST: Millis = Millis::mins(5);
/// A receiver may ask for a longer pause, within reason.
const ASKED: Millis = Millis::mins(15);

/// The pause after so many failures in a row: 1 s, 2 s, 4 s … 5 min.
pub(super) fn pause(failures: u32) -> Millis {
    let factor = 1u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX);
    Millis(FIRST.0.saturating_mul(factor)).min(LONGEST)
}

/// The pause after a failure that may say itself how long.
pub(super) fn pause_after(failures: u32, error: &OutboundError) -> Millis {
    let asked = match error {
        OutboundError::Status { retry_after: Some(asked), .. } => (*asked).min(ASKED),
        _ => Millis(0),
    };
    pause(failures).max(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound() {
        let pauses: Vec<u64> = (1..=10).map(|failures| pause(failures).0 / 1_000).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert_eq!(pause(u32::MAX), LONGEST);
    }

    #[test]
    fn a_receiver_may_ask_for_more_within_reason() {
        let error = |secs| OutboundError::Status {
            status: 429,
            said: String::new(),
            retry_after: Some(Millis::secs(secs)),
        };
        assert_eq!(pause_after(1, &error(30)), Millis::secs(30));
        assert_eq!(pause_after(1, &error(90_000)), ASKED);
        assert_eq!(pause_after(9, &error(3)), Millis::secs(256));
    }
}
