"""`dpkg -i` in a clean Debian. Row 10. The disk that comes of it is the one of every host."""

import re
import time

from lab import bake
from lab.story import Book, Row

NUMBERS = {10: "dpkg -i in a clean Debian, hardening"}
LIMITS = {"wavegate-agent.service": 2.0, "wavegate-actuator@.service": 3.0}


def play(kernels, deb, book: Book):
    """Makes the image of the fleet and judges what the installation left. Gives the image."""
    began = time.monotonic()
    disk, seen = bake.fleet(kernels, deb)
    scores = {unit: score(seen.get(f"security {unit}", "")) for unit in LIMITS}
    seen["scores"] = scores
    problems = [f"{unit}: {scores[unit]} is more than {limit}" for unit, limit in LIMITS.items()
                if scores[unit] is None or scores[unit] > limit]
    if seen["dpkg"]["status"] != 0:
        problems.append("dpkg failed")
    if seen["running_after_install"].strip():
        problems.append(f"installing started something: {seen['running_after_install']}")
    if "enabled" in seen["enabled"]:
        problems.append(f"installing enabled something: {seen['enabled']}")
    seen["problems"] = problems
    book.add(Row(10, NUMBERS[10], not problems, round(time.monotonic() - began, 1), seen))
    return disk


def score(line: str) -> float | None:
    """The number in the last line of `systemd-analyze security`."""
    found = re.search(r"(\d+\.\d+)\s+\w+", line)
    return float(found.group(1)) if found else None
