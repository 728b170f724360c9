//! What happened, as a hash always and as text when somebody reads it.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;
use wavegate_simfleet::Moment;

/// The record of a run.
#[derive(Debug)]
pub(super) struct Trace {
    hasher: SipHasher13,
    lines: Option<Vec<Line>>,
}

/// One line of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: Moment,
    /// Name of the host it is about, if it is about one.
    pub host: Option<String>,
    /// What happened.
    pub text: String,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = self.host.as_deref().unwrap_or("-");
        write!(f, "{:>12}  {host:<22} {}", clock(self.at), self.text)
    }
}

/// Hours, minutes, seconds and milliseconds since the simulation began.
#[must_use]
pub fn clock(at: Moment) -> String {
    let ms = at.0;
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{:03}", ms % 1_000)
}

/// The same, in whole seconds.
#[must_use]
pub fn short_clock(at: Moment) -> String {
    clock(Moment(at.since(Moment(0)).0 / 1_000 * 1_000)).chars().take(8).collect()
}

impl Trace {
    pub(super) fn new(with_text: bool) -> Self {
        Self { hasher: SipHasher13::new(), lines: with_text.then(Vec::new) }
    }

    pub(super) fn hash(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.hasher.write_u64(*number);
        }
    }

    /// The hash of everything so far.
    pub(super) fn digest(&self) -> u64 {
        self.hasher.finish()
    }

    /// Whether somebody reads the text.
    pub(super) fn is_read(&self) -> bool {
        self.lines.is_some()
    }

    /// Adds a line; the text is made only if somebody reads it.
    pub(super) fn say(&mut self, at: Moment, host: Option<&str>, text: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(Line { at, host: host.map(str::to_owned), text: text() });
        }
    }

    /// Hands out the lines since it was asked last.
    pub(super) fn take_lines(&mut self) -> Vec<Line> {
        self.lines.as_mut().map(std::mem::take).unwrap_or_default()
    }
}
