//! What cannot be tried out on a recorded tree: loading a kernel, and leaving this boot.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::libc;

use crate::error::Error;
use crate::program::Program;
use crate::tree::Tree;

const KEXEC_FILE_UNLOAD: libc::c_ulong = 1;
const KEXEC_FILE_NO_INITRAMFS: libc::c_ulong = 4;
/// How long the service manager may take to accept a job, not to carry it out.
const ACCEPT: Duration = Duration::from_secs(30);

/// How to leave this boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// Into the kernel that is loaded.
    Kexec,
    /// Through firmware and boot loader.
    Reboot,
}

/// Effects on the machine itself.
pub trait Power {
    /// Loads a kernel for kexec, in place of one that may be loaded.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    fn load(&self, image: &File, initrd: Option<&File>, cmdline: &CStr) -> io::Result<()>;

    /// Unloads it. That none is loaded is fine.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    fn unload(&self) -> io::Result<()>;

    /// Begins an orderly shutdown; returns when it is under way.
    ///
    /// # Errors
    ///
    /// If the service manager does not accept.
    fn leave(&self, how: Leave) -> Result<(), Error>;
}

/// The running kernel and its service manager.
#[derive(Debug, Clone, Copy, Default)]
pub struct ThisMachine;

impl Power for ThisMachine {
    fn load(&self, image: &File, initrd: Option<&File>, cmdline: &CStr) -> io::Result<()> {
        let flags = if initrd.is_some() { 0 } else { KEXEC_FILE_NO_INITRAMFS };
        let initrd = initrd.map_or(-1, AsRawFd::as_raw_fd);
        kexec_file_load(image.as_raw_fd(), initrd, cmdline, flags)
    }

    fn unload(&self) -> io::Result<()> {
        kexec_file_load(-1, -1, c"", KEXEC_FILE_UNLOAD)
    }

    fn leave(&self, how: Leave) -> Result<(), Error> {
        let verb = match how {
            Leave::Kexec => "kexec",
            Leave::Reboot => "reboot",
        };
        // Newer service managers turn a reboot into a kexec when a kernel is loaded; a full
        // reboot must stay one.
        Program::new(&Tree::at("/"), "/usr/bin/systemctl", ACCEPT)
            .args(&["--no-block", "--no-ask-password", verb])
            .env("SYSTEMCTL_SKIP_AUTO_KEXEC", "1")
            .run()
            .map(drop)
    }
}

#[expect(unsafe_code, reason = "there is no safe wrapper of kexec_file_load")]
fn kexec_file_load(
    image: i32,
    initrd: i32,
    cmdline: &CStr,
    flags: libc::c_ulong,
) -> io::Result<()> {
    let cmdline = cmdline.to_bytes_with_nul();
    // SAFETY: both descriptors are open or -1 for the length of the call, and the kernel copies
    // exactly `cmdline.len()` bytes, which end with NUL, before it returns.
    let result = unsafe {
        libc::syscall(
            libc::SYS_kexec_file_load,
            image,
            initrd,
            cmdline.len() as libc::c_ulong,
            cmdline.as_ptr(),
            flags,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
