//! From what this host can do to what a person should know about it.

use std::path::Path;

use wavegate_common::actuator::{Capabilities, LoaderKind, Survives};

use super::item::Item;
use crate::hooks::hooks_in;
use crate::root::Root;

/// Space on `/boot` below which a kernel does not fit, and below which it does just so.
const BOOT_BAD: u64 = 64 << 20;
const BOOT_WARN: u64 = 256 << 20;

/// What is known of a host before it is examined.
#[derive(Debug)]
pub struct Patient<'a> {
    /// Its files.
    pub root: &'a Root,
    /// What the actuator says, or why it says nothing.
    pub capabilities: Result<Capabilities, String>,
    /// Whether it is enrolled, or why not.
    pub enrolled: Result<(), String>,
    /// The agent only watches.
    pub observe: bool,
    /// Reasons of this moment not to reboot.
    pub guard: Vec<String>,
    /// Directories of executables that the agent runs.
    pub hooks: Vec<&'a Path>,
}

/// Looks at everything, the most important first.
#[must_use]
pub fn examine(patient: &Patient<'_>) -> Vec<Item> {
    let mut items = Vec::new();
    match &patient.capabilities {
        Err(why) => {
            let todo = "the agent can report without it, but change nothing";
            items.push(Item::bad("actuator", why, todo));
        }
        Ok(found) => {
            items.push(Item::ok("actuator", "answers"));
            items.push(watchdog(found));
            items.push(panic_timeout(found));
            items.push(boot_default(found));
            items.push(one_shot(found));
            items.push(kexec(found));
            items.push(lockdown(found));
            items.push(boot_space(found));
            items.extend(
                found
                    .hazards
                    .iter()
                    .map(|what| Item::warn("settings", what, "repair it before the next kernel")),
            );
        }
    }
    items.push(panic_records(patient.root));
    items.push(identity(patient));
    items.push(mode(patient));
    items.extend(patient.hooks.iter().filter_map(|dir| {
        let error = hooks_in(dir).err()?;
        Some(Item::bad("hooks", error.to_string(), "until then no hook there is run"))
    }));
    items.extend(patient.guard.iter().map(|reason| {
        Item::warn("guard", reason, "the host does not reboot as long as this holds")
    }));
    items
}

/// A hang after kexec ends by itself only if a watchdog counts on over it.
fn watchdog(found: &Capabilities) -> Item {
    let dog = &found.watchdog;
    let Some(device) = &dog.device else {
        let todo = "load the driver of the board's watchdog and set RuntimeWatchdogSec= in \
                    /etc/systemd/system.conf";
        return Item::bad("watchdog", "no hardware watchdog: a kernel that hangs stays so", todo);
    };
    let name = if dog.identity.is_empty() { device } else { &dog.identity };
    if !dog.active {
        let todo = "set RuntimeWatchdogSec= in /etc/systemd/system.conf";
        return Item::bad("watchdog", format!("{name} is not running"), todo);
    }
    let todo = "boot with watchdog.stop_on_reboot=0, or load the driver with nowayout=1";
    match dog.survives_kexec {
        Survives::Yes => Item::ok("watchdog", format!("{name} counts on over kexec: {}", dog.why)),
        Survives::No => {
            Item::bad("watchdog", format!("{name} stops over kexec: {}", dog.why), todo)
        }
        Survives::Unknown => {
            Item::bad("watchdog", format!("{name} may stop over kexec: {}", dog.why), todo)
        }
    }
}

fn panic_timeout(found: &Capabilities) -> Item {
    match found.panic_timeout {
        Some(0) => Item::bad(
            "panic",
            "kernel.panic is 0: a kernel that panics hangs for ever",
            "add panic=10 to the kernel parameters of every boot entry",
        ),
        Some(secs) if secs < 0 => Item::ok("panic", "reboots at once after a panic"),
        Some(secs) => Item::ok("panic", format!("reboots {secs} s after a panic")),
        None => Item::warn("panic", "kernel.panic cannot be read", "is /proc mounted"),
    }
}

