//! Staging, with package managers that are scripts.

use crate::host::{BOOT, Host, NEW, OLD, debian_grub_cfg, entry_id};
use wavegate_common::actuator::{ARTIFACT_DIR, Answer, Reason, Request, Staged};
use wavegate_common::{BootMethod, Digest, Millis, Release, ReleaseSource};

const FRESH: &str = "6.1.0-60-amd64";

/// What unpacking a kernel's package does.
const UNPACK: &str = "mkdir -p \"$ROOT/usr/lib/modules/6.1.0-60-amd64\"\n\
     : > \"$ROOT/usr/lib/modules/6.1.0-60-amd64/modules.dep\"\n\
     echo image > \"$ROOT/boot/vmlinuz-6.1.0-60-amd64\"\n\
     echo initrd > \"$ROOT/boot/initrd.img-6.1.0-60-amd64\"\n";

fn with_apt(script: &str) -> Host {
    let host = Host::with_grub();
    host.put("/var/lib/dpkg/status", "");
    host.put_program("/usr/bin/dpkg", &format!("echo \"dpkg $*\" >> \"$ROOT/log\"\n{UNPACK}"));
    host.put_program("/usr/bin/apt-get", &format!("echo \"$*\" >> \"$ROOT/log\"\n{script}"));
    host
}

fn stage(kernel: &str, source: ReleaseSource) -> Request {
    let release =
        Release { name: "test".into(), kernel: kernel.into(), source, append: Vec::new() };
    Request::Stage { release, timeout: Millis::secs(30) }
}

fn package(name: &str, version: Option<&str>) -> ReleaseSource {
    ReleaseSource::Package { package: name.into(), version: version.map(str::to_owned) }
}

fn staged(host: &Host, request: &Request) -> Staged {
    match host.ask(request) {
        Answer::Staged(staged) => staged,
        other => panic!("{other:?}"),
    }
}

fn log(host: &Host) -> String {
    host.tree.text("/log").unwrap().unwrap_or_default()
}

#[test]
fn a_package_is_installed_and_the_default_stays() {
    let host = with_apt(UNPACK);
    let wanted = package("linux-image-6.1.0-60-amd64", Some("6.1.170-1"));
    let done = staged(&host, &stage(FRESH, wanted));
    assert!(done.installed && !done.default_moved_back, "{done:?}");
    assert_eq!(done.default_kernel, Some(OLD.into()));
    let log = log(&host);
    assert!(log.contains("install -- linux-image-6.1.0-60-amd64=6.1.170-1"), "{log}");
    assert!(log.contains("--no-remove") && log.contains("--force-confold"), "{log}");
}

#[test]
fn a_default_that_the_installation_moves_is_moved_back() {
    let moves = format!(
        "{UNPACK}printf '# GRUB Environment Block\\nsaved_entry={}\\n' > \"$ROOT/boot/grub/grubenv\"",
        entry_id(NEW)
    );
    let host = with_apt(&moves);
    let done = staged(&host, &stage(FRESH, package("linux-image-6.1.0-60-amd64", None)));
    assert!(done.default_moved_back);
    assert_eq!(done.default_kernel, Some(OLD.into()));
    assert!(host.env().contains(&entry_id(OLD)), "{}", host.env());
}

#[test]
fn a_failed_installation_moves_the_default_back_too() {
    let moves = format!(
        "printf '# GRUB Environment Block\\nsaved_entry={}\\n' > \"$ROOT/boot/grub/grubenv\"\n\
         echo 'E: no space'; exit 100",
        entry_id(NEW)
    );
    let host = with_apt(&moves);
    let request = stage(FRESH, package("linux-image-6.1.0-60-amd64", None));
    let why = host.refused(&request, Reason::Failed);
    assert!(why.contains("no space"), "{why}");
    assert!(host.env().contains(&entry_id(OLD)), "{}", host.env());
}

