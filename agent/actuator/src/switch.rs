//! `Switch` and `Revert`: leaving this boot.

use wavegate_common::actuator::Armed;
use wavegate_common::{BootId, BootMethod, KernelRelease};

use crate::boot::BootLoader;
use crate::error::Error;
use crate::kernel;
use crate::power::{Leave, Power};
use crate::probe;
use crate::remember::{self, ArmedNote, Trial};
use crate::verbs::Actuator;
use crate::watchdog;

impl<P: Power> Actuator<P> {
    pub(crate) fn switch(
        &self,
        boot: BootId,
        kernel: &KernelRelease,
        method: BootMethod,
    ) -> Result<(), Error> {
        kernel::check_boot(&self.tree, boot)?;
        let ArmedNote { armed, append } = remember::armed(&self.tree)?.ok_or_else(|| {
            Error::precondition("nothing is armed", "arm the kernel before switching to it")
        })?;
        if armed.kernel != *kernel || armed.method != method {
            let what = format!("kernel {} is armed for {:?}", armed.kernel, armed.method);
            return Err(Error::precondition(what, "arm again what is to be booted"));
        }
        let loader = BootLoader::find(&self.tree)?;
        // The package manager may have run since; the way back is checked at the last moment.
        self.check_fallback(&loader, kernel)?;
        remember::note_trial(&self.tree, &Trial { kernel: kernel.clone(), left: boot, append })?;
        let left = match method {
            BootMethod::Kexec => self.leave_by_kexec(),
            BootMethod::Firmware => self.leave_by_firmware(&loader, &armed),
            BootMethod::Auto => Err(Error::BadRequest("`auto` is no way to leave".into())),
        };
        left.inspect_err(|_| drop(remember::forget_trial(&self.tree)))
    }

    fn leave_by_kexec(&self) -> Result<(), Error> {
        if !probe::is_loaded(&self.tree) {
            let what = "the kernel that was loaded is not loaded any more";
            return Err(Error::precondition(what, "arm again"));
        }
        self.watchdog.check(&watchdog::observe(&self.tree))?;
        self.power.leave(Leave::Kexec)
    }

    fn leave_by_firmware(&self, loader: &BootLoader, armed: &Armed) -> Result<(), Error> {
        self.unload()?;
        match &armed.entry {
            Some(_) => drop(loader.arm_once(&self.tree, &armed.kernel)?),
            None if loader.default_kernel() == Some(&armed.kernel) => {}
            None => {
                let what = format!("kernel {} is not the default any more", armed.kernel);
                return Err(Error::precondition(what, "arm again"));
            }
        }
        let left = self.power.leave(Leave::Reboot);
        if left.is_err() && armed.entry.is_some() {
            loader.disarm(&self.tree)?;
        }
        left
    }

    pub(crate) fn revert(&self, boot: BootId) -> Result<(), Error> {
        kernel::check_boot(&self.tree, boot)?;
        let loader = BootLoader::find(&self.tree)?;
        let running = kernel::running(&self.tree)?;
        match loader.default_kernel() {
            Some(default) if *default != running => {}
            Some(_) => {
                let what = format!("the default boot entry is the running kernel {running}");
                return Err(Error::precondition(what, "there is no other kernel to go back to"));
            }
            // Firmware starts something on a host without a boot loader, and it was not this.
            None if matches!(loader, BootLoader::None)
                && kernel::started_by(&self.tree) == Some(BootMethod::Kexec) => {}
            None => {
                let what = "it cannot be told what a reboot would boot";
                return Err(Error::precondition(what, "repair the boot loader's settings"));
            }
        }
        self.unload()?;
        loader.disarm(&self.tree)?;
        self.power.leave(Leave::Reboot)
    }

    /// A loaded kernel would turn the reboot into a kexec on some hosts.
    fn unload(&self) -> Result<(), Error> {
        if probe::is_loaded(&self.tree) {
            self.power.unload().map_err(Error::io("unload", "kexec".as_ref()))?;
        }
        Ok(())
    }
}
