"""A cell is many trials of one kind: who was a canary, who a control, and what was measured.

Arrays are [trial, host] or [trial, host, slot]. `better` is `lower` or `higher`."""

import os
import zlib

import numpy as np


def generator(*name):
    """The random numbers of a cell depend on its name alone, never on what ran before it."""
    return np.random.default_rng(zlib.crc32("/".join(map(str, name)).encode()))


class Cell:
    def __init__(self, metric, better, canary, control, slots=False):
        self.metric, self.better, self.slots = metric, better, slots
        self.canary_before, self.canary_after = canary
        self.control_before, self.control_after = control

    @property
    def trials(self):
        return len(self.canary_after)

    @property
    def canaries(self):
        return self.canary_after.shape[1]

    @property
    def sign(self):
        """+1 when a larger value is worse."""
        return 1.0 if self.better == "lower" else -1.0

    def head(self, trials):
        """The first trials, for judges that are too slow for all of them."""
        return Cell(self.metric, self.better,
                    (self.canary_before[:trials], self.canary_after[:trials]),
                    (self.control_before[:trials], self.control_after[:trials]), self.slots)

    def prefix(self, canaries):
        """What was known when only the first canaries had arrived."""
        return Cell(self.metric, self.better,
                    (self.canary_before[:, :canaries], self.canary_after[:, :canaries]),
                    (self.control_before, self.control_after), self.slots)

    def scores(self):
        """Paired score of each host, larger is worse: (canaries, controls)."""
        def score(before, after):
            return self.sign * (np.log(host_mean(after)) - np.log(host_mean(before)))
        return (score(self.canary_before, self.canary_after),
                score(self.control_before, self.control_after))


def host_mean(values):
    return values.mean(axis=2) if values.ndim == 3 else values


def text(value):
    """A cell of a CSV: `nan` is no data."""
    return "" if value != value else "%.9g" % value


def lines(arm, before, after, slots, first_slot=0, class_="c1"):
    """CSV lines of one arm of one trial."""
    ordered = arm == "canary"
    name = f"{class_}-{arm[:2]}"
    out = []
    for host in range(len(after)):
        order = host + 1 if ordered else ""
        head = f"{class_},{name}{host},{arm},{order},"
        if slots:
            for slot, (b, a) in enumerate(zip(before[host], after[host]), first_slot):
                out.append(f"{head}{slot},{text(b)},{text(a)}")
        else:
            out.append(f"{head}{text(before[host])},{text(after[host])}")
    return out


def header(slots):
    return "class,host,arm,order,slot,before,after" if slots else "class,host,arm,order,before,after"


def write(cell, folder, name="t"):
    """One file per trial."""
    values = [cell.canary_before, cell.canary_after, cell.control_before, cell.control_after]
    if not cell.slots:
        values = [host_mean(v) for v in values]
    cb, ca, kb, ka = (v.tolist() for v in values)
    for trial in range(cell.trials):
        body = [header(cell.slots)]
        body += lines("canary", cb[trial], ca[trial], cell.slots)
        body += lines("control", kb[trial], ka[trial], cell.slots)
        with open(os.path.join(folder, f"{name}{trial:06}.csv"), "w", encoding="ascii") as file:
            file.write("\n".join(body) + "\n")


def pick(rng, trials, hosts, count):
    """A random choice of `count` of `hosts`, anew for each trial."""
    return np.argsort(rng.random((trials, hosts)), axis=1)[:, :count]


def disk_cell(disks, rng, trials, canaries, offsets, slots=False, better="higher"):
    """No change: two of the five trials of each disk, before and after."""
    hosts, repeats, size = disks.shape
    who = pick(rng, trials, hosts, hosts)
    pair = pick(rng, trials, repeats, 2)
    where = pick(rng, trials, size, offsets)
    def take(side):
        return disks[who[:, :, None], pair[:, side, None, None], where[:, None, :]]
    before, after = take(0), take(1)
    if better == "higher":
        before, after = 1000.0 / before, 1000.0 / after
    return Cell("read_ms_per_mb" if better == "lower" else "read_mb_per_s", better,
                (before[:, :canaries], after[:, :canaries]),
                (before[:, canaries:], after[:, canaries:]), slots)


def cpu_cell(cpus, rng, trials, canaries, controls, before, canary_after, control_after):
    """Sockets at cap `before`, then at another cap; the arms may differ in the second."""
    who = pick(rng, trials, len(cpus[before]), canaries + controls)
    canary, control = who[:, :canaries], who[:, canaries:]
    return Cell("job_seconds", "lower",
                (cpus[before][canary], cpus[canary_after][canary]),
                (cpus[before][control], cpus[control_after][control]))


def worse(cell, share):
    """All canaries become worse by `share`."""
    factor = 1.0 + share if cell.better == "lower" else 1.0 / (1.0 + share)
    cell.canary_after = cell.canary_after * factor
    return cell
