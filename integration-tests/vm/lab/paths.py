"""Where things are. Nothing outside `target/vm` is ever written."""

import os
from pathlib import Path

VM = Path(__file__).resolve().parent.parent
REPO = VM.parent.parent
TARGET = REPO / "target"
WORK = TARGET / "vm"
CACHE = WORK / "cache"
RUNS = WORK / "runs"
REPORT = WORK / "report.json"
ROOTFS = VM / "rootfs"
PACKAGES = TARGET / "packages"
# Another build of the controller, for those who work on it.
WAVEGATE = Path(os.environ.get("LAB_WAVEGATE", TARGET / "release" / "wavegate"))
PROBE = TARGET / "release" / "examples" / "vm-probe"
