"""Runs the real `wavegate gate` on a folder of trials."""

import collections
import json
import os
import shutil
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("WAVEGATE_BINARY") or os.path.join(ROOT, "target", "release", "wavegate")
SCRATCH = os.path.join(ROOT, "target", "gate-bench")
LOOKS = "3,5,10,20"


class Broken(Exception):
    """The command itself failed, so there is no figure to report."""


def batch(arguments, folder):
    """One object per file, by file name. A file that cannot be judged has a verdict of its own."""
    command = [BINARY, "gate", *arguments, "--batch", folder]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    out = {}
    for line in run.stdout.decode().splitlines():
        verdict = json.loads(line)
        out[os.path.basename(verdict["file"])] = verdict
    expected = set(os.listdir(folder))
    if set(out) != expected:
        raise Broken(f"{' '.join(command)}: exit {run.returncode}, {len(out)} of {len(expected)} files "
                     f"answered: {run.stderr.decode()[-800:]}")
    return [out[name] for name in sorted(out)]


def scratch(write):
    """Calls `write` with an empty folder and keeps the folder for the caller to remove."""
    os.makedirs(SCRATCH, exist_ok=True)
    folder = tempfile.mkdtemp(dir=SCRATCH)
    try:
        write(folder)
    except BaseException:
        shutil.rmtree(folder)
        raise
    return folder


def judge(metric, better, write):
    """Verdicts of the performance judge on the files that `write` makes."""
    folder = scratch(write)
    try:
        return batch(["judge", "--metric", metric, "--better", better, "--alpha", "0.01",
                      "--looks", LOOKS], folder)
    finally:
        shutil.rmtree(folder)


def reboots(write):
    """Verdicts of the reboot judge on the files that `write` makes."""
    folder = scratch(write)
    try:
        return batch(["reboots", "--alpha", "0.01"], folder)
    finally:
        shutil.rmtree(folder)


def verdicts(answers):
    """How many of each verdict; what is no verdict is an `error`."""
    return dict(collections.Counter(answer.get("verdict") or "error" for answer in answers))
