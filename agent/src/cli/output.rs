//! Text for people, JSON for programs.

use clap::ValueEnum;
use serde::Serialize;

use super::Exit;
use crate::config::{ConfigError, Settings};
use std::path::Path;

/// In which form to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Output {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

/// Prints a value as JSON.
pub(super) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// The settings, or what is wrong with them on standard error.
pub(super) fn settings(path: &Path) -> Result<Settings, Exit> {
    Settings::load(path).map_err(|error| misused(&error))
}

/// A configuration that cannot be used ends the program like wrong usage.
pub(super) fn misused(error: &ConfigError) -> Exit {
    eprintln!("error: {error}");
    Exit::Misused
}
