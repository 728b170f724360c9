//! `Probe`: what this host can do.

use std::ffi::CStr;
use std::fs::File;
use std::io;

use nix::sys::statvfs::statvfs;
use wavegate_common::KernelRelease;
use wavegate_common::actuator::{Capabilities, Kexec};

use crate::boot::{BootLoader, efivar};
use crate::cmdline;
use crate::error::Error;
use crate::kernel;
use crate::power::Power;
use crate::remember;
use crate::tree::Tree;
use crate::verbs::Actuator;
use crate::watchdog;

impl<P: Power> Actuator<P> {
    pub(crate) fn probe(&self, dry_run: Option<&KernelRelease>) -> Result<Capabilities, Error> {
        let tree = &self.tree;
        let loader = BootLoader::find(tree)?;
        let watchdog = watchdog::observe(tree);
        let mut refusals = why_no_kexec(tree);
        refusals.extend(self.watchdog.objection(&watchdog));
        let dry_run = match dry_run {
            Some(kernel) => self.dry_run(&loader, kernel)?,
            None => None,
        };
        if let Some(Err(why)) = &dry_run {
            refusals.push(why.clone());
        }
        Ok(Capabilities {
            running: kernel::running(tree)?,
            started_by: kernel::started_by(tree),
            installed: kernel::installed(tree),
            loader: loader.describe(),
            kexec: Kexec { refusals, loaded: is_loaded(tree), dry_run },
            watchdog,
            panic_timeout: tree.number("/proc/sys/kernel/panic"),
            secure_boot: efivar::read(tree, "SecureBoot", efivar::GLOBAL)?
                .map(|value| value.first() == Some(&1)),
            lockdown: lockdown(tree),
            boot_free_bytes: free_bytes(tree, "/boot"),
            panic_records: tree.names("/sys/fs/pstore"),
            armed: remember::armed(tree)?.map(|note| note.armed),
            hazards: hazards(tree),
        })
    }

    /// Loads a kernel and unloads it again. Not while one is loaded: it would be replaced.
    fn dry_run(
        &self,
        loader: &BootLoader,
        kernel: &KernelRelease,
    ) -> Result<Option<Result<(), String>>, Error> {
        kernel::check_name(kernel)?;
        if is_loaded(&self.tree) {
            return Ok(None);
        }
        let attempt =
            command_line(&self.tree, loader, kernel, &[]).and_then(|line| self.load(kernel, &line));
        if attempt.is_ok() {
            self.power.unload().map_err(Error::io("unload", "kexec".as_ref()))?;
        }
        Ok(Some(attempt.map_err(|e| e.to_string())))
    }

    /// Loads a kernel for kexec.
    pub(crate) fn load(&self, kernel: &KernelRelease, cmdline: &CStr) -> Result<(), Error> {
        let files = kernel::files(&self.tree, kernel)?;
        let image = File::open(&files.image).map_err(Error::io("open", &files.image))?;
        let initrd = match &files.initrd {
            Some(path) => Some(File::open(path).map_err(Error::io("open", path))?),
            None => None,
        };
        self.power.load(&image, initrd.as_ref(), cmdline).map_err(|e| explain(&e, kernel))
    }
}

/// The command line for a kernel: from its boot entry, else from the running kernel.
pub(crate) fn command_line(
    tree: &Tree,
    loader: &BootLoader,
    kernel: &KernelRelease,
    append: &[String],
) -> Result<std::ffi::CString, Error> {
    let options = match loader.entry_of(kernel) {
        Some(entry) if !entry.options.is_empty() => entry.options.clone(),
        Some(_) | None => tree.line("/proc/cmdline").unwrap_or_default(),
    };
    cmdline::build(&options, append)
}

fn explain(error: &io::Error, kernel: &KernelRelease) -> Error {
    let (why, hint) = match error.raw_os_error().map(nix::errno::Errno::from_raw) {
        Some(nix::errno::Errno::EPERM) => {
            ("the kernel does not allow it", "see kernel.kexec_load_disabled and lockdown")
        }
        Some(nix::errno::Errno::EKEYREJECTED | nix::errno::Errno::ENOKEY) => {
            ("its signature is not trusted", "sign the kernel, or let this host do full reboots")
        }
        Some(nix::errno::Errno::ENOSYS) => {
            ("the running kernel has no kexec_file_load", "let this host do full reboots")
        }
        Some(nix::errno::Errno::ENOEXEC) => {
            ("the image is not understood", "stage the kernel again")
        }
        Some(nix::errno::Errno::EBUSY) => ("another load is under way", "try again"),
        _ => ("the kernel refused", "see the kernel's log on the host"),
    };
    Error::Precondition { what: format!("cannot load kernel {kernel}: {why} ({error})"), hint }
}

/// Whether a kernel is loaded for kexec.
#[must_use]
pub fn is_loaded(tree: &Tree) -> bool {
    tree.number("/sys/kernel/kexec_loaded") == Some(1_u8)
}

/// Why the running kernel does not offer kexec; empty if it does.
#[must_use]
pub fn why_no_kexec(tree: &Tree) -> Vec<String> {
    let mut why = Vec::new();
    if !tree.exists("/sys/kernel/kexec_loaded") {
        why.push("the running kernel is built without kexec".into());
    }
    if tree.number("/proc/sys/kernel/kexec_load_disabled") == Some(1_u8) {
        why.push("kernel.kexec_load_disabled is 1 until the next boot".into());
    }
    if tree.number("/proc/sys/kernel/kexec_load_limit_reboot") == Some(0_i32) {
        why.push("kernel.kexec_load_limit_reboot is used up until the next boot".into());
    }
    why
}

fn lockdown(tree: &Tree) -> Option<String> {
    let line = tree.line("/sys/kernel/security/lockdown")?;
    let (_, rest) = line.split_once('[')?;
    rest.split_once(']').map(|(level, _)| level.to_owned())
}

fn free_bytes(tree: &Tree, path: &str) -> Option<u64> {
    let stat = statvfs(&tree.path(path)).ok()?;
    Some(stat.blocks_available().saturating_mul(stat.fragment_size()))
}

/// Settings that would turn a full reboot into something else.
#[must_use]
pub fn hazards(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let kexec_tools = tree.text("/etc/default/kexec").ok().flatten().unwrap_or_default();
    let loads = kexec_tools.lines().any(|line| line.trim() == "LOAD_KEXEC=true");
    if loads && tree.exists("/sbin/kexec") {
        found.push(
            "LOAD_KEXEC=true in /etc/default/kexec turns every reboot into a kexec of its own"
                .into(),
        );
    }
    found
}
