"""T1 to T4: performance metrics. Which trials there are and who judges them."""

import os

import numpy as np

import cells
import peers
import wavegate
from score import Row, rate

CANARIES = (3, 5, 10, 20)
SHIFTS = (0.01, 0.02, 0.05, 0.10)
OFFSETS = 100  # samples of a disk in one trial
SLOTS = 20  # the same where the file itself carries the samples
CONTROLS = 40  # per trial for CPUs; a class of disks has 25 hosts in all
MANY = 200


class Spec:
    """A cell to be made and judged: `build(data, rng, trials)` gives the trials."""

    def __init__(self, task, name, canaries, controls, trials, build, judges, peer_trials=None, **tags):
        self.task, self.name, self.trials, self.build = task, name, trials, build
        self.canaries, self.controls, self.judges = canaries, controls, judges
        self.peer_trials, self.tags = peer_trials or {}, tags

    def key(self):
        shift = self.tags.get("shift")
        return (self.task, self.name, self.canaries, self.controls, shift)

    def run(self, data, scale):
        trials = max(20, int(self.trials * scale))
        cell = self.build(data, cells.generator(*self.key()), trials)
        answers = wavegate.judge(cell.metric, cell.better, lambda folder: cells.write(cell, folder))
        paused = np.array([answer.get("verdict") == "fail" for answer in answers])
        row = Row(self.task, self.name, self.canaries, self.controls, **self.tags)
        row.judges["wavegate"] = rate(paused)
        row.judges["wavegate"]["verdicts"] = wavegate.verdicts(answers)
        row.hosts_to_decide([a for a in answers if a.get("verdict") == "fail"])
        if "prefixes" in self.judges:
            row.judges["wavegate, file by file"] = rate(prefixes(cell.head(max(10, trials // 40))))
        for name, test in self.judges.items():
            if name != "prefixes":
                count = min(trials, max(10, int(self.peer_trials.get(name, trials) * scale)))
                row.judges[name] = rate(test(cell.head(count)))
        return row


def prefixes(cell):
    """Was there a pause at any point, when the operator judges again after each host, with a file
    of what is known then?"""
    paused = np.zeros(cell.trials, dtype=bool)

    def write(folder):
        for seen in range(1, cell.canaries + 1):
            cells.write(cell.prefix(seen), folder, f"n{seen:03}-")

    answers = wavegate.judge(cell.metric, cell.better, write)
    for index, answer in enumerate(answers):
        paused[index % cell.trials] |= answer.get("verdict") == "fail"
    return paused


def disks(canaries, slots=0, better="higher"):
    """With `slots`, the file has that many samples per host; else it has their mean."""
    offsets = slots or OFFSETS
    return lambda data, rng, trials: cells.disk_cell(
        data.disks, rng, trials, canaries, offsets, slots > 0, better)


def cpus(canaries, controls, before, canary_after, control_after):
    return lambda data, rng, trials: cells.cpu_cell(
        data.cpus, rng, trials, canaries, controls, before, canary_after, control_after)


def shifted(build, share):
    return lambda data, rng, trials: cells.worse(build(data, rng, trials), share)


def classes(canaries):
    """No-change classes: name, controls, builder."""
    yield "disks", 25 - canaries, disks(canaries)
    yield "cpus 95 to 115 W", CONTROLS, cpus(canaries, CONTROLS, "95", "115", "115")
    yield "cpus 65 to 80 W", CONTROLS, cpus(canaries, CONTROLS, "65", "80", "80")


def no_change():
    for n in CANARIES:
        for name, controls, build in classes(n):
            yield Spec("T1", name, n, controls, 2000, build, {**peers.FAST, **peers.SLOW},
                       {"mw-pooled": 500, "otava": 200, "pelt": 100})
        yield Spec("T1", "cpus, 115 against 95 W", n, CONTROLS, 2000,
                   cpus(n, CONTROLS, "80", "115", "95"), peers.FAST)
        yield Spec("T1", "disks, samples", n, 25 - n, 500, disks(n, SLOTS, "lower"), peers.FAST)


def injected():
    fast = {**peers.FAST, **peers.SLOW}
    few = {"kayenta": 200, "kayenta-5%": 200, "mw-pooled": 100, "otava": 100, "pelt": 40}
    for n in CANARIES:
        for shift in SHIFTS:
            for name, controls, build in classes(n):
                yield Spec("T2", name, n, controls, 400, shifted(build, shift), fast, few, shift=shift)
    for shift in (0.01, 0.05):
        yield Spec("T2", "cpus 65 to 80 W", 10, MANY, 400,
                   shifted(cpus(10, MANY, "65", "80", "80"), shift), peers.FAST, few, shift=shift)


def tail(cell, _rng):
    """On each canary the slowest 5 % of its samples take twice as long."""
    cut = np.quantile(cell.canary_after, 0.95, axis=2, keepdims=True)
    cell.canary_after = np.where(cell.canary_after > cut, 2 * cell.canary_after, cell.canary_after)


def variance(cell, _rng):
    """One and a half times the variance inside each host, the same median."""
    middle = np.median(cell.canary_after, axis=2, keepdims=True)
    cell.canary_after = middle + np.sqrt(1.5) * (cell.canary_after - middle)


def share(cell, rng):
    """One canary in five becomes 20 % slower."""
    count = max(1, cell.canaries // 5)
    who = cells.pick(rng, cell.trials, cell.canaries, count)
    np.put_along_axis(cell.canary_after, who, 1.2 * np.take_along_axis(cell.canary_after, who, 1), 1)


def shaped(build, change):
    def shape(data, rng, trials):
        cell = build(data, rng, trials)
        change(cell, rng)
        return cell
    return shape


def shapes():
    for n in (5, 10):
        build = disks(n, SLOTS, "lower")
        for samples in (SLOTS, OFFSETS):
            long = shaped(disks(n, samples, "lower"), tail)
            yield Spec("T2", f"tail: slowest 5 % of {samples} samples x2", n, 25 - n, 300, long, peers.FAST)
        yield Spec("T2", "variance x1.5", n, 25 - n, 300, shaped(build, variance), peers.FAST)
    for n in (10, 20):
        build = cpus(n, MANY, "95", "115", "115")
        yield Spec("T2", "one host in five +20 %", n, MANY, 300, shaped(build, share), peers.FAST)


def shock(build, factor):
    def common(data, rng, trials):
        cell = build(data, rng, trials)
        cell.canary_after, cell.control_after = cell.canary_after * factor, cell.control_after * factor
        return cell
    return common


def real():
    few = {"mw-pooled": 200, "otava": 100, "pelt": 40}
    every = {**peers.FAST, **peers.SLOW}
    for n in CANARIES:
        yield Spec("T3", "cpus 115 to 80 W, +2.6 %", n, CONTROLS, 500,
                   cpus(n, CONTROLS, "115", "80", "95"), every, few)
        yield Spec("T3", "cpus 115 to 65 W, +16.5 %", n, CONTROLS, 500,
                   cpus(n, CONTROLS, "115", "65", "95"), every, few)
    yield Localised()
    yield Spec("T3", "common: all to 80 W", 10, CONTROLS, 1000,
               cpus(10, CONTROLS, "115", "80", "80"), peers.FAST)
    yield Spec("T3", "common: all to 65 W", 10, CONTROLS, 1000,
               cpus(10, CONTROLS, "115", "65", "65"), peers.FAST)
    yield Spec("T3", "common: all disks 5 % slower", 10, 15, 1000,
               shock(disks(10), 1 / 1.05), peers.FAST)


class Localised:
    """T3: four classes in one file, one of them really slower: is that one named, and no other?"""

    task = "T3"
    CLASSES = ("c1", "c2", "c3", "c4")

    def run(self, data, scale):
        rng, trials = cells.generator("T3", "localised"), max(20, int(300 * scale))
        after = {"c3": "80"}
        made = {c: cpus(10, CONTROLS, "115", after.get(c, "95"), "95")(data, rng, trials)
                for c in self.CLASSES}

        def write(folder):
            for trial in range(trials):
                body = [cells.header(False)]
                for name, cell in made.items():
                    body += cells.lines("canary", cell.canary_before[trial], cell.canary_after[trial],
                                        False, class_=name)
                    body += cells.lines("control", cell.control_before[trial], cell.control_after[trial],
                                        False, class_=name)
                with open(os.path.join(folder, f"t{trial:06}.csv"), "w", encoding="ascii") as file:
                    file.write("\n".join(body) + "\n")

        answers = wavegate.judge("job_seconds", "lower", write)
        right = [{c.get("class") for c in answer.get("classes", []) if c.get("verdict") == "fail"} == {"c3"}
                 for answer in answers]
        row = Row("T3", "one class of four +2.6 %: it alone is named", 10, CONTROLS)
        row.judges["wavegate"] = rate(right)
        row.judges["wavegate"]["verdicts"] = wavegate.verdicts(answers)
        return row


def peeked():
    judges = {**peers.REPEATED, "prefixes": None}
    few = {"mw-repeated": 200, "mw-paired-repeated": 500}
    yield Spec("T4", "disks", 15, 10, 2000, disks(15), judges, few)
    yield Spec("T4", "cpus 95 to 115 W", 20, CONTROLS, 2000,
               cpus(20, CONTROLS, "95", "115", "115"), judges, few)
    yield Spec("T4", "cpus 65 to 80 W", 20, MANY, 1000,
               cpus(20, MANY, "65", "80", "80"), judges, few)


def specs():
    for make in (no_change, injected, shapes, real, peeked):
        yield from make()
