//! Words and `key=value` pairs.

use std::str::FromStr;

use wavegate_common::Millis;
use wavegate_simfleet::KernelBehaviour;

/// A line, cut into its words and its settings.
#[derive(Debug)]
pub(super) struct Words<'a> {
    pub(super) words: Vec<&'a str>,
    pub(super) settings: Vec<(&'a str, &'a str)>,
}

impl<'a> Words<'a> {
    /// Cuts a line at its spaces. A word with `=` in it is a setting, unless nothing stands
    /// before the sign.
    pub(super) fn of(line: &'a str) -> Self {
        let mut out = Self { words: Vec::new(), settings: Vec::new() };
        for word in line.split_whitespace() {
            match word.split_once('=') {
                Some((key, value)) if !key.is_empty() => out.settings.push((key, value)),
                _ => out.words.push(word),
            }
        }
        out
    }

    /// The word at a place.
    pub(super) fn word(&self, at: usize, what: &str) -> Result<&'a str, String> {
        self.words.get(at).copied().ok_or_else(|| format!("{what} is missing"))
    }

    /// The text of a setting, if it was given.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.settings.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }

    /// Every value given under a key.
    pub(super) fn all(&self, key: &str) -> impl Iterator<Item = &'a str> {
        self.settings.iter().filter(move |(known, _)| *known == key).map(|(_, value)| *value)
    }

    /// A setting as a value of its type.
    pub(super) fn get<T: FromStr>(&self, key: &str) -> Result<Option<T>, String> {
        let Some(text) = self.text(key) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| format!("{key}: `{text}` cannot be read"))
    }

    /// The settings as they were written.
    pub(super) fn settings(&self) -> impl Iterator<Item = String> {
        self.settings.iter().map(|(key, value)| format!("{key}={value}"))
    }
}

/// What a kernel does, as `panics`, `slow:10m`, `crash-loop:5m` and the like.
pub(super) fn behaviour(text: &str) -> Result<KernelBehaviour, String> {
    let (name, span) = text.split_once(':').unwrap_or((text, "5m"));
    let span: Millis = span.parse().map_err(|error| format!("{error}"))?;
    Ok(match name {
        "healthy" => KernelBehaviour::Healthy,
        "hangs" => KernelBehaviour::HangsAtBoot,
        "hangs-then-watchdog" => KernelBehaviour::HangThenWatchdog { after: span },
        "panics" => KernelBehaviour::Panics,
        "crash-loop" => KernelBehaviour::CrashLoop { after: span },
        "wrong-kernel" => KernelBehaviour::WrongKernel,
        "slow" => KernelBehaviour::Slow { by: span },
        "bad-health" => KernelBehaviour::BadHealth,
        _ => return Err(format!("`{text}` is not a behaviour of kernels")),
    })
}
