"""The peers, on the very arrays that wavegate's files are written from.

Each returns one boolean per trial: would it have paused? A change for the better is never counted
against a peer, though most of them would flag it."""

import numpy as np
import ruptures
from scipy.stats import mannwhitneyu

import kayenta
from cells import host_mean

P = 0.01
# What each peer is given, for the report.
INPUT = {
    "kayenta": "published rule; two series averaged over the hosts of an arm, or host values where "
               "there is no series",
    "kayenta-5%": "the same, told to ignore less than 5 % (allowedIncrease 1.05)",
    "mw-pooled": "scipy Mann-Whitney, two-sided p < 0.01, every sample after the change",
    "mw-paired": "the same on one after/before score per host",
    "mw-repeated": "mw-pooled, looked at again after each canary from the third on",
    "mw-paired-repeated": "mw-paired, looked at again after each canary from the third on",
    "otava": "Apache Otava, defaults, on after/before of controls, then canaries; a change within one "
             "host of the boundary",
    "pelt": "ruptures PELT, l2, penalty 3 ln n, same series and rule",
}


def series(values):
    """What a metric store shows of one arm: the mean over hosts per slot, else the hosts."""
    return values.mean(axis=1) if values.ndim == 3 else values


def kayenta_rule(cell, ignore=0.0):
    canary, control = series(cell.canary_after), series(cell.control_after)
    direction = "increase" if cell.better == "lower" else "decrease"
    allowed = (1.0 - ignore, 1.0 + ignore)
    failed = {"High", "Low"}
    return np.array([kayenta.classify(canary[t], control[t], direction, allowed=allowed) in failed
                     for t in range(cell.trials)])


def worse(cell, canary, control):
    """Two-sided test per trial, counted when the canaries are on the worse side."""
    side = cell.sign * (np.median(canary, axis=1) - np.median(control, axis=1)) > 0
    return (mannwhitneyu(canary, control, axis=1, method="asymptotic").pvalue < P) & side


def mw_pooled(cell):
    flat = [v.reshape(cell.trials, -1) for v in (cell.canary_after, cell.control_after)]
    return worse(cell, *flat)


def mw_paired(cell):
    canary, control = cell.scores()
    return worse(cell, cell.sign * canary, cell.sign * control)


def repeated(test):
    def ever(cell):
        paused = np.zeros(cell.trials, dtype=bool)
        for seen in range(min(3, cell.canaries), cell.canaries + 1):
            paused |= test(cell.prefix(seen))
        return paused
    return ever


def ratios(cell):
    """After/before in percent of controls, then canaries: the best series a peer could be given."""
    def ratio(before, after):
        return 100.0 * host_mean(after) / host_mean(before)
    control = ratio(cell.control_before, cell.control_after)
    canary = ratio(cell.canary_before, cell.canary_after)
    return np.concatenate([control, canary], axis=1), control.shape[1]


def at_boundary(cell, points):
    """Counts a trial when a change point lies at the boundary and goes the worse way."""
    values, boundary = ratios(cell)
    paused = []
    for row in values:
        near = [p for p in points(row) if abs(p - boundary) <= 1 and 0 < p < len(row)]
        paused.append(any(cell.sign * (row[p:].mean() - row[:p].mean()) > 0 for p in near))
    return np.array(paused)


def otava(cell):
    from otava.analysis import compute_change_points
    return at_boundary(cell, lambda row: [c.index for c in compute_change_points(list(row))[0]])


def pelt(cell):
    def points(row):
        # Unit variance, which the penalty assumes; from successive differences, so that the change
        # itself does not count as noise.
        noise = np.std(np.diff(row)) / np.sqrt(2) or 1.0
        algorithm = ruptures.Pelt(model="l2", min_size=2, jump=1).fit(row / noise)
        return algorithm.predict(pen=3 * np.log(len(row)))[:-1]
    return at_boundary(cell, points)


FAST = {
    "kayenta": kayenta_rule,
    "kayenta-5%": lambda cell: kayenta_rule(cell, 0.05),
    "mw-pooled": mw_pooled,
    "mw-paired": mw_paired,
}
REPEATED = {
    "mw-repeated": repeated(mw_pooled),
    "mw-paired-repeated": repeated(mw_paired),
}
SLOW = {"otava": otava, "pelt": pelt}
