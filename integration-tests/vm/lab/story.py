"""Stories: a few machines, several scenarios on them, one row of the report for each."""

import json
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lab.controller import Controller
from lab.host import Host
from lab.kernels import Kernels
from lab.paths import REPORT, RUNS
from lab.tools import LabError, run, say


class NotSo(Exception):
    """The product did something else than the scenario demands."""


def demand(true, text: str) -> None:
    """Ends the scenario with this text unless the condition holds."""
    if not true:
        raise NotSo(text)


@dataclass
class Row:
    """What became of one scenario."""

    number: int
    name: str
    ok: bool
    seconds: float
    evidence: dict


@dataclass
class Book:
    """All rows; written after each one, so that an interrupted run leaves what it had."""

    rows: list[Row] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, row: Row) -> None:
        """Takes a row and writes the report."""
        with self._lock:
            self.rows = sorted([r for r in self.rows if r.number != row.number] + [row],
                               key=lambda r: r.number)
            REPORT.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps({
                "ok": all(r.ok for r in self.rows), "scenarios": [asdict(r) for r in self.rows],
            }, indent=1, default=str)
            REPORT.write_text(text + "\n")
        say(f"{'ok    ' if row.ok else 'FAILED'} {row.number} {row.name} ({row.seconds:.0f} s)")


    def miss(self, numbers: set[int], names: dict[int, str], problem: str) -> None:
        """Notes rows that were never reached as failed."""
        for number in numbers - {row.number for row in self.rows}:
            self.add(Row(number, names[number], False, 0.0, {"problem": problem}))


@dataclass
class Stage:
    """What a story plays on."""

    name: str
    kernels: Kernels
    image: Path
    book: Book
    wanted: set[int]
    keep: bool
    hosts: list[Host] = field(default_factory=list)
    controller: Controller = field(init=False)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self):
        self.folder = RUNS / self.name
        run("rm", "-rf", self.folder)
        self.controller = Controller(self.folder / "controller")

    def __enter__(self):
        self._stack.callback(self.clean)
        self._stack.callback(self.controller.stop)
        self.controller.start()
        return self

    def __exit__(self, *problem):
        self._stack.close()

    def clean(self) -> None:
        """Disks are large; logs stay."""
        if not self.keep:
            for disk in self.folder.glob("*/disk.img"):
                disk.unlink()

    def add(self, name: str, role: str, rack: str, **traits) -> Host:
        """Adds a host to the story, not yet booted."""
        host = Host(name, role, rack, self.controller, self.image, self.folder / name, **traits)
        self.hosts.append(host)
        self._stack.callback(host.machine.power_off)
        return host

    def boot(self, *hosts: Host, at_once: int = 2) -> None:
        """Boots hosts, two at a time, and lets them join."""
        def up(host: Host) -> None:
            host.boot()
            host.join()
        with ThreadPoolExecutor(at_once) as pool:
            for done in [pool.submit(up, host) for host in hosts]:
                done.result()

    @contextmanager
    def scenario(self, number: int, name: str):
        """Runs a scenario's steps and writes its row whatever happens. Gives the evidence."""
        began, evidence, ok = time.monotonic(), {}, False
        say(f"begin {number} {name}")
        try:
            yield evidence
            ok = True
        except (NotSo, LabError) as problem:
            evidence["problem"] = str(problem)
            evidence["kind"] = "product" if isinstance(problem, NotSo) else "no judgement"
            evidence["state"] = self.state()
            say(f"{number}: {problem}")
        except Exception as fault:  # a fault of the lab must not take the other rows with it
            evidence["problem"] = f"{type(fault).__name__}: {fault}"
            evidence["trace"] = traceback.format_exc().splitlines()[-6:]
            say(traceback.format_exc())
        self.book.add(Row(number, name, ok, round(time.monotonic() - began, 1), evidence))

    def state(self) -> dict:
        """What to look at when something went wrong."""
        out = {"controller_log": self.controller.log_text()[-2500:]}
        for host in self.hosts:
            try:
                out[host.name] = {
                    "events": [(e.kind, *e.words[:2]) for e in host.machine.events][-12:],
                    "agent": host.journal("wavegate", 25)[-2500:],
                }
            except (LabError, OSError) as problem:
                out[host.name] = str(problem)
        return out

    def wants(self, *numbers: int) -> bool:
        """Whether any of these scenarios was asked for."""
        return bool(self.wanted & set(numbers))


def spec(name: str, release: str, selector: str, **more) -> dict:
    """A rollout for small fleets in a hurry. Only its limit for a boot is long: it is told by the
    controller's clock, and a guest's boot takes as long as the machine outside lets it."""
    base = {
        "name": name, "release": release, "selector": selector,
        "canary": {"per_class": 1, "at_least": 1}, "waves": ["100%"], "holdback": "0%",
        "bake": "5s", "method": "auto",
        "limits": {"drain": "9m", "boot": "1h", "verify": "5m", "soak": "5s", "order": "10m"},
    }
    return base | more
