//! Arming, leaving, confirming and going back, on recorded hosts.

use crate::host::{BOOT, Host, NEW, OLD, debian_grub_cfg, entry_id};
use wavegate_actuator::Leave;
use wavegate_common::actuator::{Answer, Armed, LoaderKind, Reason, Request};
use wavegate_common::{BootId, BootMethod};

fn arm(method: BootMethod) -> Request {
    arm_with(method, &[])
}

fn arm_with(method: BootMethod, append: &[&str]) -> Request {
    let append = append.iter().map(|&word| word.to_owned()).collect();
    Request::Arm { boot_id: BOOT, kernel: NEW.into(), method, append }
}

fn switch(method: BootMethod) -> Request {
    Request::Switch { boot_id: BOOT, kernel: NEW.into(), method }
}

fn armed(host: &Host, request: &Request) -> Armed {
    match host.ask(request) {
        Answer::Armed(armed) => armed,
        other => panic!("{other:?}"),
    }
}

#[test]
fn probe_tells_what_the_host_can_do() {
    let host = Host::with_grub();
    let Answer::Probed(found) = host.ask(&Request::Probe { dry_run: Some(NEW.into()) }) else {
        panic!("no answer")
    };
    assert_eq!(found.running.as_str(), OLD);
    assert_eq!(found.started_by, Some(BootMethod::Firmware));
    assert_eq!(found.loader.kind, LoaderKind::Grub);
    assert_eq!(found.loader.default_kernel, Some(OLD.into()));
    assert_eq!(found.loader.no_one_shot, Vec::<String>::new());
    assert_eq!(found.installed, [OLD.into(), NEW.into()]);
    assert_eq!(found.kexec.dry_run, Some(Ok(())));
    assert!(!found.kexec.loaded, "the dry run is unloaded");
    assert_eq!(host.notes.borrow().cmdline, None);
    assert_eq!(found.no_kexec(), Vec::<String>::new());
}

#[test]
fn a_refused_dry_run_is_a_reason_against_kexec() {
    let host = Host::with_grub();
    host.notes.borrow_mut().refuse_load = Some(1);
    let Answer::Probed(found) = host.ask(&Request::Probe { dry_run: Some(NEW.into()) }) else {
        panic!("no answer")
    };
    assert!(found.no_kexec()[0].contains("does not allow it"), "{:?}", found.no_kexec());
}

#[test]
fn kexec_gets_the_command_line_of_its_boot_entry() {
    let host = Host::with_grub();
    let armed = armed(&host, &arm_with(BootMethod::Auto, &["mitigations=auto"]));
    assert_eq!(armed.method, BootMethod::Kexec);
    let line = "root=UUID=1234 ro quiet panic=5 mitigations=auto";
    assert_eq!(host.notes.borrow().cmdline.as_deref(), Some(line));
    assert_eq!(host.ask(&switch(BootMethod::Kexec)), Answer::Leaving);
    assert_eq!(host.notes.borrow().left, Some(Leave::Kexec));
    assert!(host.env().contains(&format!("saved_entry={}", entry_id(OLD))), "{}", host.env());
}

#[test]
fn a_kernel_without_a_boot_loader_gets_the_running_command_line_and_a_panic_timeout() {
    let host = Host::bare();
    armed(&host, &arm(BootMethod::Kexec));
    assert_eq!(host.notes.borrow().cmdline.as_deref(), Some("root=/dev/sda1 ro panic=10"));
    let confirm = Request::Confirm { kernel: OLD.into() };
    assert_eq!(host.refused(&confirm, Reason::Precondition), "no boot loader found");
}

#[test]
fn a_one_shot_entry_is_armed_only_when_the_machine_leaves() {
    let host = Host::with_grub();
    let armed = armed(&host, &arm(BootMethod::Firmware));
    assert_eq!(armed.entry, Some(entry_id(NEW)));
    assert!(!host.env().contains(NEW), "a power cut now boots the old kernel: {}", host.env());
    assert_eq!(host.ask(&switch(BootMethod::Firmware)), Answer::Leaving);
    assert!(host.env().contains(&format!("next_entry={}", entry_id(NEW))), "{}", host.env());
    assert!(host.env().contains(&format!("saved_entry={}", entry_id(OLD))), "{}", host.env());
    assert_eq!(host.notes.borrow().left, Some(Leave::Reboot));
}

#[test]
fn a_shutdown_that_is_not_accepted_takes_the_one_shot_entry_back() {
    let host = Host::with_grub();
    armed(&host, &arm(BootMethod::Firmware));
    host.notes.borrow_mut().refuse_leave = true;
    assert!(matches!(host.ask(&switch(BootMethod::Firmware)), Answer::Refused(_)));
    assert!(!host.env().contains(NEW), "{}", host.env());
}