#[test]
fn a_menu_whose_default_is_a_position_is_pinned_before_anything_is_installed() {
    let host = with_apt(UNPACK);
    host.put("/boot/grub/grub.cfg", &debian_grub_cfg("0", ""));
    host.put_env("");
    let request = stage(FRESH, package("linux-image-6.1.0-60-amd64", None));
    let why = host.refused(&request, Reason::Unsafe);
    assert!(why.contains("cannot be set"), "{why}");
    assert_eq!(log(&host), "", "nothing was installed");

    host.put("/etc/default/grub", "GRUB_DEFAULT=0\n");
    host.put("/saved.cfg", &debian_grub_cfg("${saved_entry}", "panic=10"));
    host.put_program(
        "/usr/sbin/update-grub",
        "cp \"$ROOT/saved.cfg\" \"$ROOT/boot/grub/grub.cfg\"",
    );
    assert_eq!(staged(&host, &request).default_kernel, Some(OLD.into()));
    let settings = host.tree.text("/etc/default/grub.d/50-wavegate.cfg").unwrap().unwrap();
    assert!(settings.contains("GRUB_DEFAULT=saved") && settings.contains("panic=10"));
}

#[test]
fn settings_that_would_move_the_default_at_the_next_update_are_mended_first() {
    let host = with_apt("cp \"$ROOT/moved.cfg\" \"$ROOT/boot/grub/grub.cfg\"\n");
    host.put("/etc/default/grub", "GRUB_DEFAULT=0\n");
    host.put("/moved.cfg", &debian_grub_cfg("${saved_entry}", "panic=10"));
    host.put_program("/usr/sbin/update-grub", "echo updated >> \"$ROOT/log\"");
    host.has_kernel(FRESH);
    let request = stage(FRESH, package("linux-image-6.1.0-60-amd64", Some("1")));
    staged(&host, &request);
    assert!(log(&host).starts_with("updated\n"), "{}", log(&host));
    staged(&host, &request);
    assert_eq!(log(&host).matches("updated").count(), 1, "once is enough");
}

#[test]
fn only_kernels_are_installed() {
    let host = with_apt(UNPACK);
    for (name, version) in [
        ("bash", None),
        ("linux-image-6.1 --allow-unauthenticated", None),
        ("linux-image-6.1", Some("1 -o APT::Get::x=1")),
    ] {
        host.refused(&stage(FRESH, package(name, version)), Reason::Untrusted);
    }
    host.refused(&stage("../../etc", package("linux-image-x", None)), Reason::BadRequest);
    assert_eq!(log(&host), "");
}

#[test]
fn a_package_that_did_not_bring_the_kernel_is_a_failure() {
    let host = with_apt("true");
    let request = stage(FRESH, package("linux-image-6.1.0-60-amd64", None));
    let why = host.refused(&request, Reason::Precondition);
    assert!(why.contains("modules.dep"), "{why}");
}

#[test]
fn an_interrupted_dpkg_and_old_lists_are_mended_once() {
    let twice = format!(
        "case \"$*\" in *update*) exit 0;; esac\n\
         if [ ! -e \"$ROOT/once\" ]; then : > \"$ROOT/once\"; \
         echo 'E: Unable to locate package x'; exit 100; fi\n{UNPACK}"
    );
    let host = with_apt(&twice);
    staged(&host, &stage(FRESH, package("linux-image-6.1.0-60-amd64", None)));
    assert!(log(&host).lines().any(|line| line.ends_with("update")), "{}", log(&host));

    let host = with_apt("echo 'E: Unable to locate package x'; exit 100");
    host.refused(&stage(FRESH, package("linux-image-6.1.0-60-amd64", None)), Reason::Failed);
    assert_eq!(log(&host).lines().filter(|line| line.contains("install --")).count(), 2);
}

#[test]
fn a_kernel_that_is_there_is_left_alone() {
    let host = with_apt("exit 1");
    assert!(!staged(&host, &stage(NEW, ReleaseSource::Installed)).installed);
    assert!(!staged(&host, &stage(NEW, package("linux-image-6.1.0-56-amd64", None))).installed);
    // Never another build over the running kernel's modules.
    let other_build = package("linux-image-6.1.0-47-amd64", Some("2"));
    assert!(!staged(&host, &stage(OLD, other_build)).installed);
    host.refused(&stage(FRESH, ReleaseSource::Installed), Reason::Precondition);
}

#[test]
fn proven_kernels_are_kept_from_autoremove() {
    let host = with_apt(UNPACK);
    host.put("/etc/apt/apt.conf.d/00x", "");
    staged(&host, &stage(FRESH, package("linux-image-6.1.0-60-amd64", None)));
    let path = "/etc/apt/apt.conf.d/52wavegate-keep-kernels";
    let keep = host.tree.text(path).unwrap().unwrap();
    for kernel in ["6\\.1\\.0-47-amd64", "6\\.1\\.0-60-amd64"] {
        assert!(keep.contains(&format!("^linux-image-(unsigned-)?{kernel}$")), "{keep}");
    }
}

