//! When to send slots. Pure.
//!
//! All hosts end their slots at the same moment. So nothing is sent at once: a host waits a
//! random part of the span that the controller has named, and sends nothing more until the
//! controller has said that what it was sent is safe. A host that was cut off for a day brings
//! what it has in turns of that span.

use wavegate_common::Millis;

/// Without an answer for so many spans, or for this long, it is sent again.
const PATIENCE: u64 = 4;
const LEAST_PATIENCE: Millis = Millis::mins(1);

/// Decides when the next slots are sent. Times are of CLOCK_BOOTTIME.
#[derive(Debug, Default)]
pub struct Courier {
    /// The span; none if nobody takes slots.
    every: Option<Millis>,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    /// Nothing to send that is known of.
    #[default]
    Idle,
    /// Sends at this time.
    Waiting(Millis),
    /// Has sent, and begins anew at this time if there is no answer.
    Sent { up_to: u64, until: Millis },
}

impl Courier {
    /// The controller said welcome, and how often it takes slots; zero is never. `random` spreads
    /// hosts.
    pub fn up(&mut self, every: Millis, now: Millis, random: u64) {
        self.every = (every.0 > 0).then_some(every);
        self.state = State::Idle;
        self.news(now, random);
    }

    /// There is no stream any more.
    pub fn down(&mut self) {
        *self = Self::default();
    }

    /// There is something to send.
    pub fn news(&mut self, now: Millis, random: u64) {
        if let (Some(every), State::Idle) = (self.every, &self.state) {
            let wait = random % every.0.saturating_add(1);
            self.state = State::Waiting(Millis(now.0.saturating_add(wait)));
        }
    }

    /// When to look again; none if only news or an answer changes anything.
    #[must_use]
    pub fn due(&self) -> Option<Millis> {
        match self.state {
            State::Idle => None,
            State::Waiting(at) => Some(at),
            State::Sent { until, .. } => Some(until),
        }
    }

    /// Whether it is time to send.
    #[must_use]
    pub fn is_due(&self, now: Millis) -> bool {
        self.due().is_some_and(|at| at <= now)
    }

    /// Slots up to this number were sent; none, if there was nothing.
    pub fn sent(&mut self, up_to: Option<u64>, now: Millis) {
        let patience = self.every.map_or(0, |every| every.0.saturating_mul(PATIENCE));
        let until = Millis(now.0.saturating_add(patience.max(LEAST_PATIENCE.0)));
        self.state = match up_to {
            Some(up_to) => State::Sent { up_to, until },
            None => State::Idle,
        };
    }

    /// The controller has everything up to this number. `more` follows.
    pub fn acked(&mut self, up_to: u64, more: bool, now: Millis) {
        let waited_for = matches!(self.state, State::Sent { up_to: sent, .. } if sent <= up_to);
        if let (true, Some(every)) = (waited_for, self.every) {
            let next = State::Waiting(Millis(now.0.saturating_add(every.0)));
            self.state = if more { next } else { State::Idle };
        }
    }
}
