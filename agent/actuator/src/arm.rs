//! `Arm` and `Disarm`.
//!
//! A kernel for kexec is loaded right here, while everything can still be taken back. A one-shot
//! boot entry is only rehearsed here, written and read back and taken away again, and armed for
//! good when the machine leaves: a power cut in between must not start a trial nobody permitted.

use wavegate_common::actuator::Armed;
use wavegate_common::{BootId, BootMethod, KernelRelease};

use crate::boot::BootLoader;
use crate::cmdline;
use crate::error::Error;
use crate::kernel;
use crate::power::Power;
use crate::probe;
use crate::remember;
use crate::verbs::Actuator;
use crate::watchdog;

/// How many parameters a release may append.
const MAX_APPENDED: usize = 32;

impl<P: Power> Actuator<P> {
    pub(crate) fn arm(
        &self,
        boot: BootId,
        kernel: &KernelRelease,
        method: BootMethod,
        append: &[String],
    ) -> Result<Armed, Error> {
        kernel::check_boot(&self.tree, boot)?;
        kernel::files(&self.tree, kernel)?;
        if append.len() > MAX_APPENDED {
            return Err(Error::BadRequest(format!("more than {MAX_APPENDED} parameters")));
        }
        append.iter().try_for_each(|parameter| cmdline::check(parameter))?;
        self.disarm()?;
        let loader = BootLoader::find(&self.tree)?;
        self.check_fallback(&loader, kernel)?;
        let armed = self.arm_by(&loader, boot, kernel, method, append)?;
        if let Err(error) = remember::note_armed(&self.tree, &armed, append) {
            self.disarm()?;
            return Err(error);
        }
        Ok(armed)
    }

    fn arm_by(
        &self,
        loader: &BootLoader,
        boot_id: BootId,
        kernel: &KernelRelease,
        method: BootMethod,
        append: &[String],
    ) -> Result<Armed, Error> {
        let mut armed = Armed {
            boot_id,
            kernel: kernel.clone(),
            method: BootMethod::Firmware,
            entry: None,
            cmdline: None,
            why_not_kexec: Vec::new(),
        };
        if method != BootMethod::Firmware {
            match self.load_for_kexec(loader, kernel, append) {
                Ok(cmdline) => {
                    return Ok(Armed {
                        method: BootMethod::Kexec,
                        cmdline: Some(cmdline),
                        ..armed
                    });
                }
                Err(error) if method == BootMethod::Kexec => return Err(error),
                Err(error) => armed.why_not_kexec.push(error.to_string()),
            }
        }
        armed.entry = self.rehearse(loader, kernel, append)?;
        Ok(armed)
    }

    fn load_for_kexec(
        &self,
        loader: &BootLoader,
        kernel: &KernelRelease,
        append: &[String],
    ) -> Result<String, Error> {
        if let Some(why) = probe::why_no_kexec(&self.tree).into_iter().next() {
            return Err(Error::precondition(why, "let this host do full reboots"));
        }
        self.watchdog.check(&watchdog::observe(&self.tree))?;
        let line = probe::command_line(&self.tree, loader, kernel, append)?;
        self.load(kernel, &line)?;
        if !probe::is_loaded(&self.tree) {
            let what = format!("kernel {kernel} was loaded, but the kernel says none is");
            return Err(Error::precondition(what, "something on the host unloads kernels"));
        }
        Ok(line.to_string_lossy().into_owned())
    }

    /// Proves that a full reboot would get to the kernel and back. The id of the one-shot entry,
    /// or nothing if the kernel is the default already.
    fn rehearse(
        &self,
        loader: &BootLoader,
        kernel: &KernelRelease,
        append: &[String],
    ) -> Result<Option<String>, Error> {
        if let Some(hazard) = probe::hazards(&self.tree).into_iter().next() {
            return Err(Error::unsafe_now(hazard, "set LOAD_KEXEC=false in /etc/default/kexec"));
        }
        let entry = if loader.default_kernel() == Some(kernel) {
            loader.default_entry()
        } else {
            loader.entry_of(kernel)
        };
        let options = entry.map(|entry| entry.options.clone()).unwrap_or_default();
        if let Some(missing) = entry.and_then(|entry| entry.lacks(append)) {
            return Err(Error::precondition(
                format!("the boot entry of kernel {kernel} has no {missing}"),
                "stage the release again, which puts up an entry with its parameters",
            ));
        }
        if loader.default_kernel() == Some(kernel) {
            return Ok(None);
        }
        if kernel::reboots_after_panic(&self.tree, kernel, &options) == Some(false) {
            return Err(Error::unsafe_now(
                format!("kernel {kernel} would hang after a panic: its entry has no panic="),
                "put panic=10 into the boot loader's settings (GRUB_CMDLINE_LINUX)",
            ));
        }
        let id = loader.arm_once(&self.tree, kernel)?;
        loader.disarm(&self.tree)?;
        Ok(Some(id))
    }

    /// The default entry must boot a proven kernel, or a failed trial would not come back to one.
    pub(crate) fn check_fallback(
        &self,
        loader: &BootLoader,
        target: &KernelRelease,
    ) -> Result<(), Error> {
        if matches!(loader, BootLoader::None) {
            // A hypervisor or a network boots this host; what they boot is not ours to know.
            return Ok(());
        }
        const HINT: &str = "stage the kernel again, which pins the default; see `wavegate-agent \
                            doctor` on the host";
        let running = kernel::running(&self.tree)?;
        let trial = remember::on_trial(&self.tree)?;
        match loader.default_kernel() {
            None => Err(Error::unsafe_now("the default boot entry cannot be told", HINT)),
            Some(default) if *default == running && !trial => Ok(()),
            // Going back to what is proven, or on from a trial whose way back is in place.
            Some(default) if default == target || (trial && *default != running) => Ok(()),
            Some(default) => Err(Error::unsafe_now(
                format!("the default boot entry is kernel {default}, not the proven {running}"),
                HINT,
            )),
        }
    }

    pub(crate) fn disarm(&self) -> Result<(), Error> {
        if probe::is_loaded(&self.tree) {
            self.power.unload().map_err(Error::io("unload", "kexec".as_ref()))?;
        }
        if let Some(id) = remember::armed(&self.tree)?.and_then(|note| note.armed.entry) {
            let loader = BootLoader::find(&self.tree)?;
            // Somebody else's one-shot entry is left alone.
            if loader.armed(&self.tree)?.as_deref() == Some(&id) {
                loader.disarm(&self.tree)?;
            }
        }
        remember::forget_armed(&self.tree)
    }
}
