"""T5 and T6: unexpected reboots, on the failures of real systems.

A trial is a window of a real system's history with some nodes called canaries. Nothing was done to
them, so every pause is false; a regression is added as failures of its own, evenly over canaries."""

import os

import numpy as np
from scipy.stats import binom, hypergeom, poisson

import cells
import wavegate
from score import Row, rate

DAY = 86400
BURST_S = 600  # nodes of a cluster that fail within this time fail together
BURST_SHARE = 0.2
HISTORY_DAYS = 28
P = 0.01
INPUT = {
    "any-reboot": "pause on any unexpected reboot of a canary",
    "poisson-28d": f"more canary reboots than {HISTORY_DAYS} days of the system's own history explain, p < 0.01",
    "events": "canary events against control events, conditional binomial, p < 0.01",
    "hosts": "canaries that failed against controls that failed, hypergeometric, p < 0.01",
}


class Window:
    """Failures in [start, start + length), shifted to zero, with one node per entry."""

    def __init__(self, system, start, length, canaries):
        low, high = np.searchsorted(system.times, [start, start + length])
        self.length, self.canaries = length, np.sort(canaries)
        self.times, self.node = system.times[low:high] - start, system.node[low:high]
        low = np.searchsorted(system.times, start - HISTORY_DAYS * DAY)
        past = np.searchsorted(system.times, start) - low
        self.expected = past * length / (HISTORY_DAYS * DAY) * len(canaries) / system.nodes
        self.nodes = system.nodes

    def add(self, rng, rate_per_s):
        """Failures of the canaries at an even rate, on top of what happened."""
        count = rng.poisson(rate_per_s * self.length * len(self.canaries))
        self.times = np.concatenate([self.times, rng.uniform(0, self.length, count)])
        self.node = np.concatenate([self.node, rng.choice(self.canaries, count)])
        order = np.argsort(self.times, kind="stable")
        self.times, self.node = self.times[order], self.node[order]

    def text(self):
        arm = np.full(self.nodes, "control", dtype=object)
        arm[self.canaries] = "canary"
        body = ["time_s,host,arm,event"]
        body += [f"0,n{n},{a},start" for n, a in enumerate(arm)]
        body += [f"{t:.0f},n{n},{arm[n]},reboot" for t, n in zip(self.times.tolist(), self.node.tolist())]
        body += [f"{self.length},n{n},{a},end" for n, a in enumerate(arm)]
        return "\n".join(body) + "\n"

    def peers(self):
        canary = np.isin(self.node, self.canaries)
        count, m = int(canary.sum()), len(self.canaries)
        failed_canaries = len(np.unique(self.node[canary]))
        failed = len(np.unique(self.node))
        return {
            "any-reboot": count > 0,
            "poisson-28d": poisson.sf(count - 1, max(self.expected, 1e-9)) < P,
            "events": binom.sf(count - 1, len(self.node), m / self.nodes) < P if count else False,
            "hosts": hypergeom.sf(failed_canaries - 1, self.nodes, m, failed) < P if failed else False,
        }


def judge(task, name, windows, **tags):
    """Judges windows with wavegate and the peers: one row."""
    def write(folder):
        for index, window in enumerate(windows):
            with open(os.path.join(folder, f"w{index:06}.csv"), "w", encoding="ascii") as file:
                file.write(window.text())

    answers = wavegate.reboots(write)
    row = Row(task, name, **tags)
    row.judges["wavegate"] = rate([a.get("verdict") == "fail" for a in answers])
    row.judges["wavegate"]["verdicts"] = wavegate.verdicts(answers)
    peers = [window.peers() for window in windows]
    for peer in INPUT:
        row.judges[peer] = rate([p[peer] for p in peers])
    when = [found["decided_at_s"] for a in answers if a.get("verdict") == "fail"
            for found in [a, *a.get("classes", [])][:1 if "decided_at_s" in a else 2]
            if found.get("decided_at_s") is not None]
    if when:
        row.notes["decided_at_days"] = [float(np.median(when)) / DAY, float(np.quantile(when, 0.9)) / DAY]
    return row


