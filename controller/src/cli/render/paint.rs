//! Colour and signs. A state is always a sign and a word too, so that colour adds, never tells.

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint(pub bool);

impl Paint {
    /// Plain text.
    pub const NONE: Self = Self(false);

    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// What the eye should find first.
    #[must_use]
    pub fn bold(self, text: &str) -> String {
        self.with("1", text)
    }
    /// What matters less.
    #[must_use]
    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }
    /// All is well.
    #[must_use]
    pub fn good(self, text: &str) -> String {
        self.with("32", text)
    }
    /// Look at this.
    #[must_use]
    pub fn warn(self, text: &str) -> String {
        self.with("33", text)
    }
    /// Something is wrong.
    #[must_use]
    pub fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    /// A phase of a rollout with its sign.
    #[must_use]
    pub fn phase(self, phase: &str) -> String {
        match phase {
            "succeeded" => self.good(&format!("✔ {phase}")),
            "paused" => self.bad(&format!("‖ {phase}")),
            "aborted" => self.bad(&format!("✖ {phase}")),
            "rolling_back" => self.warn(&format!("↶ {phase}")),
            "draft" => self.warn(&format!("… {phase}")),
            other => self.good(&format!("▶ {other}")),
        }
    }
}

/// `1 host`, `2 hosts`.
#[must_use]
pub fn hosts(count: u64) -> String {
    if count == 1 { "1 host".to_owned() } else { format!("{count} hosts") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_has_no_escapes() {
        assert_eq!(Paint::NONE.phase("paused"), "‖ paused");
        assert_eq!(Paint(true).bad("x"), "\x1b[31mx\x1b[0m");
    }
}