#[test]
fn a_kernel_without_the_initrd_that_the_running_one_needs_is_refused() {
    let host = with_apt(&format!("{UNPACK}rm \"$ROOT/boot/initrd.img-6.1.0-60-amd64\""));
    let request = stage(FRESH, package("linux-image-6.1.0-60-amd64", None));
    let why = host.refused(&request, Reason::Unsafe);
    assert!(why.contains("no initrd"), "{why}");
}

fn artifact(host: &Host, content: &[u8]) -> ReleaseSource {
    let digest = Digest::of(b"package");
    host.tree.write(&format!("{ARTIFACT_DIR}/{digest}.deb"), content).unwrap();
    ReleaseSource::Artifact { digest, size: 7, file: "linux.deb".into() }
}

fn dpkg_deb(host: &Host, name: &str, file: &str) {
    let script = format!(
        "case \"$1\" in\n--field) echo '{name}';;\n--contents)\n\
         echo 'drwxr-xr-x root/root 0 2026-01-01 00:00 ./boot/'\n\
         echo '-rw-r--r-- root/root 12 2026-01-01 00:00 {file}';;\nesac"
    );
    host.put_program("/usr/bin/dpkg-deb", &script);
}

#[test]
fn an_artifact_is_checked_and_installed_from_a_copy_of_roots() {
    for with_apt_get in [true, false] {
        let host = with_apt(UNPACK);
        if !with_apt_get {
            host.tree.remove("/usr/bin/apt-get").unwrap();
        }
        dpkg_deb(&host, "linux-image-6.1.0-60-amd64", "./boot/vmlinuz-6.1.0-60-amd64");
        let source = artifact(&host, b"package");
        assert!(staged(&host, &stage(FRESH, source)).installed);
        let log = log(&host);
        assert!(log.contains("/var/cache/wavegate-actuator/"), "{log}");
        assert!(!log.contains(ARTIFACT_DIR), "{log}");
        assert_eq!(log.starts_with("dpkg "), !with_apt_get, "{log}");
    }
}

#[test]
fn an_artifact_that_is_not_what_was_announced_is_refused() {
    let host = with_apt("exit 1");
    dpkg_deb(&host, "linux-image-6.1.0-60-amd64", "./boot/vmlinuz-6.1.0-60-amd64");
    let source = artifact(&host, b"packagf");
    let why = host.refused(&stage(FRESH, source), Reason::Untrusted);
    assert!(why.contains("digest"), "{why}");
    dpkg_deb(&host, "bash", "./boot/vmlinuz");
    let source = artifact(&host, b"package");
    host.refused(&stage(FRESH, source.clone()), Reason::Untrusted);
    dpkg_deb(&host, "linux-image-x", "./etc/cron.d/x");
    let why = host.refused(&stage(FRESH, source), Reason::Untrusted);
    assert!(why.contains("/etc/cron.d/x"), "{why}");
    assert_eq!(log(&host), "", "nothing was installed");
}

fn stage_with(append: &[&str]) -> Request {
    let release = Release {
        name: "test".into(),
        kernel: NEW.into(),
        source: package("linux-image-6.1.0-56-amd64", None),
        append: append.iter().map(|&word| word.to_owned()).collect(),
    };
    Request::Stage { release, timeout: Millis::secs(30) }
}

fn armed_by_firmware(host: &Host, append: &[&str]) -> Answer {
    host.ask(&Request::Arm {
        boot_id: BOOT,
        kernel: NEW.into(),
        method: BootMethod::Firmware,
        append: append.iter().map(|&word| word.to_owned()).collect(),
    })
}

