//! What one process of the actuator has to tell the next.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wavegate_common::actuator::Armed;
use wavegate_common::{BootId, KernelRelease};

use crate::error::Error;
use crate::kernel;
use crate::tree::Tree;

/// Gone with this boot.
const ARMED: &str = "/run/wavegate-actuator/armed.json";
/// Stays over boots.
const TRIAL: &str = "/var/lib/wavegate-actuator/trial.json";

/// What is armed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArmedNote {
    /// As the agent was told.
    pub armed: Armed,
    /// The parameters it is to get besides those of its boot entry.
    pub append: Vec<String>,
}

/// A kernel that was booted to try it out and is not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Which.
    pub kernel: KernelRelease,
    /// The boot that was left for it.
    pub left: BootId,
    /// The parameters it was given besides those of its boot entry.
    pub append: Vec<String>,
}

/// What is armed in the running boot.
///
/// # Errors
///
/// If the note cannot be read.
pub fn armed(tree: &Tree) -> Result<Option<ArmedNote>, Error> {
    let note: Option<ArmedNote> = read(tree, ARMED)?;
    let current = kernel::boot_id(tree)?;
    Ok(note.filter(|note| note.armed.boot_id == current))
}

/// Notes what is armed.
///
/// # Errors
///
/// If the note cannot be written.
pub fn note_armed(tree: &Tree, armed: &Armed, append: &[String]) -> Result<(), Error> {
    write(tree, ARMED, &ArmedNote { armed: armed.clone(), append: append.to_vec() })
}

/// Forgets what was armed.
///
/// # Errors
///
/// If the note stays.
pub fn forget_armed(tree: &Tree) -> Result<(), Error> {
    tree.remove(ARMED)
}

/// Notes that the machine leaves for a kernel that is not proven yet.
///
/// # Errors
///
/// If the note cannot be written.
pub fn note_trial(tree: &Tree, trial: &Trial) -> Result<(), Error> {
    write(tree, TRIAL, trial)
}

/// The trial is over.
///
/// # Errors
///
/// If the note stays.
pub fn forget_trial(tree: &Tree) -> Result<(), Error> {
    tree.remove(TRIAL)
}

/// Whether the running kernel is on trial: it was booted to be tried out, and never confirmed.
///
/// # Errors
///
/// If the note cannot be read.
pub fn on_trial(tree: &Tree) -> Result<bool, Error> {
    trial(tree).map(|trial| trial.is_some())
}

/// The trial of the running kernel.
///
/// # Errors
///
/// If the note cannot be read.
pub fn trial(tree: &Tree) -> Result<Option<Trial>, Error> {
    let Some(trial) = read::<Trial>(tree, TRIAL)? else { return Ok(None) };
    let here = trial.kernel == kernel::running(tree)? && trial.left != kernel::boot_id(tree)?;
    Ok(here.then_some(trial))
}

fn read<T: DeserializeOwned>(tree: &Tree, path: &str) -> Result<Option<T>, Error> {
    // A note that cannot be read says nothing; the callers refuse without it.
    Ok(tree.text(path)?.and_then(|text| serde_json::from_str(&text).ok()))
}

fn write<T: Serialize>(tree: &Tree, path: &str, note: &T) -> Result<(), Error> {
    let text = serde_json::to_vec(note).map_err(|e| Error::BadRequest(e.to_string()))?;
    tree.write(path, &text)
}
