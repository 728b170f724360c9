"""Makes the trials, has wavegate and its peers judge them, writes the figures and checks the bars.

Exit 0: every bar holds. 1: a bar is missed. 2: no data, no binary, or wrong usage."""

import argparse
import json
import os
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor

import data
import kayenta_test
import perf
import reboots
import report
import source
import thin
import users
import wavegate
from score import bars

QUICK = 0.05
SIMULATED = os.path.join(wavegate.ROOT, "target", "judge.json")


class Data:
    """All measurements, read once per process."""

    def __init__(self, path):
        self.disks, self.cpus = data.disks(path), data.cpus(path)
        systems = [data.lanl(path), *data.grid(path)]
        self.systems = {system.name: system for system in systems}


def tasks():
    for module in (perf, reboots, thin, users):
        yield from module.specs()


def setup(path):
    global DATA  # one per worker process
    warnings.simplefilter("ignore", RuntimeWarning)  # peers on constant data
    DATA = Data(path)


def run(index, scale):
    """Runs one task by its index: tasks hold functions, which do not travel between processes."""
    task = list(tasks())[index]
    try:
        return task.run(DATA, scale), None
    except wavegate.Broken as error:
        return None, str(error)


def arguments():
    parser = argparse.ArgumentParser(prog="gate-bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true",
                        help="a smoke run: a twentieth of the trials, writes no files under docs")
    parser.add_argument("--share", type=float, default=1.0, metavar="0..1",
                        help="that share of the trials of every cell; the page says so")
    parser.add_argument("--only", metavar="TASK", help="one task, T1 to T8; checks its bars only")
    return parser.parse_args()


def simulated():
    """T9, whole rollouts in the simulator, when `fleet-sim judge -o json` has left its result."""
    if not os.path.isfile(SIMULATED):
        return None
    with open(SIMULATED, encoding="utf-8") as file:
        return json.load(file)


def collect(path, chosen, scale):
    rows, broken = [], []
    with ProcessPoolExecutor(2, initializer=setup, initargs=(path,)) as pool:
        jobs = [(index, pool.submit(run, index, scale)) for index in chosen]
        for done, (_, job) in enumerate(jobs, 1):
            row, error = job.result()
            if error:
                broken.append(error)
                print(f"gate-bench: {error}", file=sys.stderr)
            else:
                rows.append(row)
                print(f"{done}/{len(jobs)} {report.line(row)}", flush=True)
    return rows, broken


def main():
    options = arguments()
    path = source.folder()
    if path is None:
        return 2
    if not os.path.isfile(wavegate.BINARY):
        print(f"gate-bench: no {wavegate.BINARY}: run `make gate-bench`, which builds it", file=sys.stderr)
        return 2
    kayenta_test.main()
    begun = time.monotonic()
    if not 0 < options.share <= 1:
        print(f"gate-bench: --share {options.share:g}: more than 0, at most 1", file=sys.stderr)
        return 2
    scale = QUICK if options.quick else options.share
    load = [os.getloadavg()[1]]
    chosen = [i for i, task in enumerate(tasks()) if options.only in (None, report.task_of(task))]
    if not chosen:
        print(f"gate-bench: --only {options.only}: tasks are T1 to T8", file=sys.stderr)
        return 2
    rows, broken = collect(path, chosen, scale)
    checked = [bar for bar in bars(rows) if options.only in (None, bar.name.split()[0])]
    load.append(os.getloadavg()[1])
    result = {"quick": options.quick, "share": scale, "seconds": round(time.monotonic() - begun, 1),
              "cores": os.cpu_count(), "load": load,
              "bars": [bar.as_json(options.quick) for bar in checked],
              "rows": [row.as_json() for row in rows], "broken": broken, "rollouts": simulated()}
    out = os.path.join(wavegate.ROOT, "target", "gate-bench.json")
    with open(out, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
    if not options.quick and not options.only:
        report.write(result, os.path.join(wavegate.ROOT, "docs", "reference", "gate-bench.md"))
    print(report.bars_table(result["bars"]))
    missed = sum(not bar["holds"] for bar in result["bars"])
    print(f"gate-bench: {len(checked) - missed} of {len(checked)} bars hold, {len(broken)} cells broken, "
          f"{result['seconds']} s; {out}")
    return 1 if missed or broken else 0


if __name__ == "__main__":
    sys.exit(main())
