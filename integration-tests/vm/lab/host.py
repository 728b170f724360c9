"""One host of the test fleet: a virtual machine with our agent on it, known to a controller."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from lab import image
from lab.controller import NAME, Controller
from lab.machine import Event, Hardware, Machine
from lab.tools import LabError, say

DRAIN = b"""#!/bin/sh
# Drains at once, unless the lab wants the host to be busy.
[ -e /etc/wavegate-lab/busy ] || exit 0
echo 'the lab keeps the workload here' >&2
exit 75
"""
BETWEEN = b"""#!/bin/sh
# Runs as root right before each verb of the actuator, in the lab only. Armed by a file, it kills
# the agent at the first verb after the ledger says that the machine is about to leave.
[ -e /run/lab-kill-agent ] || exit 0
seen=$(grep -rao switch_begun /var/lib/wavegate-agent | wc -l)
[ "$seen" -gt "$(cat /run/lab-kill-agent)" ] || exit 0
rm /run/lab-kill-agent
pid=$(systemctl show -p MainPID --value wavegate-agent.service)
kill -9 "$pid"
echo "$pid" >/run/lab-agent-killed
exit 1
"""
BETWEEN_UNIT = b"[Service]\nExecStartPre=+/usr/lib/wavegate-lab/between\n"


@dataclass
class Host:
    """A host; `kexec` says whether it is set up so that kexec is possible."""

    name: str
    role: str
    rack: str
    controller: Controller
    disk_image: Path
    folder: Path
    kexec: bool = True
    watchdog_survives_kexec: bool = True
    product: str = "Standard PC"
    machine: Machine = field(init=False)

    def __post_init__(self):
        hardware = Hardware(vendor="Lab", product=self.product)
        self.machine = Machine(self.name, self.folder, self.folder / "disk.img", hardware)

    def prepare(self) -> None:
        """Makes the disk: a copy of the image with this host's own files."""
        image.copy(self.disk_image, self.machine.disk)
        files = {
            "/etc/hostname": (f"{self.name}\n".encode(), 0o644),
            "/etc/machine-id": (hashlib.md5(self.name.encode()).hexdigest().encode() + b"\n", 0o444),
            "/etc/hosts": (f"127.0.0.1 localhost {self.name}\n10.0.2.2 {NAME}\n".encode(), 0o644),
            "/etc/wavegate/agent.yaml": (self.configuration(), 0o644),
            "/etc/wavegate/drain.d/10-lab": (DRAIN, 0o755),
            "/usr/lib/wavegate-lab/between": (BETWEEN, 0o755),
            "/etc/systemd/system/wavegate-actuator@.service.d/lab.conf": (BETWEEN_UNIT, 0o644),
        }
        if not self.kexec:
            files["/etc/sysctl.d/99-no-kexec.conf"] = (b"kernel.kexec_load_disabled = 1\n", 0o644)
        if not self.watchdog_survives_kexec:
            for path in ("/boot/grub/grub.cfg", "/etc/default/grub"):
                text = image.read_file(self.machine.disk, path)
                text = text.replace(" watchdog.stop_on_reboot=0", "")
                files[path] = (text.encode(), 0o644)
        image.write_files(self.machine.disk, files)

    def configuration(self) -> bytes:
        """The agent's configuration."""
        return json.dumps({
            "controller": f"{NAME}:{self.controller.port}", "name": self.name, "observe": False,
            "labels": {"role": self.role, "rack": self.rack, "host": self.name},
            # One reboot in six hours is the rule of life; the lab's rule is shorter.
            "min_reboot_gap": "1s", "boot_min_free_mib": 16,
        }, indent=1).encode()

    def boot(self) -> None:
        """Prepares the disk, powers on, waits for the guest's shell."""
        self.prepare()
        self.machine.power_on()
        self.machine.wait_for("READY", timeout=300)

    def join(self) -> None:
        """Enrols with a fresh token, starts the agent, waits for its first report."""
        token = self.controller.ask("token", "create", "--name", self.name,
                                    "--reason", "the lab's host joins")["secret"]
        self.enrol(token)
        self.machine.must("systemctl enable --now wavegate-agent.service", timeout=90)
        self.controller.until(f"{self.name} to report", self.reported, timeout=180)
        say(f"{self.name} runs and reports")

    def enrol(self, token: str) -> None:
        """Enrols on the host as its operator would. The token goes by file, never by argument."""
        ca = (self.controller.data_dir / "ca.pem").read_text()
        answer = self.machine.ask(
            f"umask 077; printf '%s' '{token}' >/root/token; printf '%s' '{ca}' >/root/ca.crt\n"
            f"wavegate-agent enroll --token-file /root/token --ca-file /root/ca.crt "
            f"--controller {NAME}:{self.controller.port}", timeout=60)
        if answer.status != 0:
            raise LabError(f"{self.name} could not enrol: {answer.text[-600:]}")

    def reported(self) -> dict | None:
        """The controller's view of this host, once it has a report."""
        view = self.controller.host(self.name)
        return view if view.get("report") else None

    # -- what is true on the host itself, whatever the controller thinks -----------------------

    def boots(self) -> list[Event]:
        """Every time the guest came up: the words are boot id, kernel and uptime."""
        return [e for e in self.machine.events if e.kind == "READY"]

    def left(self) -> float:
        """When the guest first left a boot, on the lab's clock."""
        return next(e.at for e in self.machine.events if e.kind == "BYE")

    def kernel(self) -> str:
        """What `uname -r` said at the last start."""
        return self.boots()[-1].words[1]

    def boot_id(self) -> str:
        """The last boot's id."""
        return self.boots()[-1].words[0]

    def downtimes(self, since: int = 0) -> list[float]:
        """Seconds from the end of the old userspace to the start of the new one, per reboot."""
        spans, left = [], None
        for event in self.machine.events[since:]:
            if event.kind == "BYE":
                left = event.at
            elif event.kind == "READY" and left is not None:
                spans.append(round(event.at - left, 1))
                left = None
        return spans

    def started_by(self) -> str:
        """How the running kernel was started."""
        number = self.machine.must("cat /proc/sys/kernel/bootloader_type").strip()
        return {"208": "kexec", "114": "grub"}.get(number, number)

    def busy(self, yes: bool) -> None:
        """Whether the drain hook asks to be tried later."""
        self.machine.must("mkdir -p /etc/wavegate-lab; touch /etc/wavegate-lab/busy" if yes
                          else "rm -f /etc/wavegate-lab/busy")

    def kill_agent_after_ledger(self) -> None:
        """Arms the trap: the agent is killed after its ledger says `leaving`, before it leaves."""
        self.machine.must("grep -rao switch_begun /var/lib/wavegate-agent | wc -l"
                          " >/run/lab-kill-agent")

    def drains(self) -> int:
        """How often the agent began to drain."""
        return int(self.machine.must(
            "journalctl -u wavegate-agent --no-pager -o cat | grep -c 'begin job=Drain' || true"))

    def journal(self, unit: str = "wavegate-agent", lines: int = 30) -> str:
        """The last lines of a unit's journal, for evidence."""
        return self.machine.ask(f"journalctl -u '{unit}*' -n {lines} --no-pager -o cat").text
