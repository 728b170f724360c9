//! Whether GRUB, which has file systems and disks of its own, can write a file in place.

use std::path::Path;

use crate::tree::Tree;

/// File systems whose blocks stay where they are when GRUB overwrites them.
const PLAIN: [&str; 6] = ["ext2", "ext3", "ext4", "xfs", "vfat", "msdos"];

/// Why GRUB could not write into files of this directory; empty if it could.
#[must_use]
pub fn why_not_writable(tree: &Tree, directory: &str) -> Vec<String> {
    let Some(mounts) = tree.text("/proc/self/mountinfo").ok().flatten() else {
        return vec!["the mount table cannot be read".into()];
    };
    let Some(mount) = mount_of(&mounts, directory) else {
        return vec![format!("no mount holds {directory}")];
    };
    let mut why = Vec::new();
    if !PLAIN.contains(&mount.fs) {
        why.push(format!("GRUB cannot write to {} ({directory})", mount.fs));
    }
    let device = format!("/sys/dev/block/{}", mount.device);
    if !tree.exists(&device) {
        why.push(format!("the device {} of {directory} is not known", mount.device));
        return why;
    }
    for level in [device.clone(), format!("{device}/..")] {
        let stacked = !tree.names(&format!("{level}/slaves")).is_empty();
        if stacked || tree.exists(&format!("{level}/dm")) || tree.exists(&format!("{level}/md")) {
            let kind = if tree.exists(&format!("{level}/md")) { "software RAID" } else { "LVM" };
            why.push(format!("GRUB cannot write through {kind} or another layer ({directory})"));
            break;
        }
    }
    why
}

struct Mount<'a> {
    device: &'a str,
    fs: &'a str,
}

/// The mount that holds a path; of several at one place the last hides the others.
fn mount_of<'a>(mounts: &'a str, path: &str) -> Option<Mount<'a>> {
    let mut best: Option<(usize, Mount<'a>)> = None;
    for line in mounts.lines() {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(2);
        let (Some(device), Some(point)) = (left.next(), left.nth(1)) else { continue };
        let Some(fs) = right.split(' ').next() else { continue };
        if !Path::new(path).starts_with(point) {
            continue;
        }
        if best.as_ref().is_none_or(|(length, _)| point.len() >= *length) {
            best = Some((point.len(), Mount { device, fs }));
        }
    }
    best.map(|(_, mount)| mount)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw\n";

    fn why(mounts: &str, prepare: impl FnOnce(&Tree)) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::at(dir.path());
        tree.write("/proc/self/mountinfo", mounts.as_bytes()).unwrap();
        std::fs::create_dir_all(tree.path("/sys/dev/block/259:2")).unwrap();
        prepare(&tree);
        why_not_writable(&tree, "/boot/grub")
    }

    #[test]
    fn a_plain_partition_is_writable() {
        assert_eq!(why(ROOT, |_| ()), Vec::<String>::new());
    }

    #[test]
    fn btrfs_raid_and_lvm_are_not() {
        let btrfs = ROOT.replace("ext4", "btrfs");
        assert!(why(&btrfs, |_| ())[0].contains("btrfs"));
        let raid = |tree: &Tree| tree.write("/sys/dev/block/259:2/md/level", b"raid1\n").unwrap();
        assert!(why(ROOT, raid)[0].contains("software RAID"));
        let lvm = |tree: &Tree| tree.write("/sys/dev/block/259:2/slaves/sda2/x", b"").unwrap();
        assert!(why(ROOT, lvm)[0].contains("LVM"));
    }

    #[test]
    fn the_nearest_mount_counts_and_an_unknown_device_does_not_pass() {
        let boot = format!("{ROOT}23 22 9:0 / /boot rw - ext4 /dev/md0 rw\n");
        assert!(why(&boot, |_| ())[0].contains("9:0 of /boot/grub is not known"));
        let other = format!("{ROOT}23 22 9:0 / /bootx rw - btrfs /dev/md0 rw\n");
        assert_eq!(why(&other, |_| ()), Vec::<String>::new());
        assert!(!why("", |_| ()).is_empty());
    }
}