#[test]
fn parameters_of_a_release_get_a_menu_entry_of_their_own() {
    let host = with_apt("exit 1");
    host.put("/boot/grub/custom.cfg", "# mine\n");
    staged(&host, &stage_with(&["nosmt", "mitigations=auto"]));
    let menu = host.tree.text("/boot/grub/custom.cfg").unwrap().unwrap();
    assert!(menu.starts_with("# mine\n"), "{menu}");
    assert!(menu.contains("root=UUID=1234 ro quiet panic=5 nosmt mitigations=auto\n"), "{menu}");
    let Answer::Armed(armed) = armed_by_firmware(&host, &["nosmt"]) else { panic!("not armed") };
    assert_eq!(armed.entry, Some(format!("wavegate-{NEW}")));
    // Staged again with others, and with none.
    staged(&host, &stage_with(&["nosmt=force"]));
    assert!(matches!(armed_by_firmware(&host, &["nosmt"]), Answer::Refused(_)));
    staged(&host, &stage_with(&[]));
    assert_eq!(host.tree.text("/boot/grub/custom.cfg").unwrap().as_deref(), Some("# mine\n"));
    let Answer::Armed(armed) = armed_by_firmware(&host, &[]) else { panic!("not armed") };
    assert_eq!(armed.entry, Some(entry_id(NEW)));
}

#[test]
fn a_menu_that_cannot_take_parameters_in_is_told_before_anything_is_drained() {
    let host = with_apt("exit 1");
    let cfg = debian_grub_cfg("${saved_entry}", "panic=5").replace("custom.cfg", "other.cfg");
    host.put("/boot/grub/grub.cfg", &cfg);
    let why = host.refused(&stage_with(&["nosmt"]), Reason::Precondition);
    assert!(why.contains("not in the menu"), "{why}");
    let why = host.refused(&stage_with(&["a b"]), Reason::BadRequest);
    assert!(why.contains("not one kernel parameter"), "{why}");
}

#[test]
fn parameters_of_a_release_get_an_entry_file_under_systemd_boot() {
    let host = Host::bare();
    host.put("/efi/EFI/systemd/systemd-bootx64.efi", "");
    host.put("/efi/loader/loader.conf", &format!("default m-{OLD}.conf\n"));
    for kernel in [OLD, NEW] {
        let text = format!("version {kernel}\nlinux /m/{kernel}/linux\noptions ro panic=5\n");
        host.put(&format!("/efi/loader/entries/m-{kernel}.conf"), &text);
    }
    let done = staged(&host, &stage_with(&["nosmt"]));
    assert_eq!(done.default_kernel, Some(OLD.into()));
    let own = format!("/efi/loader/entries/wavegate-{NEW}.conf");
    let text = host.tree.text(&own).unwrap().unwrap();
    assert!(text.ends_with("options ro panic=5\noptions nosmt\n"), "{text}");
    staged(&host, &stage_with(&[]));
    assert!(!host.tree.exists(&own));
}

#[test]
fn an_rpm_is_held_to_the_same_rules() {
    let host = Host::with_grub();
    let rpm = |file: &str| {
        host.put_program(
            "/usr/bin/rpm",
            &format!(
                "echo \"rpm $*\" >> \"$ROOT/log\"\ncase \"$*\" in *NAME*) echo kernel-core;; \
                 *--list*) echo /lib/modules/6.1.0-60-amd64/vmlinuz; echo {file};;\n\
                 *--install*) {UNPACK};;\nesac"
            ),
        );
    };
    let digest = Digest::of(b"package");
    let path = format!("{ARTIFACT_DIR}/{digest}.rpm");
    host.tree.write(&path, b"package").unwrap();
    let source = ReleaseSource::Artifact { digest, size: 7, file: "kernel.rpm".into() };
    rpm("/usr/bin/evil");
    let why = host.refused(&stage(FRESH, source.clone()), Reason::Untrusted);
    assert!(why.contains("/usr/bin/evil"), "{why}");
    assert!(!log(&host).contains("--install"));
    rpm("/boot/x");
    assert!(staged(&host, &stage(FRESH, source)).installed);
}

#[test]
fn one_request_at_a_time_is_worked_on() {
    let lock = "/var/lib/wavegate-actuator/installer.sock.lock";
    let try_it = format!(
        "flock --nonblock \"$ROOT{lock}\" true && echo free >> \"$ROOT/log\" || \
         echo held >> \"$ROOT/log\"\n{UNPACK}"
    );
    let host = with_apt(&try_it);
    staged(&host, &stage(FRESH, package("linux-image-6.1.0-60-amd64", None)));
    assert!(log(&host).ends_with("held\n"), "{}", log(&host));
    let held = host.tree.path(lock);
    assert!(std::fs::File::open(held).unwrap().try_lock().is_ok(), "and given back");
}
