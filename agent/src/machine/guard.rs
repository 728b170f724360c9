//! Reasons of this host itself not to reboot.

use wavegate_common::KernelRelease;

use super::bounds::short;
use super::sabotage::{self, Guard};
use super::state::{Book, Machine};

impl Machine {
    /// Why a reboot into `target` would be refused now, in words; empty if it would not. Without
    /// a target it is the answer for a kernel that the host has not come from.
    pub(super) fn guard_reasons(&self, target: Option<&KernelRelease>) -> Vec<String> {
        let mut reasons: Vec<String> = self.standstill().into_iter().collect();
        reasons.extend(self.too_soon(target));
        reasons.extend_from_slice(self.local_reasons());
        reasons
    }

    /// An error with all reasons against a reboot into `target`, if there are any.
    pub(super) fn guard(&self, target: &KernelRelease) -> Result<(), String> {
        let reasons = self.guard_reasons(Some(target));
        if reasons.is_empty() {
            return Ok(());
        }
        Err(short(format!("guard: {}", reasons.join("; "))))
    }

    /// Why this agent does not act at all, if it does not.
    pub(super) fn standstill(&self) -> Option<String> {
        if self.config.observe_only {
            return Some("observe mode: this agent reports and does not act".to_owned());
        }
        match &self.book {
            _ if !sabotage::on(Guard::SoundLedger) => None,
            Book::Sound => None,
            Book::Damaged => Some("the ledger has a hole: a person must look at it".to_owned()),
            Book::Failing(why) => Some(format!("the ledger cannot be written: {why}")),
        }
    }

    /// The gap is measured in uptime: how long ago the boot before this one was cannot be told
    /// without trusting the wall clock.
    fn too_soon(&self, target: Option<&KernelRelease>) -> Option<String> {
        let recent = self.history.recent.as_ref()?;
        let going_back = target.is_some() && recent.way_back.as_ref() == target;
        let gap = self.config.min_reboot_gap;
        let rested = self.now.boottime >= gap;
        if going_back || rested || !sabotage::on(Guard::LocalRebootRate) {
            return None;
        }
        Some(format!("rebooted by order less than {gap} ago"))
    }

    fn local_reasons(&self) -> &[String] {
        match &self.surroundings {
            Some(seen) if sabotage::on(Guard::LocalReasons) => &seen.guard,
            Some(_) | None => &[],
        }
    }
}
