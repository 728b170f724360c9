//! Kernels on this host: their files, and the running one.

use std::path::PathBuf;

use wavegate_common::{BootId, BootMethod, KernelRelease};

use crate::cmdline;
use crate::error::Error;
use crate::tree::Tree;

/// Where modules are, in the order of preference.
const MODULES: [&str; 2] = ["/usr/lib/modules", "/lib/modules"];

/// The files of one kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelFiles {
    /// The image.
    pub image: PathBuf,
    /// Its first file system, if it has one.
    pub initrd: Option<PathBuf>,
}

/// A release is put into paths, so it must be a plain name.
///
/// # Errors
///
/// If it is not.
pub fn check_name(release: &KernelRelease) -> Result<(), Error> {
    let name = release.as_str();
    let fine = (1..=128).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+~-".contains(&b));
    if fine { Ok(()) } else { Err(Error::BadRequest(format!("`{name}` is not a kernel release"))) }
}

/// The running kernel.
///
/// # Errors
///
/// If the kernel does not tell.
pub fn running(tree: &Tree) -> Result<KernelRelease, Error> {
    tree.line("/proc/sys/kernel/osrelease").map(KernelRelease::from).ok_or_else(|| {
        Error::precondition("the running kernel does not tell its release", "mount /proc")
    })
}

/// The running boot.
///
/// # Errors
///
/// If the kernel does not tell.
pub fn boot_id(tree: &Tree) -> Result<BootId, Error> {
    tree.number("/proc/sys/kernel/random/boot_id")
        .ok_or_else(|| Error::precondition("the kernel does not tell its boot id", "mount /proc"))
}

/// That a request was made for the running boot.
///
/// # Errors
///
/// If it was made for another.
pub fn check_boot(tree: &Tree, asked: BootId) -> Result<(), Error> {
    let current = boot_id(tree)?;
    if asked == current {
        return Ok(());
    }
    let what = format!("asked for boot {asked}, but this is boot {current}");
    Err(Error::precondition(what, "the host was rebooted since; plan again"))
}

/// How the running kernel was started. The upper digits of the loader type are the loader: 0xD
/// is kexec; everything else went through firmware.
#[must_use]
pub fn started_by(tree: &Tree) -> Option<BootMethod> {
    let kind: u32 = tree.number("/proc/sys/kernel/bootloader_type")?;
    match kind >> 4 {
        0xd => Some(BootMethod::Kexec),
        0xf => None,
        _ => Some(BootMethod::Firmware),
    }
}

/// Kernels that have an image and modules, sorted.
#[must_use]
pub fn installed(tree: &Tree) -> Vec<KernelRelease> {
    let mut found: Vec<KernelRelease> = MODULES
        .iter()
        .flat_map(|directory| tree.names(directory))
        .map(KernelRelease::from)
        .filter(|release| files(tree, release).is_ok())
        .collect();
    found.sort();
    found.dedup();
    found
}

/// The files of a kernel.
///
/// # Errors
///
/// If its image or its modules are missing.
pub fn files(tree: &Tree, release: &KernelRelease) -> Result<KernelFiles, Error> {
    check_name(release)?;
    const HINT: &str = "stage the kernel again, or install its package";
    let modules = MODULES.iter().any(|dir| tree.exists(&format!("{dir}/{release}/modules.dep")));
    if !modules {
        let what = format!("kernel {release} has no modules.dep on this host");
        return Err(Error::precondition(what, HINT));
    }
    let images = [
        format!("/boot/vmlinuz-{release}"),
        format!("/boot/vmlinux-{release}"),
        format!("/usr/lib/modules/{release}/vmlinuz"),
        format!("/lib/modules/{release}/vmlinuz"),
    ];
    let Some(image) = images.iter().find(|path| tree.exists(path)) else {
        let what = format!("kernel {release} has no image on this host");
        return Err(Error::precondition(what, HINT));
    };
    let initrds = [
        format!("/boot/initrd.img-{release}"),
        format!("/boot/initramfs-{release}.img"),
        format!("/boot/initrd-{release}"),
    ];
    let initrd = initrds.iter().find(|path| tree.exists(path)).map(|path| tree.path(path));
    Ok(KernelFiles { image: tree.path(image), initrd })
}

