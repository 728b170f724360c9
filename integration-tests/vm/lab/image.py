"""The disk of the test hosts: Debian from packages, GRUB for BIOS, no loop devices.

Two images, both cached by a hash of everything that goes in:
`clean`  Debian with systemd, the old kernel, a boot loader set up by its own `update-grub`, and a
         local apt source that holds the kernels to come;
`fleet`  the same after `dpkg -i` of our agent, made by booting `clean` once.
Every virtual machine works on its own copy.
"""

import struct
from pathlib import Path

from lab.kernels import Kernels
from lab.paths import CACHE, ROOTFS
from lab.tools import GRUB_BIOS, hash_of, run, say

PACKAGES = (
    "systemd", "systemd-sysv", "udev", "kmod", "dbus", "iproute2", "grub2-common", "grub-common",
    "procps", "linux-base",
)
MIRRORS = (
    "deb http://deb.debian.org/debian bookworm main",
    "deb http://deb.debian.org/debian-security bookworm-security main",
)
MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
    "e2scrub_reap.service", "fstrim.timer", "getty@tty1.service", "serial-getty@ttyS0.service",
    "getty.target", "systemd-timesyncd.service", "motd-news.timer", "man-db.timer",
    "systemd-update-utmp-runlevel.service", "dev-hugepages.mount", "dev-mqueue.mount",
    "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "systemd-binfmt.service",
    "systemd-udev-trigger.service", "systemd-random-seed.service", "grub-common.service",
    "systemd-journal-catalog-update.service", "systemd-update-done.service",
    "modprobe@dm_mod.service", "modprobe@loop.service", "modprobe@configfs.service",
    "modprobe@drm.service", "modprobe@fuse.service", "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount", "proc-sys-fs-binfmt_misc.automount", "ldconfig.service", "systemd-hwdb-update.service", "systemd-firstboot.service",
)
OFFSET = 1 << 20
SIZE_MIB = 1024