#[test]
fn a_one_shot_entry_is_refused_where_grub_cannot_use_it_up() {
    let host = Host::with_grub();
    host.put("/proc/self/mountinfo", "22 1 8:1 / / rw - btrfs /dev/sda1 rw\n");
    let why = host.refused(&arm(BootMethod::Firmware), Reason::Unsafe);
    assert!(why.contains("btrfs"), "{why}");
    // Kexec needs no one-shot entry.
    assert_eq!(armed(&host, &arm(BootMethod::Auto)).method, BootMethod::Kexec);
}

#[test]
fn auto_takes_the_full_reboot_where_kexec_is_refused_and_says_why() {
    let host = Host::with_grub();
    host.put("/proc/sys/kernel/kexec_load_disabled", "1\n");
    let armed = armed(&host, &arm(BootMethod::Auto));
    assert_eq!(armed.method, BootMethod::Firmware);
    assert!(armed.why_not_kexec[0].contains("kexec_load_disabled"));
    host.refused(&arm(BootMethod::Kexec), Reason::Precondition);
}

#[test]
fn a_full_reboot_into_a_kernel_that_would_hang_after_a_panic_is_refused() {
    let host = Host::with_grub();
    host.put("/boot/grub/grub.cfg", &debian_grub_cfg("${saved_entry}", ""));
    let why = host.refused(&arm(BootMethod::Firmware), Reason::Unsafe);
    assert!(why.contains("would hang after a panic"), "{why}");
    host.put(&format!("/boot/config-{NEW}"), "CONFIG_PANIC_TIMEOUT=30\n");
    armed(&host, &arm(BootMethod::Firmware));
}

#[test]
fn parameters_that_a_boot_entry_lacks_cannot_be_had_by_a_full_reboot() {
    let host = Host::with_grub();
    let with = |word| arm_with(BootMethod::Firmware, &[word]);
    let why = host.refused(&with("nosmt"), Reason::Precondition);
    assert!(why.contains("has no nosmt"), "{why}");
    armed(&host, &with("quiet"));
}

#[test]
fn a_running_watchdog_that_stops_over_kexec_stands_against_it() {
    let host = Host::with_grub();
    for (name, value) in [("state", "active"), ("identity", "i6300ESB timer"), ("nowayout", "0")] {
        host.put(&format!("/sys/class/watchdog/watchdog0/{name}"), value);
    }
    host.put("/sys/module/watchdog/parameters/stop_on_reboot", "-1\n");
    host.put_program("/usr/bin/systemctl", "echo KExecWatchdogUSec=30s");
    let why = host.refused(&arm(BootMethod::Kexec), Reason::Unsafe);
    assert!(why.contains("stopped on kexec"), "{why}");
    let Answer::Probed(found) = host.ask(&Request::Probe { dry_run: None }) else {
        panic!("no answer")
    };
    assert_eq!(found.no_kexec().len(), 1, "the agent learns it before anything is drained");
    host.put("/sys/module/watchdog/parameters/stop_on_reboot", "0\n");
    armed(&host, &arm(BootMethod::Kexec));
    host.put_program("/usr/bin/systemctl", "echo KExecWatchdogUSec=0");
    let why = host.refused(&switch(BootMethod::Kexec), Reason::Unsafe);
    assert!(why.contains("KExecWatchdogSec=off"), "checked again at the last moment: {why}");
}

#[test]
fn nothing_is_armed_while_a_failed_trial_would_not_come_back() {
    let host = Host::with_grub();
    host.put("/boot/grub/grub.cfg", &debian_grub_cfg("0", "panic=5"));
    host.has_kernel("6.1.0-99-amd64");
    let other = |method| Request::Arm {
        boot_id: BOOT,
        kernel: "6.1.0-99-amd64".into(),
        method,
        append: Vec::new(),
    };
    // Entry 0 boots the newest kernel, which is neither the running one nor the one asked for.
    let why = host.refused(&other(BootMethod::Kexec), Reason::Unsafe);
    assert!(why.contains("not the proven"), "{why}");
}

#[test]
fn a_default_that_moved_after_arming_stops_the_switch() {
    let host = Host::with_grub();
    host.has_kernel("6.1.0-99-amd64");
    armed(&host, &arm(BootMethod::Kexec));
    let cfg = debian_grub_cfg("0", "panic=5").replacen(NEW, "6.1.0-99-amd64", 1);
    host.put("/boot/grub/grub.cfg", &cfg);
    host.refused(&switch(BootMethod::Kexec), Reason::Unsafe);
    assert_eq!(host.notes.borrow().left, None);
}

