//! The file as it is written.

use std::path::PathBuf;

use serde::Deserialize;
use serde_saphyr::Spanned;
use wavegate_common::{Labels, Millis};

/// One address or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Addresses {
    One(String),
    Many(Vec<String>),
}

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) controller: Option<Spanned<Addresses>>,
    pub(super) name: Option<Spanned<String>>,
    pub(super) labels: Option<Spanned<Labels>>,
    #[serde(default = "yes")]
    pub(super) observe: bool,
    pub(super) state_dir: Option<Spanned<PathBuf>>,
    pub(super) actuator_dir: Option<Spanned<PathBuf>>,
    pub(super) hold_file: Option<Spanned<PathBuf>>,
    pub(super) min_reboot_gap: Option<Spanned<Millis>>,
    pub(super) boot_min_free_mib: Option<u64>,
    #[serde(default)]
    pub(super) hooks: Hooks,
    #[serde(default)]
    pub(super) health: Health,
    #[serde(default)]
    pub(super) baseline: Baseline,
}

impl Default for File {
    fn default() -> Self {
        Self {
            controller: None,
            name: None,
            labels: None,
            observe: true,
            state_dir: None,
            actuator_dir: None,
            hold_file: None,
            min_reboot_gap: None,
            boot_min_free_mib: None,
            hooks: Hooks::default(),
            health: Health::default(),
            baseline: Baseline::default(),
        }
    }
}

/// Directories of executables.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hooks {
    pub(super) drain: Option<Spanned<PathBuf>>,
    pub(super) undrain: Option<Spanned<PathBuf>>,
    pub(super) health: Option<Spanned<PathBuf>>,
}

/// What counts as healthy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Health {
    #[serde(default = "yes")]
    pub(super) units: bool,
    #[serde(default)]
    pub(super) ignore_units: Vec<String>,
}

impl Default for Health {
    fn default() -> Self {
        Self { units: true, ignore_units: Vec::new() }
    }
}

/// What is measured all the time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Baseline {
    #[serde(default = "yes")]
    pub(super) enabled: bool,
    pub(super) every: Option<Spanned<Millis>>,
}

impl Default for Baseline {
    fn default() -> Self {
        Self { enabled: true, every: None }
    }
}

fn yes() -> bool {
    true
}
