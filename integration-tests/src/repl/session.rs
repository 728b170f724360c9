//! One session: a world, and what was said about it so far.

use wavegate_common::Release;
use wavegate_simfleet::{Moment, Physics};

use super::parse::Words;
use crate::sim::World;

/// A session of the repl.
#[derive(Debug, Default)]
pub struct Session {
    pub(super) world: Option<World>,
    pub(super) releases: Vec<Release>,
    pub(super) physics: Physics,
}

impl Session {
    /// Nothing yet: `fleet` makes a world.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Carries a line out and says what came of it. Empty lines and lines that begin with `#`
    /// do nothing.
    ///
    /// # Errors
    /// What is wrong with the line.
    pub fn execute(&mut self, line: &str) -> Result<String, String> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(String::new());
        }
        let (verb, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let words = Words::of(rest);
        match verb {
            "fleet" => self.fleet(&words),
            "release" => self.release(&words),
            "rollout" => self.rollout(&words),
            "run" => self.run(&words),
            "until" => self.until(&words),
            "pause" | "resume" | "abort" | "rollback" | "approve" => self.ask(verb, &words),
            "exclude" | "hold" | "let-go" => self.about_hosts(verb, &words),
            "crash" | "power-on" | "agent-crash" => self.strike(verb, &words),
            "trouble" => self.trouble(&words),
            "partition" | "mend" => self.partition(verb, &words),
            "controller" => self.controller(&words),
            "database" => self.database(&words),
            "show" => self.show(),
            "why" => self.world()?.why(words.word(0, "the host")?),
            "hosts" => self.hosts(&words),
            "alerts" => self.alerts(),
            "truth" => self.truth(),
            _ => Err(format!("`{verb}` is not a command")),
        }
    }

    /// A whole script: each command after a `>`, and below it what came of it.
    #[must_use]
    pub fn script(&mut self, text: &str) -> String {
        let mut out = String::new();
        for line in text.lines() {
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            out.push_str("> ");
            out.push_str(line.trim());
            out.push('\n');
            match self.execute(line) {
                Ok(answer) => out.push_str(&answer),
                Err(problem) => {
                    out.push_str("error: ");
                    out.push_str(&problem);
                    out.push('\n');
                }
            }
        }
        out
    }

    pub(super) fn world(&mut self) -> Result<&mut World, String> {
        self.world.as_mut().ok_or_else(|| "make a fleet first: `fleet hosts=24`".to_owned())
    }

    /// Lets time go by. Says so if an invariant was broken.
    pub(super) fn advance(&mut self, to: Moment) -> Result<String, String> {
        let world = self.world()?;
        world.run_until(to);
        Ok(world.violation().map(|v| format!("VIOLATION {v}\n")).unwrap_or_default())
    }
}
