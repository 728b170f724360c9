"""Programs of the machine we run on: installing them, calling them, telling people.

Deliberately no shell: every command is a list, so that nothing needs quoting.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

NEEDED = {
    "qemu-system-x86_64": "qemu-system-x86",
    "mmdebstrap": "mmdebstrap",
    "mkfs.ext4": "e2fsprogs",
    "debugfs": "e2fsprogs",
    "grub-mkimage": "grub-common",
    "dpkg-deb": "dpkg",
    "apt-ftparchive": "apt-utils",
    "depmod": "kmod",
    "openssl": "openssl",
}
GRUB_BIOS = Path("/usr/lib/grub/i386-pc")
STARTED = time.monotonic()
_LOCK = threading.Lock()


# Processes that we started and have not seen end; each leads a process group of its own.
CHILDREN: set[subprocess.Popen] = set()


def start(command: list[str], log, cwd=None) -> subprocess.Popen:
    """Starts a process that stays, in a group of its own, with its words in a log."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=cwd,
                             start_new_session=True)
    CHILDREN.add(child)
    return child


def end(child: subprocess.Popen) -> None:
    """Kills a process that we started, with its group. Safe to call twice."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait(timeout=30)
    CHILDREN.discard(child)


def end_all(*_) -> None:
    """The end of a run that was told to stop: nothing of ours stays behind."""
    for child in list(CHILDREN):
        end(child)
    os._exit(143)


class LabError(Exception):
    """Something the lab itself needs did not work; the scenario has not been judged."""


def patience(seconds: float) -> float:
    """A limit for something that takes this long at most on a machine of our own; longer while
    others want the processors too. The guests' own clocks slow down with them."""
    crowd = os.getloadavg()[0] / (os.cpu_count() or 1)
    return seconds * min(12.0, max(1.0, crowd))


def say(text: str) -> None:
    """Prints one line with the seconds since the start."""
    with _LOCK:
        print(f"[{time.monotonic() - STARTED:6.1f}] {text}", file=sys.stderr, flush=True)


def run(*command, timeout: float = 300, cwd=None, env=None, stdin: bytes | None = None) -> str:
    """Runs a command to its end and gives its output; an error carries the last lines."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, cwd=cwd, env=env, input=stdin, timeout=timeout,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise LabError(f"{words[0]} did not end within {timeout:.0f} s") from late
    text = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        tail = "\n".join(text.splitlines()[-20:])
        raise LabError(f"{' '.join(words)[:400]}: exit {done.returncode}\n{tail}")
    return text


def install_missing() -> None:
    """Installs the Debian packages whose programs are missing. Needs root only then."""
    missing = {package for program, package in NEEDED.items() if not find(program)}
    if not GRUB_BIOS.is_dir():
        missing.add("grub-pc-bin")
    lists = Path("/var/lib/apt/lists")
    fresh = any(lists.glob("*_Packages*")) if lists.is_dir() else False
    if not missing and fresh:
        return
    if os.geteuid() != 0:
        names = " ".join(sorted(missing)) or "(package lists)"
        raise LabError(f"not root, so please do this first: apt-get update; apt-get install {names}")
    run("apt-get", "update", timeout=300)
    if missing:
        say(f"installing {' '.join(sorted(missing))}")
        env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        run("apt-get", "install", "-y", "--no-install-recommends", *sorted(missing),
            timeout=900, env=env)


def find(program: str) -> str | None:
    """The path of a program, looked for in the system directories too."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def hash_of(*parts) -> str:
    """A short hash of texts and of the contents of files and trees: the key of a cache entry."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            files = sorted(p for p in part.rglob("*") if p.is_file()) if part.is_dir() else [part]
            for file in files:
                total.update(str(file.relative_to(part.parent)).encode() + b"\0")
                total.update(f"{file.stat().st_mode:o}".encode())
                total.update(hashlib.sha256(file.read_bytes()).digest())
        else:
            total.update(repr(part).encode() + b"\0")
    return total.hexdigest()[:16]


def sha256(path: Path) -> str:
    """The SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