fn boot_default(found: &Capabilities) -> Item {
    let loader = &found.loader;
    if loader.kind == LoaderKind::None {
        let todo = "install GRUB or systemd-boot; without one nothing brings the old kernel back";
        return Item::bad("boot loader", "none that is understood", todo);
    }
    if let Some(why) = loader.no_default.first() {
        return Item::bad("boot loader", why, "the proven kernel must be the default entry");
    }
    match &loader.default_kernel {
        Some(kernel) if *kernel == found.running => {
            Item::ok("boot loader", format!("boots {kernel} by default, which is running"))
        }
        Some(kernel) => Item::warn(
            "boot loader",
            format!("boots {kernel} by default, but {} is running", found.running),
            "a reboot would change the kernel; make the wanted one the default",
        ),
        None => Item::bad(
            "boot loader",
            "what it boots by default cannot be told",
            "set GRUB_DEFAULT=saved and run update-grub",
        ),
    }
}

/// Not needed for kexec, but then it is the only way.
fn one_shot(found: &Capabilities) -> Item {
    let Some(why) = found.loader.no_one_shot.first() else {
        return Item::ok("one-shot", "a boot entry can be tried once");
    };
    if found.kexec.refusals.is_empty() {
        return Item::warn("one-shot", why, "kernels are changed by kexec only");
    }
    Item::bad("one-shot", why, "neither this nor kexec is possible: mend one of them")
}

fn kexec(found: &Capabilities) -> Item {
    if let Some(Err(why)) = &found.kexec.dry_run {
        let todo = "full reboots are used instead";
        return Item::warn("kexec", format!("the running kernel's image is refused: {why}"), todo);
    }
    if found.kexec.refusals.is_empty() {
        return Item::ok("kexec", "possible");
    }
    Item::warn("kexec", found.kexec.refusals.join("; "), "full reboots are used instead")
}

fn lockdown(found: &Capabilities) -> Item {
    let mode = found.lockdown.as_deref().unwrap_or("not shown by this kernel");
    let secure = match found.secure_boot {
        Some(true) => "secure boot is on",
        Some(false) => "secure boot is off",
        None => "no EFI",
    };
    Item::ok("lockdown", format!("{mode}, {secure}"))
}

fn boot_space(found: &Capabilities) -> Item {
    let Some(free) = found.boot_free_bytes else {
        return Item::warn("/boot", "its free space cannot be told", "is it mounted");
    };
    let mib = free >> 20;
    let todo = "remove kernels that are neither running nor the default";
    match free {
        _ if free < BOOT_BAD => Item::bad("/boot", format!("{mib} MiB free"), todo),
        _ if free < BOOT_WARN => Item::warn("/boot", format!("{mib} MiB free"), todo),
        _ => Item::ok("/boot", format!("{mib} MiB free")),
    }
}

fn panic_records(root: &Root) -> Item {
    // The directory is there on every kernel; it has a file system on it if records are kept.
    let mounts = root.text("/proc/self/mounts").unwrap_or_default();
    let kept = mounts.lines().any(|line| line.split(' ').nth(2) == Some("pstore"));
    let backend = root.text("/sys/module/pstore/parameters/backend");
    match backend.filter(|name| kept && !name.is_empty() && name != "(null)") {
        Some(name) => Item::ok("panic records", format!("kept by {name}")),
        None => Item::warn(
            "panic records",
            "no place is known where a panic leaves its record",
            "load ramoops, efi_pstore or erst, so that the reason of a panic can be shown",
        ),
    }
}

fn identity(patient: &Patient<'_>) -> Item {
    match &patient.enrolled {
        Ok(()) => Item::ok("identity", "enrolled"),
        Err(why) => Item::warn("identity", why, "`wavegate-agent enroll`"),
    }
}

fn mode(patient: &Patient<'_>) -> Item {
    if patient.observe {
        let todo = "set `observe: false` in the configuration to let kernels be changed";
        return Item::warn("mode", "observe: the agent reports and does not act", todo);
    }
    Item::ok("mode", "the agent acts on permits")
}

#[cfg(test)]
mod tests {
    use super::super::item::{Level, worst};
    use super::*;
    use crate::root::fake::FakeHost;
    use wavegate_common::actuator::{Kexec, Loader, Watchdog};

