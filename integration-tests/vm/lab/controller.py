"""The real controller as a child process, and the real command line against it."""

import json
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from lab.paths import WAVEGATE
from lab.tools import LabError, end, patience, run, start

NAME = "controller.lab"


@dataclass(frozen=True)
class Said:
    """What a command of `wavegate` said."""

    status: int
    out: str
    err: str

    @property
    def data(self):
        """Its JSON."""
        try:
            return json.loads(self.out)
        except ValueError as broken:
            raise LabError(f"not JSON: {self.out[:300]!r} {self.err[:300]!r}") from broken


class Controller:
    """A controller in a folder of its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.data_dir = folder / "data"
        self.config = folder / "controller.yaml"
        self.log = folder / "controller.log"
        self.port = free_port()
        self._process: subprocess.Popen | None = None
        folder.mkdir(parents=True, exist_ok=True)
        # JSON is YAML. Times are short because the lab's whole day is ten minutes long. A guest
        # whose processor is shared with many is slow to speak; it is not silent for that.
        self.config.write_text(json.dumps({
            "listen": f"127.0.0.1:{self.port}", "data_dir": str(self.data_dir),
            "server_names": [NAME], "heartbeat_every": "2s", "drive_every": "500ms",
            "resend_every": "5s", "reconnect_window": "500ms",
            "policy": {"stale_after": "2m", "settle": "5s", "retry_after": "5s",
                       "domain_keys": ["rack"], "workload_key": "role"},
        }, indent=1))

    def start(self) -> None:
        """Starts it and waits until it answers."""
        with self.log.open("ab") as log:
            command = [str(WAVEGATE), "controller", "run", "--config", str(self.config)]
            self._process = start(command, log, cwd=self.folder)
        limit = time.monotonic() + patience(30)
        while self.cli("version", timeout=15).status != 0 or not self.answers():
            if self._process.poll() is not None or time.monotonic() > limit:
                raise LabError(f"the controller did not start: {self.log_text()[-1500:]}")
            time.sleep(0.1)  # a port opens without an event that we could wait for

    def answers(self) -> bool:
        """Whether an operator's call goes through."""
        context = self.data_dir / "admin.yaml"
        return context.exists() and self.cli("host", "list", "-o", "json", timeout=15).status == 0

    def kill(self) -> None:
        """kill -9: no goodbye, no flush."""
        process, self._process = self._process, None
        if process is not None:
            end(process)

    stop = kill

    def log_text(self) -> str:
        """What the controller wrote."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def cli(self, *words, timeout: float = 60, stdin: str | None = None) -> Said:
        """Runs `wavegate` as the admin."""
        command = [str(WAVEGATE), "--context", str(self.data_dir / "admin.yaml"), *map(str, words)]
        try:
            done = subprocess.run(command, input=stdin, capture_output=True, text=True,
                                  timeout=patience(timeout), check=False, cwd=self.folder)
        except subprocess.TimeoutExpired:
            return Said(124, "", f"no answer within {timeout:.0f} s")
        return Said(done.returncode, done.stdout, done.stderr)

    def ask(self, *words, fine=(0,)):
        """Runs `wavegate ... -o json`, which must succeed, and gives its data."""
        said = self.cli(*words, "-o", "json")
        if said.status not in fine:
            raise LabError(f"wavegate {' '.join(map(str, words))}: {said.status}: {said.err[-800:]}")
        return said.data

    def write_spec(self, spec: dict) -> Path:
        """Writes a specification to a file."""
        file = self.folder / f"{spec['name']}.yaml"
        file.write_text(json.dumps(spec, indent=1))
        return file

    def apply(self, spec: dict) -> dict:
        """Plans a rollout and applies exactly that plan. Gives the plan."""
        file = self.write_spec(spec)
        plan = self.ask("rollout", "plan", "-f", file)
        self.ask("rollout", "apply", "-f", file, "--plan", plan["hash"],
                 "--reason", "the lab rolls out")
        return plan

    def clear(self) -> None:
        """Ends whatever an earlier scenario left open, and lets go of every host."""
        for view in self.ask("rollout", "list")["rollouts"]:
            if view["phase"] not in ("succeeded", "aborted"):
                self.cli("rollout", "abort", view["id"], "--reason", "the scenario is over")
        self.cli("host", "release", "-l", "*", "--reason", "the scenario is over")

    def rollout(self, name: str) -> dict:
        """A rollout as the controller sees it."""
        return self.ask("rollout", "status", name, fine=(0, 3, 4))

    def host(self, name: str) -> dict:
        """A host as the controller sees it."""
        return self.ask("host", "show", name)

    def until(self, what: str, look, timeout: float = 300, every: float = 0.5):
        """Looks at the controller's state until `look` gives something, and gives that.

        The controller is allowed to be away: that is one of the things tested here.
        """
        timeout = patience(timeout)
        limit, last = time.monotonic() + timeout, None
        while True:
            try:
                found = look()
                if found:
                    return found
            except LabError as away:
                last = away
            if time.monotonic() > limit:
                raise LabError(f"waited {timeout:.0f} s for {what}; last trouble: {last}")
            time.sleep(every)  # state is only there to be asked for; every round is one question

    def phase(self, name: str, *wanted: str, timeout: float = 300) -> dict:
        """Waits until a rollout is in one of these phases."""
        def look():
            view = self.rollout(name)
            return view if view["phase"] in wanted else None
        try:
            return self.until(f"{name} to be {' or '.join(wanted)}", look, timeout)
        except LabError as late:
            view, why = self.rollout(name), self.cli("rollout", "why", name).out
            raise LabError(f"{late}; it is {view['phase']}: {view.get('reason')}\n{why}") from late


def free_port() -> int:
    """A port nobody listens on. Kept over restarts of the controller, so not port 0."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return line.getsockname()[1]


def foreign_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of a CA that nobody here knows, with its key."""
    key, certificate = folder / "foreign.key", folder / "foreign.crt"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-subj", "/CN=stranger", "-days", "1", "-keyout", key, "-out", certificate)
    return certificate, key
