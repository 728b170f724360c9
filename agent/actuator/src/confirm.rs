//! `Confirm`: the running kernel becomes the default.

use wavegate_common::KernelRelease;

use crate::boot::BootLoader;
use crate::error::Error;
use crate::kernel;
use crate::power::Power;
use crate::remember;
use crate::verbs::Actuator;

impl<P: Power> Actuator<P> {
    /// The default first, then the note that the trial is over: a crash in between only makes
    /// this run again.
    pub(crate) fn confirm(&self, kernel: &KernelRelease) -> Result<String, Error> {
        let running = kernel::running(&self.tree)?;
        if running != *kernel {
            let what = format!("kernel {running} is running, not {kernel}");
            return Err(Error::precondition(what, "only the running kernel can be confirmed"));
        }
        kernel::files(&self.tree, kernel)?;
        let mut loader = BootLoader::find(&self.tree)?;
        if let BootLoader::SystemdBoot(boot) = &loader {
            boot.bless(&self.tree, kernel)?;
            loader = BootLoader::find(&self.tree)?;
        }
        // What ran on trial is what must come back after a power loss.
        if let Some(trial) = remember::trial(&self.tree)?
            && let Some(missing) = loader.entry_of(kernel).and_then(|e| e.lacks(&trial.append))
        {
            return Err(Error::precondition(
                format!("the boot entry of kernel {kernel} lacks {missing}, which it ran with"),
                "stage the release again, which puts up an entry with its parameters",
            ));
        }
        let already = loader.default_entry().filter(|e| e.kernel.as_ref() == Some(kernel));
        let entry = match already.and_then(|entry| entry.id.clone()) {
            Some(id) if !loader.no_default().is_empty() => id,
            Some(_) | None => loader.set_default(&self.tree, kernel)?,
        };
        // A one-shot entry that the firmware could not clear would start this kernel once more,
        // even after a later order has gone back from it.
        let loader = BootLoader::find(&self.tree)?;
        if loader.armed(&self.tree)?.is_some() {
            loader.disarm(&self.tree)?;
        }
        remember::forget_trial(&self.tree)?;
        Ok(entry)
    }
}
