"""One virtual machine: a QEMU process of ours, its serial lines, and what it told us.

No KVM: the processor is emulated, and counts instructions for its clock, so that timeouts inside
do not follow the mood of the machine outside. Everything waited for is an event with a limit.
"""

import base64
import json
import os
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from lab.tools import LabError, end, find, patience, start

QEMU = "qemu-system-x86_64"


@dataclass(frozen=True)
class Hardware:
    """What the machine is made of."""

    vendor: str = "QEMU"
    product: str = "Standard PC"
    memory_mib: int = 384
    watchdog: bool = True
    network: bool = True
    direct_kernel: tuple[Path, str] | None = None


@dataclass(frozen=True)
class Event:
    """Something the machine did. `at` is seconds on the lab's monotonic clock."""

    at: float
    kind: str
    words: tuple[str, ...] = ()


@dataclass
class Answer:
    """What a command in the guest said."""

    status: int
    text: str


@dataclass
class Machine:
    """A virtual machine, from power on to power off."""

    name: str
    folder: Path
    disk: Path
    hardware: Hardware = field(default_factory=Hardware)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self):
        self._changed = threading.Condition()
        self._answers: dict[str, Answer] = {}
        self._process: subprocess.Popen | None = None
        self._shell: socket.socket | None = None
        self._qmp: socket.socket | None = None
        self._number = 0

    # -- power ---------------------------------------------------------------------------------

    def power_on(self) -> None:
        """Starts QEMU; the disk keeps what is written."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # Paths of sockets may be at most 107 bytes long.
        os.makedirs("/tmp/wavegate-lab", exist_ok=True)
        stem = f"/tmp/wavegate-lab/{os.getpid()}-{self.name}"
        paths = {end: f"{stem}.{end}" for end in ("qmp", "shell")}
        for path in paths.values():
            Path(path).unlink(missing_ok=True)
        (self.folder / "erst.img").touch()
        with (self.folder / "qemu.log").open("ab") as log:
            self._process = start(self.command(paths), log)
        self._qmp = self.connect(paths["qmp"])
        self._shell = self.connect(paths["shell"])
        for path in paths.values():
            Path(path).unlink(missing_ok=True)
        threading.Thread(target=self.read_qmp, args=(self._qmp,), daemon=True).start()
        threading.Thread(target=self.read_shell, args=(self._shell,), daemon=True).start()
        self._qmp.sendall(b'{"execute":"qmp_capabilities"}\n')
        self.remember("POWER_ON")
        self._qmp.sendall(b'{"execute":"cont"}\n')

    def command(self, paths: dict[str, str]) -> list[str]:
        """QEMU's command line."""
        hw, erst = self.hardware, self.folder / "erst.img"
        words = [
            find(QEMU) or QEMU, "-S", "-machine", "q35", "-accel", "tcg,thread=single,tb-size=128", "-cpu", "qemu64",
            "-smp", "1", "-m", str(hw.memory_mib), "-icount", "shift=1,sleep=on",
            "-rtc", "base=utc,clock=host", "-display", "none", "-monitor", "none",
            "-nodefaults", "-no-user-config", "-name", self.name,
            "-chardev", f"file,id=log,path={self.folder}/serial.log,append=on",
            "-chardev", f"socket,id=sh,path={paths['shell']},server=on,wait=off",
            "-serial", "chardev:log", "-serial", "chardev:sh",
            "-qmp", f"unix:{paths['qmp']},server=on,wait=off",
            "-drive", f"file={self.disk},if=none,id=d0,format=raw,cache=unsafe",
            "-device", f"nvme,drive=d0,serial={self.name}",
            "-smbios", f"type=1,manufacturer={hw.vendor},product={hw.product},serial={self.name}",
            "-object", f"memory-backend-file,id=nv,mem-path={erst},size=64K,share=on",
            "-device", "acpi-erst,memdev=nv",
        ]
        if hw.watchdog:
            words += ["-device", "i6300esb", "-action", "watchdog=reset"]
        if hw.network:
            # In the guest 10.0.2.2 is our loopback, and it has no route to anywhere else.
            words += ["-netdev", "user,id=n0", "-device", "virtio-net-pci,netdev=n0,romfile="]
        if hw.direct_kernel:
            kernel, parameters = hw.direct_kernel
            words += ["-kernel", str(kernel), "-append", parameters]
        return words

    def connect(self, path: str) -> socket.socket:
        """Connects to a socket of QEMU as soon as it is there."""
        limit = time.monotonic() + 20
        while True:
            line = socket.socket(socket.AF_UNIX)
            try:
                line.connect(path)
                return line
            except OSError as problem:
                line.close()
                if self._process.poll() is not None or time.monotonic() > limit:
                    tail = (self.folder / "qemu.log").read_text(errors="replace")[-800:]
                    raise LabError(f"{self.name}: QEMU did not start: {tail}") from problem
                time.sleep(0.02)  # the socket appears without any event that we could wait for

    def power_off(self) -> None:
        """Pulls the plug. Safe to call twice."""
        process, self._process = self._process, None
        for line in (self._qmp, self._shell):
            if line is not None:
                line.close()
        if process is not None:
            end(process)

    def shut_down(self, timeout: float = 120) -> None:
        """Lets the guest power off in order."""
        mark = self.mark()
        self.tell("systemctl poweroff")
        self.wait_for("SHUTDOWN", since=mark, timeout=timeout)
        self._process.wait(timeout=patience(30))
        self.power_off()

    def qmp(self, command: str, **arguments) -> None:
        """Sends an order to QEMU, for example `system_reset`, `stop` or `cont`."""
        order = {"execute": command, **({"arguments": arguments} if arguments else {})}
        self._qmp.sendall(json.dumps(order).encode() + b"\n")

    # -- what it says --------------------------------------------------------------------------

    def remember(self, kind: str, *words: str) -> None:
        """Notes an event and wakes whoever waits."""
        with self._changed:
            self.events.append(Event(time.monotonic(), kind, words))
            self._changed.notify_all()

    def read_qmp(self, source: socket.socket) -> None:
        """Turns QEMU's events into ours."""
        for line in lines_of(source):
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if "event" in message:
                self.remember(message["event"])
        self.remember("QEMU_GONE")

    def read_shell(self, source: socket.socket) -> None:
        """Turns what the guest's shell says into events and answers."""
        for line in lines_of(source):
            words = line.decode(errors="replace").split()
            match words:
                case ["DONE", number, status, *text]:
                    decoded = base64.b64decode(text[0]).decode(errors="replace") if text else ""
                    with self._changed:
                        self._answers[number] = Answer(int(status), decoded.rstrip("\n"))
                        self._changed.notify_all()
                case [("READY" | "BYE") as kind, *rest]:
                    self.remember(kind, *rest)

    def mark(self) -> int:
        """The place in the list of events from which to wait."""
        with self._changed:
            return len(self.events)

    def wait_for(self, kind: str, since: int = 0, timeout: float = 180) -> Event:
        """The first event of a kind since a mark."""
        timeout = patience(timeout)

        def found():
            return next((e for e in self.events[since:] if e.kind == kind), None)

        with self._changed:
            self._changed.wait_for(lambda: found() or self.gone(since), timeout)
            event = found()
        if event is None:
            seen = [e.kind for e in self.events[since:]]
            log = (self.folder / "qemu.log").read_text(errors="replace")[-400:]
            raise LabError(f"{self.name}: no {kind} within {timeout:.0f} s, only {seen} {log}")
        return event

    def gone(self, since: int) -> bool:
        """Whether QEMU ended since a mark."""
        return any(e.kind == "QEMU_GONE" for e in self.events[since:])

    def count(self, kind: str, since: int = 0) -> int:
        """How many events of a kind there were since a mark."""
        with self._changed:
            return sum(e.kind == kind for e in self.events[since:])

    # -- what we ask it ------------------------------------------------------------------------

    def tell(self, script: str, timeout: float = 60) -> str:
        """Sends a script without waiting for its end; gives its number."""
        with self._changed:
            self._number += 1
            number = str(self._number)
        text = base64.b64encode(script.encode()).decode()
        self._shell.sendall(f"\nRUN {number} {timeout:.0f} {text}\n".encode())
        return number

    def ask(self, script: str, timeout: float = 60, wait: float | None = None) -> Answer:
        """Runs a script in the guest as root. `timeout` counts in the guest's own time."""
        number = self.tell(script, timeout)
        with self._changed:
            self._changed.wait_for(lambda: number in self._answers, wait or patience(timeout * 3 + 30))
            answer = self._answers.pop(number, None)
        if answer is None:
            raise LabError(f"{self.name}: no answer to `{script[:80]}`")
        return answer

    def must(self, script: str, timeout: float = 60) -> str:
        """Like `ask`, and the status must be 0."""
        answer = self.ask(script, timeout)
        if answer.status != 0:
            raise LabError(f"{self.name}: `{script[:80]}`: {answer.status}: {answer.text[-600:]}")
        return answer.text

    def serial(self) -> str:
        """All that the guest and its boot loader printed on the first serial line."""
        log = self.folder / "serial.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def __enter__(self):
        self.power_on()
        return self

    def __exit__(self, *_):
        self.power_off()


def lines_of(source: socket.socket):
    """Lines that come over a socket until it closes."""
    rest = b""
    while True:
        try:
            piece = source.recv(65536)
        except OSError:
            return
        if not piece:
            return
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
