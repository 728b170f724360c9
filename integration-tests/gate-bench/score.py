"""Rows of the result, Wilson intervals and the bars."""

import math

import numpy as np

Z = 1.959963985  # 95 %, two-sided


def wilson(hits, trials):
    """95 % score interval of a share (Wilson 1927): honest at 0 of n, where the usual one is not."""
    if trials == 0:
        return 0.0, 1.0
    share = hits / trials
    middle = share + Z * Z / (2 * trials)
    reach = Z * math.sqrt(share * (1 - share) / trials + Z * Z / (4 * trials * trials))
    scale = 1 + Z * Z / trials
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def counted(hits, trials):
    low, high = wilson(hits, trials)
    share = hits / trials if trials else float("nan")
    return {"hits": int(hits), "trials": int(trials), "share": share, "low": low, "high": high}


def rate(flags):
    flags = np.asarray(flags)
    return counted(flags.sum(), len(flags))


class Row:
    """One line of the table: a cell and what each judge made of it."""

    def __init__(self, task, name, canaries=None, controls=None, **tags):
        self.task, self.name = task, name
        self.canaries, self.controls, self.tags = canaries, controls, tags
        self.judges, self.notes = {}, {}

    def hosts_to_decide(self, failed):
        """Median and 90th percentile of the canary at which a pause was decided."""
        hosts = [c["decided_at_host"] for answer in failed for c in answer.get("classes", [])
                 if c.get("decided_at_host") is not None]
        if hosts:
            self.notes["decided_at_host"] = [float(np.median(hosts)), float(np.quantile(hosts, 0.9))]

    def as_json(self):
        return {"task": self.task, "name": self.name, "canaries": self.canaries,
                "controls": self.controls, **self.tags, "judges": self.judges, **self.notes}


def pooled(rows, judge="wavegate"):
    found = [row.judges[judge] for row in rows if judge in row.judges]
    return counted(sum(f["hits"] for f in found), sum(f["trials"] for f in found))


class Bar:
    """`most` and `least` are shares. A bar is judged by the point estimate; in a quick run, which
    has few trials, it is missed only when the whole interval lies beyond it."""

    def __init__(self, name, figure, most=None, least=None):
        self.name, self.figure, self.most, self.least = name, figure, most, least

    def holds(self, quick):
        if self.figure["trials"] == 0:
            return False
        if self.most is not None:
            return self.figure["low" if quick else "share"] <= self.most
        return self.figure["high" if quick else "share"] >= self.least

    def bound(self):
        return f"<= {100 * self.most:g} %" if self.most is not None else f">= {100 * self.least:g} %"

    def as_json(self, quick):
        return {"bar": self.name, "bound": self.bound(), "holds": self.holds(quick), **self.figure}


def bars(rows):
    """The promises, in the order of the tasks."""
    def pick(task, **wanted):
        def fits(row):
            facts = {"name": row.name, "canaries": row.canaries, "controls": row.controls, **row.tags}
            return row.task == task and all(
                facts.get(k) in v if isinstance(v, tuple) else facts.get(k) == v for k, v in wanted.items())
        return [row for row in rows if fits(row)]

    def names(task, **wanted):
        return list(dict.fromkeys(row.name for row in pick(task, **wanted)))

    out = [Bar(f"T1 no change, {name}: paused", pooled(pick("T1", name=name)), most=0.01)
           for name in names("T1")]
    for row in pick("T2", shift=0.05, canaries=5):
        out.append(Bar(f"T2 5 % worse, 5 canaries, {row.name}: found", pooled([row]), least=0.99))
    # The noise from 65 to 80 W (0.6 %) leaves even the best test of means 95 % with 40 controls.
    for row in pick("T2", shift=0.01, canaries=10):
        noisy = row.name == "cpus 65 to 80 W" and row.controls == 40
        out.append(Bar(f"T2 1 % worse, 10 canaries, {row.controls} controls, {row.name}: found",
                       pooled([row]), least=0.90 if noisy else 0.95))
    for name, canaries in (("tail: slowest 5 % of 20 samples x2", 10),
                           ("tail: slowest 5 % of 100 samples x2", 10), ("variance x1.5", 10),
                           ("one host in five +20 %", 20)):
        out.append(Bar(f"T2 {name}, {canaries} canaries: found",
                       pooled(pick("T2", name=name, canaries=canaries)), least=0.95))
    for name in ("cpus 115 to 80 W, +2.6 %", "cpus 115 to 65 W, +16.5 %"):
        out.append(Bar(f"T3 {name}, 10 canaries: found",
                       pooled(pick("T3", name=name, canaries=10)), least=0.99))
    localised = "one class of four +2.6 %: it alone is named"
    out.append(Bar(f"T3 {localised}", pooled(pick("T3", name=localised)), least=0.97))
    out += [Bar(f"T3 {name}: paused", pooled(pick("T3", name=name)), most=0.01)
            for name in names("T3") if name.startswith("common")]
    for name in names("T4"):
        out.append(Bar(f"T4 looked at after every host, {name}: paused", pooled(pick("T4", name=name)),
                       most=0.01))
        out.append(Bar(f"T4 judged anew after every host, {name}: paused",
                       pooled(pick("T4", name=name), "wavegate, file by file"), most=0.01))
    out += reboot_bars(pick)
    out.append(Bar("T7 pass without enough data", pooled(pick("T7")), most=0.0))
    out.append(Bar("T8 cases reported by users answered as they expect", pooled(pick("T8")), least=1.0))
    return out


def reboot_bars(pick):
    lanl = "lanl-18"
    week = {"system": lanl, "days": 7}
    return [
        Bar("T5 no change, 7 days: paused", pooled(pick("T5", factor=1, **week)), most=0.005),
        Bar("T5 x10 reboots, 51 canaries, 7 days: found",
            pooled(pick("T5", factor=10, canaries=51, **week)), least=0.90),
        Bar("T5 x50 reboots, 51 canaries, 7 days: found",
            pooled(pick("T5", factor=50, canaries=51, **week)), least=0.99),
        Bar("T6 bursts, random canaries: paused", pooled(pick("T6", placed="random", factor=1)), most=0.01),
        Bar("T6 bursts, canaries in one rack: paused", pooled(pick("T6", placed="rack", factor=1)), most=0.02),
        lost_in_burst(pick),
    ]


def lost_in_burst(pick):
    """Recall inside a burst may fall at most 5 points below that in a quiet window."""
    quiet = pooled(pick("T6", window="quiet", placed="random", bad=True))
    burst = pooled(pick("T6", window="burst", placed="random", bad=True))
    least = max(0.0, quiet["share"] - 0.05) if quiet["trials"] else 0.0
    return Bar("T6 regression inside a burst: found (quiet window less 5 points)", burst, least=least)
