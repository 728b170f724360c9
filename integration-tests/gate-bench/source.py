"""Where the measurements come from, and where they lie. Needs nothing but Python, so that a machine
without the data is told so before anything is installed."""

import os
import sys

ENV = "WAVEGATE_GATE_DATA"
FILES = {
    "disks-2009.csv.xz": "read bandwidth of 25 disks of one model (Krevat, Tucek, Ganger, HotOS 2011)",
    "cpus-capped.csv.xz": "1,193 identical CPUs under six power caps (Marathe et al.)",
    "failures-lanl.csv.xz": "node failures at LANL (public release LA-UR-05-7318)",
    "outages-grid5000.csv.xz": "outages of two Grid'5000 clusters (Failure Trace Archive)",
}


def folder():
    """The data folder, or None with an explanation on stderr."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    path = os.environ.get(ENV) or os.path.join(root, "..", "shared", "data", "gate")
    missing = [name for name in FILES if not os.path.isfile(os.path.join(path, name))]
    if not missing:
        return path
    print(f"gate-bench: no data: {', '.join(missing)} not found in {path}", file=sys.stderr)
    print("These are public measurements and not part of this repository. They come from:", file=sys.stderr)
    for name, source in FILES.items():
        print(f"  {name:26} {source}", file=sys.stderr)
    print("All four are in the data collection of D. Jones, Evidence-based Software Engineering", file=sys.stderr)
    print("(https://github.com/Derek-Jones/ESEUR-code-data). docs/reference/gate-bench.md gives", file=sys.stderr)
    print(f"their columns. Put them in one folder and set {ENV} to its path.", file=sys.stderr)
    return None
