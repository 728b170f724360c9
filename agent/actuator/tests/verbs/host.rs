//! A host made of files, and power that only takes notes.

use std::cell::RefCell;
use std::ffi::CStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;

use tempfile::TempDir;
use wavegate_actuator::{Actuator, Error, Leave, Power, Tree, WatchdogPolicy};
use wavegate_common::BootId;
use wavegate_common::actuator::{Answer, Reason, Request};

pub(crate) const OLD: &str = "6.1.0-47-amd64";
pub(crate) const NEW: &str = "6.1.0-56-amd64";
pub(crate) const BOOT: BootId = BootId(0x1111);

/// What was done to the machine.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) cmdline: Option<String>,
    pub(crate) left: Option<Leave>,
    pub(crate) refuse_load: Option<i32>,
    pub(crate) refuse_leave: bool,
}

pub(crate) struct NotedPower {
    tree: Tree,
    notes: Rc<RefCell<Notes>>,
}

impl Power for NotedPower {
    fn load(&self, _: &File, _: Option<&File>, cmdline: &CStr) -> io::Result<()> {
        if let Some(errno) = self.notes.borrow().refuse_load {
            return Err(io::Error::from_raw_os_error(errno));
        }
        self.notes.borrow_mut().cmdline = Some(cmdline.to_str().unwrap().to_owned());
        fs::write(self.tree.path("/sys/kernel/kexec_loaded"), "1\n")
    }

    fn unload(&self) -> io::Result<()> {
        self.notes.borrow_mut().cmdline = None;
        fs::write(self.tree.path("/sys/kernel/kexec_loaded"), "0\n")
    }

    fn leave(&self, how: Leave) -> Result<(), Error> {
        if self.notes.borrow().refuse_leave {
            return Err(Error::BadRequest("the service manager says no".into()));
        }
        self.notes.borrow_mut().left = Some(how);
        Ok(())
    }
}

pub(crate) struct Host {
    _dir: TempDir,
    pub(crate) tree: Tree,
    pub(crate) notes: Rc<RefCell<Notes>>,
    pub(crate) actuator: Actuator<NotedPower>,
}

impl Host {
    /// Two kernels, the old one running; no boot loader, no watchdog.
    pub(crate) fn bare() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::at(dir.path());
        let notes = Rc::new(RefCell::new(Notes::default()));
        let power = NotedPower { tree: tree.clone(), notes: Rc::clone(&notes) };
        let actuator = Actuator::new(tree.clone(), power, WatchdogPolicy::IfActive);
        let host = Self { _dir: dir, tree, notes, actuator };
        host.boots(OLD, BOOT, 114);
        host.put("/proc/cmdline", "BOOT_IMAGE=/boot/vmlinuz-x root=/dev/sda1 ro\n");
        host.put("/sys/kernel/kexec_loaded", "0\n");
        host.has_kernel(OLD);
        host.has_kernel(NEW);
        host
    }

    /// The same with GRUB as Debian sets it up, the default taken from grubenv.
    pub(crate) fn with_grub() -> Self {
        let host = Self::bare();
        host.put("/proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
        host.put("/sys/dev/block/8:1/dev", "8:1\n");
        host.put("/boot/grub/grub.cfg", &debian_grub_cfg("${saved_entry}", "panic=5"));
        host.put_env(&format!("saved_entry={}\n", entry_id(OLD)));
        host
    }

    pub(crate) fn boots(&self, kernel: &str, boot: BootId, loader: u32) {
        self.put("/proc/sys/kernel/osrelease", &format!("{kernel}\n"));
        self.put("/proc/sys/kernel/random/boot_id", &format!("{boot}\n"));
        self.put("/proc/sys/kernel/bootloader_type", &format!("{loader}\n"));
        self.put("/sys/kernel/kexec_loaded", "0\n");
    }

    pub(crate) fn has_kernel(&self, release: &str) {
        self.put(&format!("/boot/vmlinuz-{release}"), "image");
        self.put(&format!("/boot/initrd.img-{release}"), "initrd");
        self.put(&format!("/usr/lib/modules/{release}/modules.dep"), "");
        self.put(&format!("/boot/config-{release}"), "CONFIG_PANIC_TIMEOUT=0\n");
    }

    pub(crate) fn put(&self, path: &str, text: &str) {
        self.tree.write(path, text.as_bytes()).unwrap();
    }

    pub(crate) fn put_program(&self, path: &str, script: &str) {
        self.put(path, &format!("#!/bin/sh\nROOT='{}'\n{script}\n", self.tree.path("/").display()));
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.tree.path(path), mode).unwrap();
    }

    pub(crate) fn put_env(&self, variables: &str) {
        let mut block = format!("# GRUB Environment Block\n{variables}");
        block.push_str(&"#".repeat(1024 - block.len()));
        self.put("/boot/grub/grubenv", &block);
    }

    pub(crate) fn env(&self) -> String {
        self.tree.text("/boot/grub/grubenv").unwrap().unwrap()
    }

    pub(crate) fn ask(&self, request: &Request) -> Answer {
        self.actuator.answer(request)
    }

    /// Asks for what must be refused and returns why.
    pub(crate) fn refused(&self, request: &Request, reason: Reason) -> String {
        match self.ask(request) {
            Answer::Refused(refusal) => {
                assert_eq!(refusal.reason, reason, "{refusal:?}");
                assert!(!refusal.hint.is_empty(), "{refusal:?}");
                refusal.message
            }
            other => panic!("not refused: {other:?}"),
        }
    }
}