def starts(system, length, rng, trials):
    return rng.uniform(HISTORY_DAYS * DAY, system.span - length, trials)


def some(system, rng, count, placed="random"):
    """Canaries at random, or neighbours in the racks."""
    if placed == "random":
        return rng.choice(system.nodes, count, replace=False)
    first = rng.integers(0, system.nodes - count + 1)
    return np.arange(first, first + count)


class History:
    """T5: any window of a system's history."""

    def __init__(self, task, system, canaries, days, factor, trials):
        self.task, self.system, self.canaries = task, system, canaries
        self.days, self.factor, self.trials = days, factor, trials

    def run(self, data, scale):
        system = data.systems[self.system]
        rng = cells.generator(self.task, self.system, self.canaries, self.days, self.factor)
        length, windows = self.days * DAY, []
        for start in starts(system, length, rng, max(20, int(self.trials * scale))):
            window = Window(system, start, length, some(system, rng, self.canaries))
            if self.factor > 1:
                window.add(rng, (self.factor - 1) * system.rate)
            windows.append(window)
        change = "no change" if self.factor == 1 else f"x{self.factor} reboots"
        return judge(self.task, f"{self.system}, {self.days} d, {change}", windows, system=self.system,
                     canaries=self.canaries, controls=system.nodes - self.canaries, days=self.days,
                     factor=self.factor)


class Burst:
    """T6: a day around a moment when a fifth of a cluster fails within ten minutes, or a quiet one.

    `bad` adds a regression: each canary fails once a day on average."""

    def __init__(self, system, placed, window, bad, trials):
        self.system, self.placed, self.window = system, placed, window
        self.bad, self.trials = bad, trials

    def run(self, data, scale):
        system = data.systems[self.system]
        rng = cells.generator("T6", self.system, self.placed, self.window, self.bad)
        canaries = max(5, system.nodes // 20)
        bursts, windows = burst_times(system), []
        trials = max(20, int(self.trials * scale))
        while len(windows) < trials:
            if self.window == "burst":
                start = rng.choice(bursts) - rng.uniform(0, DAY)
            else:
                start = starts(system, DAY, rng, 1)[0]
                if np.any((bursts > start - BURST_S) & (bursts < start + DAY)):
                    continue
            if not HISTORY_DAYS * DAY <= start <= system.span - DAY:
                continue
            window = Window(system, start, DAY, some(system, rng, canaries, self.placed))
            if self.bad:
                window.add(rng, 1.0 / DAY)
            windows.append(window)
        change = "one more failure a day" if self.bad else "no change"
        place = "random" if self.placed == "random" else "one rack"
        return judge("T6", f"{self.system}, {self.window}, {place}, {change}", windows, system=self.system,
                     canaries=canaries, controls=system.nodes - canaries, placed=self.placed,
                     window=self.window, bad=self.bad, factor=None if self.bad else 1)


def burst_times(system):
    """Begin of each time when a fifth of the nodes fail within ten minutes."""
    need, found, index = BURST_SHARE * system.nodes, [], 0
    while index < len(system.times):
        end = np.searchsorted(system.times, system.times[index] + BURST_S)
        if len(np.unique(system.node[index:end])) >= need:
            found.append(system.times[index])
            index = end
        else:
            index += 1
    return np.array(found)


def specs():
    for days in (1, 3, 7):
        for canaries in (10, 51):
            yield History("T5", "lanl-18", canaries, days, 1, 1000 if days == 7 else 200)
            for factor in (3, 10, 50):
                yield History("T5", "lanl-18", canaries, days, factor, 200 if days == 7 else 60)
    for system in ("grid-site4-c1", "grid-site9-c1"):
        for days in (1, 3, 7):
            yield History("T5", system, 10, days, 1, 300)
        for placed in ("random", "rack"):
            yield Burst(system, placed, "burst", False, 500)
        for window in ("quiet", "burst"):
            yield Burst(system, "random", window, True, 200)
