//! A text that changes in place on a terminal: only what differs is drawn, nothing scrolls away.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A block of lines at the foot of the terminal.
#[derive(Debug)]
pub struct Live {
    screen: MultiProgress,
    lines: Vec<ProgressBar>,
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}

impl Live {
    /// An empty block on stderr; it draws at most ten times a second, and nothing at all if
    /// stderr is no terminal.
    #[must_use]
    pub fn new() -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(10);
        Self { screen: MultiProgress::with_draw_target(target), lines: Vec::new() }
    }

    /// Shows this text instead of the one before.
    pub fn show(&mut self, text: &str) {
        let wanted: Vec<&str> = text.lines().collect();
        while self.lines.len() > wanted.len() {
            if let Some(line) = self.lines.pop() {
                self.screen.remove(&line);
            }
        }
        while self.lines.len() < wanted.len() {
            let line = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
                line.set_style(style);
            }
            self.lines.push(self.screen.add(line));
        }
        for (line, text) in self.lines.iter().zip(wanted) {
            if line.message() != text {
                line.set_message(text.to_owned());
            }
        }
    }

    /// A line that stays, above the block.
    pub fn keep(&self, text: &str) {
        let _ = self.screen.println(text);
    }

    /// Takes the block away.
    pub fn clear(&mut self) {
        self.lines.clear();
        let _ = self.screen.clear();
    }
}