#[test]
fn requests_for_another_boot_or_kernel_are_refused() {
    let host = Host::with_grub();
    let late = Request::Arm {
        boot_id: BootId(9),
        kernel: NEW.into(),
        method: BootMethod::Auto,
        append: Vec::new(),
    };
    host.refused(&late, Reason::Precondition);
    host.refused(&switch(BootMethod::Kexec), Reason::Precondition);
    armed(&host, &arm(BootMethod::Kexec));
    host.refused(&switch(BootMethod::Firmware), Reason::Precondition);
    let other = Request::Switch { boot_id: BOOT, kernel: OLD.into(), method: BootMethod::Kexec };
    host.refused(&other, Reason::Precondition);
    let late =
        Request::Switch { boot_id: BootId(9), kernel: NEW.into(), method: BootMethod::Kexec };
    host.refused(&late, Reason::Precondition);
    assert_eq!(host.notes.borrow().left, None);
}

#[test]
fn a_kernel_unloaded_by_somebody_else_stops_the_switch() {
    let host = Host::with_grub();
    armed(&host, &arm(BootMethod::Kexec));
    host.put("/sys/kernel/kexec_loaded", "0\n");
    host.refused(&switch(BootMethod::Kexec), Reason::Precondition);
}

#[test]
fn disarm_unloads_and_leaves_other_peoples_entries_alone() {
    let host = Host::with_grub();
    armed(&host, &arm(BootMethod::Kexec));
    host.put_env(&format!("saved_entry={}\nnext_entry=windows\n", entry_id(OLD)));
    assert_eq!(host.ask(&Request::Disarm), Answer::Disarmed);
    assert_eq!(host.ask(&Request::Disarm), Answer::Disarmed);
    assert_eq!(host.notes.borrow().cmdline, None);
    assert!(host.env().contains("next_entry=windows"));
    host.refused(&switch(BootMethod::Kexec), Reason::Precondition);
}

#[test]
fn a_trial_is_confirmed_or_reverted() {
    let host = Host::with_grub();
    armed(&host, &arm(BootMethod::Kexec));
    host.ask(&switch(BootMethod::Kexec));
    let next = BootId(0x2222);
    host.boots(NEW, next, 208);
    host.refused(&Request::Confirm { kernel: OLD.into() }, Reason::Precondition);
    assert_eq!(host.ask(&Request::Revert { boot_id: next }), Answer::Leaving);
    assert_eq!(host.notes.borrow().left, Some(Leave::Reboot));
    let confirmed = Answer::Confirmed { entry: entry_id(NEW) };
    assert_eq!(host.ask(&Request::Confirm { kernel: NEW.into() }), confirmed);
    assert!(host.env().contains(&format!("saved_entry={}", entry_id(NEW))), "{}", host.env());
    let why = host.refused(&Request::Revert { boot_id: next }, Reason::Precondition);
    assert!(why.contains("is the running kernel"), "{why}");
}

#[test]
fn an_unconfirmed_trial_is_never_taken_for_proven() {
    let host = Host::with_grub();
    armed(&host, &arm(BootMethod::Kexec));
    host.ask(&switch(BootMethod::Kexec));
    host.boots(NEW, BootId(0x2222), 208);
    host.has_kernel("6.1.0-99-amd64");
    // From the trial to a third kernel: the way back is still the old one, so it may go.
    let third = Request::Arm {
        boot_id: BootId(0x2222),
        kernel: "6.1.0-99-amd64".into(),
        method: BootMethod::Kexec,
        append: Vec::new(),
    };
    armed(&host, &third);
    // If the trial kernel became the default without a word of ours, it may not.
    host.put_env(&format!("saved_entry={}\n", entry_id(NEW)));
    host.refused(&third, Reason::Unsafe);
}

#[test]
fn ids_that_begin_with_a_digit_are_never_used() {
    let host = Host::with_grub();
    let cfg = |title: &str| {
        format!(
            "load_env\nset default=\"${{saved_entry}}\"\nsave_env next_entry\n\
             menuentry 'Old' --id {OLD} {{\n linux /boot/vmlinuz-{OLD} ro panic=5\n}}\n\
             menuentry '{title}' --id {NEW} {{\n linux /boot/vmlinuz-{NEW} ro panic=5\n}}\n"
        )
    };
    host.put("/boot/grub/grub.cfg", &cfg("New > newer"));
    host.put_env("saved_entry=Old\n");
    host.boots(NEW, BOOT, 208);
    let confirmed = Answer::Confirmed { entry: "New >> newer".into() };
    assert_eq!(host.ask(&Request::Confirm { kernel: NEW.into() }), confirmed);
    host.put("/boot/grub/grub.cfg", &cfg("6.1.0-56"));
    let why = host.refused(&Request::Confirm { kernel: NEW.into() }, Reason::Precondition);
    assert!(why.contains("no boot entry"), "{why}");
    // GRUB takes such a setting for a position: it would boot the seventh entry, not this one.
    host.put_env(&format!("saved_entry={OLD}\n"));
    let Answer::Probed(found) = host.ask(&Request::Probe { dry_run: None }) else {
        panic!("no answer")
    };
    assert_eq!(found.loader.default_kernel, None);
}