    fn able() -> Capabilities {
        Capabilities {
            running: "6.1.0-47".into(),
            started_by: None,
            installed: vec!["6.1.0-47".into()],
            loader: Loader {
                kind: LoaderKind::Grub,
                default_entry: Some("wavegate".into()),
                default_kernel: Some("6.1.0-47".into()),
                no_default: Vec::new(),
                no_one_shot: Vec::new(),
                entries: Vec::new(),
            },
            kexec: Kexec { refusals: Vec::new(), loaded: false, dry_run: Some(Ok(())) },
            watchdog: Watchdog {
                device: Some("watchdog0".into()),
                identity: "i6300ESB timer".into(),
                active: true,
                survives_kexec: Survives::Yes,
                why: "watchdog.stop_on_reboot is 0".into(),
                ..Watchdog::default()
            },
            panic_timeout: Some(10),
            secure_boot: Some(false),
            lockdown: Some("none".into()),
            boot_free_bytes: Some(1 << 30),
            panic_records: Vec::new(),
            armed: None,
            hazards: Vec::new(),
        }
    }

    fn host() -> FakeHost {
        FakeHost::new()
            .with("/proc/self/mounts", "pstore /sys/fs/pstore pstore rw 0 0\n")
            .with("/sys/module/pstore/parameters/backend", "erst\n")
    }

    fn examined(capabilities: Result<Capabilities, String>) -> Vec<Item> {
        let host = host();
        examine(&Patient {
            root: &host.root(),
            capabilities,
            enrolled: Ok(()),
            observe: false,
            guard: Vec::new(),
            hooks: Vec::new(),
        })
    }

    #[test]
    fn a_host_that_has_everything_is_well() {
        let items = examined(Ok(able()));
        assert_eq!(worst(&items), Level::Ok, "{items:?}");
    }

    #[test]
    fn each_hole_is_found_and_comes_with_what_to_do() {
        type Spoil = fn(&mut Capabilities);
        let holes: [(&str, Level, Spoil); 12] = [
            ("watchdog", Level::Bad, |c| c.watchdog.survives_kexec = Survives::No),
            ("watchdog", Level::Bad, |c| c.watchdog.survives_kexec = Survives::Unknown),
            ("watchdog", Level::Bad, |c| c.watchdog.active = false),
            ("watchdog", Level::Bad, |c| c.watchdog.device = None),
            ("panic", Level::Bad, |c| c.panic_timeout = Some(0)),
            ("boot loader", Level::Bad, |c| c.loader.kind = LoaderKind::None),
            ("boot loader", Level::Bad, |c| c.loader.default_kernel = None),
            ("boot loader", Level::Warn, |c| c.loader.default_kernel = Some("6.1.0-9".into())),
            ("one-shot", Level::Warn, |c| c.loader.no_one_shot = vec!["btrfs".into()]),
            ("kexec", Level::Warn, |c| c.kexec.refusals = vec!["lockdown".into()]),
            ("/boot", Level::Bad, |c| c.boot_free_bytes = Some(1 << 20)),
            ("settings", Level::Warn, |c| c.hazards = vec!["LOAD_KEXEC=true".into()]),
        ];
        for (name, level, spoil) in holes {
            let mut capabilities = able();
            spoil(&mut capabilities);
            let items = examined(Ok(capabilities));
            let item = items.iter().find(|item| item.level != Level::Ok).unwrap();
            assert_eq!((item.name, item.level), (name, level), "{item:?}");
            assert!(!item.todo.is_empty() && worst(&items) == level, "{item:?}");
        }
        let mut neither = able();
        neither.loader.no_one_shot = vec!["btrfs".into()];
        neither.kexec.refusals = vec!["lockdown".into()];
        assert_eq!(worst(&examined(Ok(neither))), Level::Bad);
    }

    #[test]
    fn without_an_actuator_it_is_bad() {
        assert_eq!(worst(&examined(Err("cannot reach it".into()))), Level::Bad);
    }

    #[test]
    fn without_a_place_for_panics_there_is_a_warning() {
        let bare = FakeHost::new();
        assert_eq!(panic_records(&bare.root()).level, Level::Warn);
        assert_eq!(panic_records(&host().root()).level, Level::Ok);
    }
}
