"""The kernels of the lab: real ones from Debian, and two that are broken on purpose.

Versions are asked from apt at build time, because Debian removes old ones. The broken kernels
are a genuine Debian kernel whose package also ships an initial ramdisk, and it is the ramdisk's
`/init` that ends (the kernel panics) or sleeps for ever (the kernel hangs, and nobody pets the
watchdog). So the failure happens where it happens in life: after the jump, before userspace.
"""

import re
import struct
from dataclasses import dataclass
from pathlib import Path

from lab.paths import CACHE
from lab.tools import LabError, hash_of, run, say

EXIT_1 = bytes.fromhex("bf01000000b83c0000000f05")
SLEEP_FOR_EVER = bytes.fromhex("b8220000000f05ebf7")


@dataclass(frozen=True)
class Kernel:
    """One kernel package."""

    release: str
    deb: Path

    @property
    def package(self) -> str:
        """The name of the Debian package."""
        return f"linux-image-{self.release}"

    @property
    def version(self) -> str:
        """The version of the Debian package."""
        return run("dpkg-deb", "-f", self.deb, "Version").strip()


@dataclass(frozen=True)
class Kernels:
    """What the lab works with."""

    old: Kernel
    new: Kernel
    older_series: Kernel
    panics: Kernel
    hangs: Kernel
    no_initramfs: Path


def resolve() -> Kernels:
    """Finds the kernels in apt's lists, downloads them, builds the broken ones."""
    newest = releases(r"6\.12\.\d+\+deb12")
    lts = releases(r"6\.1\.0-\d+")
    if len(newest) < 3 or not lts:
        raise LabError(
            "apt knows too few cloud kernels (three of 6.12 and one of 6.1 are needed); "
            "is bookworm-security among the sources?"
        )
    new, old, spare = (download(release) for release in newest[:3])
    provider = empty_initramfs_package()
    return Kernels(
        old=old, new=new, older_series=download(lts[0]),
        panics=broken(spare, "panics", EXIT_1, 1), hangs=broken(spare, "hangs", SLEEP_FOR_EVER, 2),
        no_initramfs=provider,
    )


def releases(pattern: str) -> list[str]:
    """Releases of Debian's signed cloud kernels that apt can download, newest first."""
    names = run("apt-cache", "pkgnames", "linux-image-6").split()
    wanted = re.compile(rf"linux-image-({pattern}-cloud-amd64)$")
    found = [match.group(1) for name in names if (match := wanted.match(name))]
    found.sort(key=lambda r: [int(n) for n in re.findall(r"\d+", r)], reverse=True)
    # Names of kernels that the archive has dropped stay known for a while.
    return [r for r in found[:6] if "Filename:" in run("apt-cache", "show", f"linux-image-{r}")]


def download(release: str) -> Kernel:
    """Fetches one kernel package, once."""
    folder = CACHE / "debs"
    folder.mkdir(parents=True, exist_ok=True)
    have = sorted(folder.glob(f"linux-image-{release}_*.deb"))
    if not have:
        say(f"downloading {release}")
        try:
            run("apt-get", "download", f"linux-image-{release}", cwd=folder)
        except LabError:  # the lists may be older than the archive
            run("apt-get", "update")
            run("apt-get", "download", f"linux-image-{release}", cwd=folder)
        have = sorted(folder.glob(f"linux-image-{release}_*.deb"))
    return Kernel(release, have[-1])


def empty_initramfs_package() -> Path:
    """A package that says it makes initial ramdisks and makes none.

    The lab's kernels have NVMe and ext4 built in, and making a ramdisk takes three minutes on an
    emulated processor.
    """
    control = (
        "Package: lab-no-initramfs\nVersion: 1\nArchitecture: all\n"
        "Maintainer: wavegate lab <lab@localhost>\nProvides: linux-initramfs-tool\n"
        "Description: stands in for initramfs-tools where none is needed\n"
    )
    return build_deb(CACHE / "debs" / "lab-no-initramfs_1_all.deb", control, {})


def broken(spare: Kernel, kind: str, init: bytes, revision: int) -> Kernel:
    """A real kernel package with a ramdisk that does not start the system."""
    key = hash_of(spare.deb.name, kind, init, "2")
    deb = CACHE / "debs" / f"kernel-that-{kind}-{key}.deb"
    if deb.exists():
        return Kernel(spare.release, deb)
    say(f"building the kernel that {kind}")
    tree = CACHE / "tmp" / f"broken-{key}"
    run("rm", "-rf", tree)
    tree.mkdir(parents=True)
    run("dpkg-deb", "-R", spare.deb, tree)
    modules = tree / "lib/modules" / spare.release
    run("rm", "-rf", modules / "kernel", tree / "usr/share", tree / "DEBIAN/md5sums")
    (modules / "kernel").mkdir()
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        (modules / name).touch()
    (modules / "modules.order").write_text("")
    ramdisk = cpio({"init": (0o100755, static_elf(init))})
    (tree / "boot" / f"initrd.img-{spare.release}").write_bytes(ramdisk)
    control = tree / "DEBIAN/control"
    text = re.sub(r"(?m)^Version: (.*)$", rf"Version: \1+lab{revision}", control.read_text())
    control.write_text(re.sub(r"(?m)^Installed-Size:.*\n", "", text))
    deb.parent.mkdir(parents=True, exist_ok=True)
    run("dpkg-deb", "-Zgzip", "--root-owner-group", "-b", tree, deb)
    run("rm", "-rf", tree)
    return Kernel(spare.release, deb)


def build_deb(deb: Path, control: str, files: dict[str, bytes]) -> Path:
    """Builds a small package from a control file and files."""
    if deb.exists():
        return deb
    tree = CACHE / "tmp" / f"deb-{deb.stem}"
    run("rm", "-rf", tree)
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(control)
    for name, content in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(content)
    deb.parent.mkdir(parents=True, exist_ok=True)
    run("dpkg-deb", "-Zgzip", "--root-owner-group", "-b", tree, deb)
    run("rm", "-rf", tree)
    return deb


def static_elf(code: bytes) -> bytes:
    """A 64-bit ELF program of one segment that is nothing but this code."""
    base, head = 0x400000, 64 + 56
    size = head + len(code)
    ident = b"\x7fELF" + bytes([2, 1, 1, 0]) + bytes(8)
    header = ident + struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, base + head, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    return header + segment + code


def cpio(files: dict[str, tuple[int, bytes]]) -> bytes:
    """An archive in the format that the kernel unpacks as its first root."""
    out = bytearray()
    entries = [(n, mode, data) for n, (mode, data) in files.items()] + [("TRAILER!!!", 0, b"")]
    for number, (name, mode, data) in enumerate(entries, start=1):
        path = name.encode() + b"\0"
        fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0]
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + path
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return bytes(out)