#[test]
fn entry_files_under_grub_take_their_variables_from_grubenv() {
    let host = Host::with_grub();
    host.put(
        "/boot/grub/grub.cfg",
        "load_env\nset default=\"${saved_entry}\"\nsave_env next_entry\nblscfg\n",
    );
    for kernel in [OLD, NEW] {
        host.put(
            &format!("/boot/loader/entries/0123-{kernel}.conf"),
            &format!("title L\nversion {kernel}\nlinux /vmlinuz-{kernel}\noptions $kernelopts\n"),
        );
    }
    host.put_env(&format!("saved_entry=0123-{OLD}\nkernelopts=root=UUID=5 ro panic=7\n"));
    armed(&host, &arm(BootMethod::Kexec));
    assert_eq!(host.notes.borrow().cmdline.as_deref(), Some("root=UUID=5 ro panic=7"));
    host.boots(NEW, BOOT, 208);
    let confirmed = Answer::Confirmed { entry: format!("0123-{NEW}") };
    assert_eq!(host.ask(&Request::Confirm { kernel: NEW.into() }), confirmed);
}

#[test]
fn reboots_that_would_become_a_kexec_of_somebody_else_are_refused() {
    let host = Host::with_grub();
    host.put("/etc/default/kexec", "# x\nLOAD_KEXEC=true\n");
    host.put("/sbin/kexec", "");
    let why = host.refused(&arm(BootMethod::Firmware), Reason::Unsafe);
    assert!(why.contains("LOAD_KEXEC"), "{why}");
}

#[test]
fn systemd_boot_arms_by_variable_and_blesses_on_confirm() {
    let host = Host::bare();
    host.put("/efi/EFI/systemd/systemd-bootx64.efi", "");
    let entry = |kernel: &str| {
        format!(
            "title L\nversion {kernel}\nlinux /m/{kernel}/linux\noptions root=/dev/sda1 panic=5\n"
        )
    };
    host.put(&format!("/efi/loader/entries/m-{OLD}.conf"), &entry(OLD));
    host.put(&format!("/efi/loader/entries/m-{NEW}+3.conf"), &entry(NEW));
    host.put("/efi/loader/loader.conf", &format!("timeout 3\ndefault m-{OLD}*\n"));
    // Without the firmware's variables a one-shot entry is impossible, a default is not.
    host.refused(&arm(BootMethod::Firmware), Reason::Unsafe);
    std::fs::create_dir_all(host.tree.path("/sys/firmware/efi/efivars")).unwrap();
    let armed = armed(&host, &arm(BootMethod::Firmware));
    assert_eq!(armed.entry, Some(format!("m-{NEW}.conf")));
    assert_eq!(host.tree.names("/sys/firmware/efi/efivars"), Vec::<String>::new());
    assert_eq!(host.ask(&switch(BootMethod::Firmware)), Answer::Leaving);
    assert_eq!(host.tree.names("/sys/firmware/efi/efivars").len(), 1);

    host.boots(NEW, BootId(0x2222), 33);
    let confirmed = Answer::Confirmed { entry: format!("m-{NEW}.conf") };
    assert_eq!(host.ask(&Request::Confirm { kernel: NEW.into() }), confirmed);
    let files = host.tree.names("/efi/loader/entries");
    assert!(files.contains(&format!("m-{NEW}.conf")), "blessed: {files:?}");
    let Answer::Probed(found) = host.ask(&Request::Probe { dry_run: None }) else {
        panic!("no answer")
    };
    assert_eq!(found.loader.default_kernel, Some(NEW.into()));
}

#[test]
fn systemd_boot_prefers_entries_with_tries_left() {
    let host = Host::bare();
    host.put("/efi/EFI/systemd/systemd-bootx64.efi", "");
    let entry = |kernel: &str| format!("version {kernel}\nlinux /m/{kernel}/linux\n");
    host.put(&format!("/efi/loader/entries/m-{OLD}.conf"), &entry(OLD));
    host.put(&format!("/efi/loader/entries/m-{NEW}+0-3.conf"), &entry(NEW));
    let Answer::Probed(found) = host.ask(&Request::Probe { dry_run: None }) else {
        panic!("no answer")
    };
    assert_eq!(found.loader.default_kernel, Some(OLD.into()));
}

#[test]
fn what_ran_on_trial_is_what_gets_confirmed() {
    let host = Host::with_grub();
    armed(&host, &arm_with(BootMethod::Kexec, &["nosmt"]));
    host.ask(&switch(BootMethod::Kexec));
    host.boots(NEW, BootId(0x2222), 208);
    let why = host.refused(&Request::Confirm { kernel: NEW.into() }, Reason::Precondition);
    assert!(why.contains("lacks nosmt"), "{why}");
}