pub(crate) fn entry_id(kernel: &str) -> String {
    format!("gnulinux-advanced-1234>gnulinux-{kernel}-advanced-1234")
}

/// What Debian's `update-grub` writes, shortened.
pub(crate) fn debian_grub_cfg(default: &str, extra: &str) -> String {
    let simple = format!(
        "menuentry 'Debian GNU/Linux' --class debian --class os $menuentry_id_option \
         'gnulinux-simple-1234' {{\n\tload_video\n\tinsmod gzio\n\
         \tif [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi\n\
         \tlinux\t/boot/vmlinuz-{NEW} root=UUID=1234 ro quiet {extra}\n\
         \tinitrd\t/boot/initrd.img-{NEW}\n}}\n"
    );
    let advanced = |kernel: &str| {
        format!(
            "\tmenuentry 'Debian GNU/Linux, with Linux {kernel}' --class debian \
             $menuentry_id_option 'gnulinux-{kernel}-advanced-1234' {{\n\
             \t\techo 'Loading Linux {kernel} ...'\n\
             \t\tlinux\t/boot/vmlinuz-{kernel} root=UUID=1234 ro quiet {extra}\n\t}}\n\
             \tmenuentry 'Debian GNU/Linux, with Linux {kernel} (recovery mode)' \
             $menuentry_id_option 'gnulinux-{kernel}-recovery-1234' {{\n\
             \t\tlinux\t/boot/vmlinuz-{kernel} root=UUID=1234 ro single {extra}\n\t}}\n"
        )
    };
    let custom = "if [ -f  ${config_directory}/custom.cfg ]; then\n  source \
                  ${config_directory}/custom.cfg\nfi\n";
    format!(
        "# DO NOT EDIT THIS FILE\nif [ -s $prefix/grubenv ]; then\n  set have_grubenv=true\n  \
         load_env\nfi\nif [ \"${{next_entry}}\" ] ; then\n   set default=\"${{next_entry}}\"\n   \
         set next_entry=\n   save_env next_entry\n   set boot_once=true\nelse\n   \
         set default=\"{default}\"\nfi\nfunction savedefault {{\n  if [ -z \"${{boot_once}}\" ]; \
         then\n    saved_entry=\"${{chosen}}\"\n    save_env saved_entry\n  fi\n}}\n\
         {simple}submenu 'Advanced options for Debian GNU/Linux' $menuentry_id_option \
         'gnulinux-advanced-1234' {{\n{}{}}}\n{custom}",
        advanced(NEW),
        advanced(OLD)
    )
}