def base_tar() -> Path:
    """Debian with systemd, as a tar file."""
    tar = CACHE / f"base-{hash_of(PACKAGES, MIRRORS)}.tar"
    if tar.exists():
        return tar
    say("bootstrapping Debian 12")
    part = tar.with_suffix(".part.tar")
    tar.parent.mkdir(parents=True, exist_ok=True)
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{d}/*" for d in ("man", "doc", "locale", "info")]
    run("mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}",
        '--aptopt=Acquire::Languages "none"', '--aptopt=APT::Install-Recommends "false"',
        *excluded, "bookworm", part, *MIRRORS, timeout=900)
    part.rename(tar)
    return tar


def key_of(kernels: Kernels) -> str:
    """What the clean disk depends on."""
    names = [kernels.old.deb.name, kernels.new.deb.name]
    return hash_of(PACKAGES, MIRRORS, MASKED, ROOTFS, Path(__file__), names)


def unsealed(kernels: Kernels) -> Path:
    """The clean disk before its boot loader's configuration was made."""
    key = key_of(kernels)
    disk = CACHE / f"unsealed-{key}.img"
    tree = CACHE / "tmp" / f"tree-{key}"
    tar = base_tar()
    say("making the disk")
    run("rm", "-rf", tree)
    tree.mkdir(parents=True)
    run("tar", "-C", tree, "-xf", tar)
    run("cp", "-a", "--no-preserve=ownership", f"{ROOTFS}/.", tree)
    configure(tree)
    install_kernel(tree, kernels)
    fill_repository(tree, kernels)
    write_disk(tree, disk)
    run("rm", "-rf", tree)
    return disk


def configure(tree: Path) -> None:
    """Masks what a test host does not need; enables what the lab needs."""
    system = tree / "etc/systemd/system"
    for unit in MASKED:
        (system / unit).unlink(missing_ok=True)
        (system / unit).symlink_to("/dev/null")
    wants = system / "multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    for unit in ("lab-network.service", "lab-shell.service"):
        (wants / unit).symlink_to(f"/etc/systemd/system/{unit}")
    default = system / "default.target"
    default.unlink(missing_ok=True)
    default.symlink_to("/lib/systemd/system/multi-user.target")
    (tree / "etc/apt/sources.list").write_text("")
    (tree / "etc/hostname").write_text("clean\n")
    (tree / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (tree / "etc/resolv.conf").write_text("")
    run("rm", "-rf", *(tree / "var/lib/apt/lists").glob("*"), tree / "var/cache/apt/archives")
    (tree / "var/cache/apt/archives/partial").mkdir(parents=True)
    (tree / "var/lib/apt/lists/partial").mkdir(parents=True, exist_ok=True)


def install_kernel(tree: Path, kernels: Kernels) -> None:
    """Installs the old kernel with dpkg. `update-grub` needs the real disk, so it comes later."""
    hooks = [tree / f"etc/kernel/{when}.d/zz-update-grub" for when in ("postinst", "postrm")]
    for hook in hooks:
        hook.chmod(0o644)
    staged = tree / "tmp/debs"
    staged.mkdir()
    for deb in (kernels.no_initramfs, kernels.old.deb):
        run("cp", deb, staged)
    inside = [f"/tmp/debs/{deb.name}" for deb in (kernels.no_initramfs, kernels.old.deb)]
    run("chroot", tree, "dpkg", "-i", *inside)
    run("rm", "-rf", staged)
    for hook in hooks:
        hook.chmod(0o755)


def fill_repository(tree: Path, kernels: Kernels) -> None:
    """Makes the local apt source. The broken kernels come over the network, as artifacts."""
    repo = tree / "srv/repo"
    repo.mkdir(parents=True)
    run("cp", kernels.new.deb, repo)
    packages = run("apt-ftparchive", "packages", ".", cwd=repo)
    (repo / "Packages").write_text(packages)
    (repo / "Release").write_text(run("apt-ftparchive", "release", ".", cwd=repo))
    run("chroot", tree, "apt-get", "-q", "update")


def write_disk(tree: Path, disk: Path) -> None:
    """Puts a file system and GRUB's two stages into a file that is a disk."""
    (tree / "boot/grub/i386-pc").mkdir(parents=True, exist_ok=True)
    for module in GRUB_BIOS.glob("*.mod"):
        run("cp", module, tree / "boot/grub/i386-pc")
    for table in GRUB_BIOS.glob("*.lst"):
        run("cp", table, tree / "boot/grub/i386-pc")
    run("grub-editenv", tree / "boot/grub/grubenv", "create")
    part, core = disk.with_suffix(".part"), disk.with_suffix(".core")
    part.unlink(missing_ok=True)
    with part.open("wb") as file:
        file.truncate(OFFSET + (SIZE_MIB << 20))
    # GRUB 2.06 must be able to read the file system and to write into one of its files.
    run("mkfs.ext4", "-q", "-F", "-L", "root", "-m", "0", "-b", "4096",
        "-O", "^metadata_csum_seed,^orphan_file,^64bit", "-E", f"offset={OFFSET},root_owner=0:0",
        "-d", tree, part, f"{SIZE_MIB}M")
    run("grub-mkimage", "-O", "i386-pc", "-p", "(hd0,msdos1)/boot/grub", "-o", core,
        "biosdisk", "part_msdos", "ext2")
    boot = bytearray((GRUB_BIOS / "boot.img").read_bytes()[:440])
    entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff",
                        OFFSET // 512, (SIZE_MIB << 20) // 512)
    with part.open("r+b") as file:
        file.write(bytes(boot))
        file.seek(446)
        file.write(entry)
        file.seek(510)
        file.write(b"\x55\xaa" + core.read_bytes())
    core.unlink()
    part.rename(disk)


def copy(source: Path, target: Path) -> Path:
    """A private copy that takes no room for holes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    run("cp", "--sparse=always", "--reflink=auto", source, target)
    return target


def write_files(disk: Path, files: dict[str, tuple[bytes, int]]) -> None:
    """Writes files (content, mode; owner root) into the file system of a disk at rest."""
    folder = disk.parent / f"{disk.stem}-in"
    folder.mkdir(parents=True, exist_ok=True)
    script, made = [], set()
    for number, (path, (content, mode)) in enumerate(sorted(files.items())):
        source = folder / str(number)
        source.write_bytes(content)
        for parent in reversed(Path(path).parents):
            if str(parent) not in made and str(parent) != "/":
                made.add(str(parent))
                script.append(f"mkdir {parent}")
        script += [f"rm {path}", f"write {source} {path}", f"sif {path} mode 0{0o100000 | mode:o}",
                   f"sif {path} uid 0", f"sif {path} gid 0"]
    # mkdir of what exists and rm of what does not are errors that mean nothing.
    listing = folder / "script"
    listing.write_text("\n".join(script) + "\n")
    run("debugfs", "-w", "-f", listing, f"{disk}?offset={OFFSET}")


def read_file(disk: Path, path: str) -> str:
    """Reads a file out of a disk at rest."""
    text = run("debugfs", "-R", f"cat {path}", f"{disk}?offset={OFFSET}")
    return text.split("\n", 1)[1] if text.startswith("debugfs") else text
