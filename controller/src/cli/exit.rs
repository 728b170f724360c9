//! What the exit status says. Scripts depend on these numbers: they never change.

use std::fmt::Write as _;
use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what was asked.
    Ok = 0,
    /// It failed, or something in wavegate is broken.
    Failed = 1,
    /// The command line, a file or an answer cannot be used as it is.
    Usage = 2,
    /// The rollout is paused and a person must decide.
    Paused = 3,
    /// The rollout was aborted or rolled back.
    Ended = 4,
    /// What was waited for did not happen in time.
    TimedOut = 5,
    /// The operator may not do this.
    Denied = 6,
    /// The controller cannot be reached.
    Unreachable = 7,
    /// Something else came first: the plan no longer fits, or the name exists.
    Conflict = 8,
}

impl Exit {
    /// Every status there is.
    pub const ALL: [Self; 9] = [
        Self::Ok,
        Self::Failed,
        Self::Usage,
        Self::Paused,
        Self::Ended,
        Self::TimedOut,
        Self::Denied,
        Self::Unreachable,
        Self::Conflict,
    ];

    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// What it means, one line.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "it did what was asked",
            Self::Failed => "it failed: the message says why",
            Self::Usage => "the command line, a file or a selector cannot be used as it is",
            Self::Paused => {
                "the rollout is paused and a person must decide (status, demo); gate: fail"
            }
            Self::Ended => "the rollout was aborted or rolled back (status); gate: extend",
            Self::TimedOut => {
                "what was waited for did not happen within --timeout; gate: inconclusive"
            }
            Self::Denied => "this operator may not do it",
            Self::Unreachable => "the controller cannot be reached",
            Self::Conflict => "something came first: the plan no longer fits, or the name exists",
        }
    }

    /// The page of `wavegate help exit-codes`.
    #[must_use]
    pub fn page() -> String {
        let mut out = String::from("Exit codes of wavegate. They never change.\n\n");
        for exit in Self::ALL {
            let _ = writeln!(out, "  {}  {}", exit.code(), exit.meaning());
        }
        out
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_frozen() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(Exit::Paused.code(), 3);
        assert_eq!(Exit::Unreachable.code(), 7);
    }

    #[test]
    fn the_page_names_each_of_them() {
        let page = Exit::page();
        for exit in Exit::ALL {
            assert!(page.contains(exit.meaning()), "{exit:?}");
        }
    }
}