/// The kernel that an image's path names: `/boot/vmlinuz-6.1.0` or `/token/6.1.0/linux`.
#[must_use]
pub fn release_of_image(path: &str) -> Option<KernelRelease> {
    let mut parts = path.rsplit(['/', '\\']);
    let file = parts.next()?;
    let named =
        ["vmlinuz-", "vmlinux-", "linux-"].iter().find_map(|start| file.strip_prefix(start));
    let release = match named {
        Some(release) => release,
        None if matches!(file, "linux" | "vmlinuz") => parts.next()?,
        None => return None,
    };
    let release = KernelRelease::from(release);
    check_name(&release).ok().map(|()| release)
}

/// Whether a kernel reboots after a panic if it is booted with these parameters: by `panic=`,
/// else by how it was built. `None` if that cannot be told.
#[must_use]
pub fn reboots_after_panic(tree: &Tree, release: &KernelRelease, options: &str) -> Option<bool> {
    if let Some(seconds) = cmdline::panic_seconds(&cmdline::words(options)) {
        return Some(seconds != 0);
    }
    let paths = [format!("/boot/config-{release}"), format!("/usr/lib/modules/{release}/config")];
    let config = paths.iter().find_map(|path| tree.text(path).ok().flatten())?;
    let built: i32 =
        config.lines().find_map(|line| line.strip_prefix("CONFIG_PANIC_TIMEOUT=")?.parse().ok())?;
    Some(built != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_a_plain_name() {
        for good in ["6.1.0-56-cloud-amd64", "5.14.0-503.el9_5.x86_64", "6.12.117+deb12-amd64"] {
            assert!(check_name(&good.into()).is_ok(), "{good}");
        }
        for bad in ["", "../../etc", "6.1/x", ".hidden", "6.1 x", "6.1\n"] {
            assert!(check_name(&bad.into()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn images_name_their_kernel() {
        let name = |path| release_of_image(path).map(|r| r.to_string());
        assert_eq!(name("/boot/vmlinuz-6.1.0-56-amd64").as_deref(), Some("6.1.0-56-amd64"));
        assert_eq!(name("/0123/6.12.1/linux").as_deref(), Some("6.12.1"));
        assert_eq!(name("/EFI/memtest.efi"), None);
    }

    #[test]
    fn a_kernel_needs_image_and_modules() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::at(dir.path());
        tree.write("/boot/vmlinuz-6.1", b"x").unwrap();
        assert!(files(&tree, &"6.1".into()).unwrap_err().to_string().contains("modules.dep"));
        tree.write("/lib/modules/6.1/modules.dep", b"").unwrap();
        assert_eq!(files(&tree, &"6.1".into()).unwrap().initrd, None);
        tree.write("/boot/initrd.img-6.1", b"x").unwrap();
        assert!(files(&tree, &"6.1".into()).unwrap().initrd.is_some());
        tree.write("/lib/modules/6.2/modules.dep", b"").unwrap();
        assert_eq!(installed(&tree), [KernelRelease::from("6.1")], "6.2 has no image");
    }

    #[test]
    fn a_kernel_built_to_hang_needs_the_parameter() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::at(dir.path());
        let kernel = KernelRelease::from("6.1");
        assert_eq!(reboots_after_panic(&tree, &kernel, "ro"), None);
        tree.write("/boot/config-6.1", b"CONFIG_A=y\nCONFIG_PANIC_TIMEOUT=0\n").unwrap();
        assert_eq!(reboots_after_panic(&tree, &kernel, "ro"), Some(false));
        assert_eq!(reboots_after_panic(&tree, &kernel, "ro panic=10"), Some(true));
        assert_eq!(reboots_after_panic(&tree, &kernel, "panic=10 panic=0"), Some(false));
    }
}
