"""Images that need a boot to be made: Debian's own tools do the work inside."""

import json
from pathlib import Path

from lab import image
from lab.kernels import Kernels
from lab.machine import Hardware, Machine
from lab.paths import CACHE, RUNS
from lab.tools import hash_of, run, say

DIRECT = "console=ttyS0 root=/dev/nvme0n1p1 rw quiet panic=1 net.ifnames=0"


def clean(kernels: Kernels) -> Path:
    """Debian as a host has it before us: `update-grub` has run on the real disk."""
    disk = CACHE / f"clean-{image.key_of(kernels)}.img"
    if disk.exists():
        return disk
    raw = image.unsealed(kernels)
    say("setting up the boot loader")
    folder = RUNS / "bake-clean"
    run("rm", "-rf", folder)
    part = image.copy(raw, folder / "disk.img")
    kernel = folder / "vmlinuz"
    run("debugfs", "-R", f"dump /boot/vmlinuz-{kernels.old.release} {kernel}",
        f"{raw}?offset={image.OFFSET}")
    hardware = Hardware(direct_kernel=(kernel, DIRECT), network=False)
    with Machine("bake-clean", folder, part, hardware) as machine:
        machine.wait_for("READY", timeout=300)
        machine.must("update-grub", timeout=120)
        machine.must("journalctl --rotate --vacuum-time=1s; sync")
        machine.shut_down()
    part.rename(disk)
    prune(disk)
    raw.unlink(missing_ok=True)
    return disk


def prune(disk: Path) -> None:
    """Forgets older images of the same kind."""
    kind = disk.name.split("-")[0]
    for old in CACHE.glob(f"{kind}-*"):
        if old.stem != disk.stem:
            old.unlink()


def fleet(kernels: Kernels, deb: Path) -> tuple[Path, dict]:
    """The clean disk after `dpkg -i` of our agent, and what was seen on the way."""
    base = clean(kernels)
    disk = CACHE / f"fleet-{hash_of(base.name, deb, Path(__file__))}.img"
    notes = disk.with_suffix(".json")
    if disk.exists() and notes.exists():
        return disk, json.loads(notes.read_text()) | {"cached": True}
    say(f"installing {deb.name} in a clean Debian")
    folder = RUNS / "bake-fleet"
    run("rm", "-rf", folder)
    part = image.copy(base, folder / "disk.img")
    image.write_files(part, {"/root/agent.deb": (deb.read_bytes(), 0o644)})
    with Machine("bake-fleet", folder, part, Hardware(network=False)) as machine:
        machine.wait_for("READY", timeout=300)
        seen = install(machine)
        machine.must("rm /root/agent.deb; journalctl --rotate --vacuum-time=1s; sync")
        machine.shut_down()
    part.rename(disk)
    prune(disk)
    notes.write_text(json.dumps(seen, indent=1))
    return disk, seen


def install(machine: Machine) -> dict:
    """`dpkg -i`, and what it left: users, units, scores of `systemd-analyze security`."""
    running = "systemctl list-units --all --no-legend --plain 'wavegate*' | awk '$4==\"running\"'"
    seen = {"dpkg": machine.ask("dpkg -i /root/agent.deb", timeout=120).__dict__}
    seen["status"] = machine.ask("dpkg-query -W -f '${Status}' wavegate-agent").text
    seen["running_after_install"] = machine.ask(running).text
    seen["enabled"] = machine.ask(
        "systemctl is-enabled wavegate-agent.service wavegate-actuator.socket"
        " wavegate-installer.socket").text.split()
    seen["user"] = machine.ask("id wavegate").text
    for unit in ("wavegate-agent.service", "wavegate-actuator@.service",
                 "wavegate-installer@.service"):
        text = machine.ask(f"systemd-analyze security --no-pager {unit} | tail -1", timeout=90).text
        seen[f"security {unit}"] = text
    seen["verify"] = machine.ask(
        "systemd-analyze verify wavegate-agent.service wavegate-actuator.socket", 90).text
    seen["doctor"] = machine.ask("wavegate-agent doctor", timeout=60).text[-1500:]
    seen["sizes"] = machine.ask(
        "stat -c '%n %s' /usr/bin/wavegate-agent /usr/lib/wavegate/wavegate-actuator").text
    return seen
