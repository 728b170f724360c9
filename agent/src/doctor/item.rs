//! One thing that was looked at.

use std::fmt;

use serde::Serialize;

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works, but with less than it could.
    Warn,
    /// A kernel that fails here might not give way to the old one.
    Bad,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        })
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What, in one or two words.
    pub name: &'static str,
    /// How it stands.
    pub level: Level,
    /// What was found.
    pub found: String,
    /// What to do about it; empty if nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub todo: String,
}

impl Item {
    pub(super) fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, level: Level::Ok, found: found.into(), todo: String::new() }
    }

    pub(super) fn warn(
        name: &'static str,
        found: impl Into<String>,
        todo: impl Into<String>,
    ) -> Self {
        Self { name, level: Level::Warn, found: found.into(), todo: todo.into() }
    }

    pub(super) fn bad(
        name: &'static str,
        found: impl Into<String>,
        todo: impl Into<String>,
    ) -> Self {
        Self { name, level: Level::Bad, found: found.into(), todo: todo.into() }
    }
}

/// The worst of them all.
#[must_use]
pub fn worst(items: &[Item]) -> Level {
    items.iter().map(|item| item.level).max().unwrap_or(Level::Ok)
}
