"""The port against what people reported that Kayenta does, and against scipy's own interval."""

import numpy as np
from scipy.stats import mannwhitneyu

import kayenta

NAN = float("nan")
# (what, canary, baseline, options, what Kayenta answered)
REPORTED = [
    ("kayenta#426: rare errors pass", [0, 1, 2, 1, 0, 0], [0] * 6, {}, "Pass"),
    ("spinnaker#6278: 7 of 10 samples 100 times worse pass", [100] * 7 + [1] * 3, [1] * 10,
     {"allowed": (1.0, 1.05)}, "Pass"),
    ("spinnaker#6278: 8 of 10 fail", [100] * 8 + [1] * 2, [1] * 10, {"allowed": (1.0, 1.05)}, "High"),
    ("kayenta#780: another shape passes",
     [10, 10.1, 10.2, 10.3, 10.4, 10.5, 10.6, 17, 17.1, 17.2, 17.3, 17.4, 17.5, 17.6, 17.7],
     [1, 100, 4, 101, 5, 102, 6, 103, 7, 104, 8, 105, 9, 106, 17], {}, "Pass"),
    ("kayenta#744: the mean is past allowedIncrease, most samples are not",
     [100 + i % 5 for i in range(22)] + [150] * 8, [100 + i % 5 for i in range(30)],
     {"allowed": (1.0, 1.1)}, "Pass"),
    ("kayenta#799: errors only on the canary, empty baseline", [1, 2, 1, 2, 1], [NAN] * 5, {}, "Nodata"),
    ("kayenta#799: an empty series passes when NaN is replaced", [1, 2, 1], [],
     {"nan_strategy": "replace"}, "Pass"),
    ("kayenta#510: no mean ratio when a mean is zero", [54.9, 54.5, 55.1, 55.6, 57.4], [0.0] * 5,
     {"allowed": (1.0, 1.1)}, "High"),
    ("identical data pass", [1, 2, 3], [3, 2, 1], {}, "Pass"),
    ("one value everywhere passes", [5, 5], [5, 5, 5], {}, "Pass"),
    ("missing data may be made to fail", [], [1, 2], {"must_have_data": True}, "NodataFailMetric"),
    ("a critical metric without data fails the canary", [], [1, 2], {"is_critical": True}, "CriticalNodata"),
    ("two constants differ", [2] * 10, [1] * 10, {}, "High"),
    ("the wrong direction passes", [10, 11, 12, 13, 14, 15], [1, 2, 3, 4, 5, 6],
     {"direction": "decrease"}, "Pass"),
    ("a critical metric", [10, 11, 12, 13, 14, 15], [1, 2, 3, 4, 5, 6],
     {"is_critical": True, "critical": (1.0, 1.5)}, "CriticalHigh"),
]


def check(holds, what):
    if not holds:
        raise SystemExit(f"the port of Kayenta's rule is wrong: {what}")


def reported():
    for what, canary, baseline, options, expected in REPORTED:
        got = kayenta.classify(canary, baseline, **options)
        check(got == expected, f"{what}: expected {expected}, got {got}")


def known_interval():
    """Kayenta's documentation of its own test: 1..4 against 10..40 at 95 %."""
    low, high, shift = kayenta.interval(np.array([10.0, 20, 30, 40]), np.array([1.0, 2, 3, 4]), 0.95)
    check((low, high, shift) == (6.0, 39.0, 22.5), f"interval is {low}, {high}, {shift}")


def agrees_with_scipy():
    """The interval excludes zero exactly when scipy's p is below 2 % (no ties)."""
    rng = np.random.default_rng(1)
    for _ in range(2000):
        m, n = rng.integers(4, 40, 2)
        canary, baseline = rng.normal(rng.uniform(-1, 1), 1, m), rng.normal(0, 1, n)
        p = mannwhitneyu(canary, baseline, method="asymptotic").pvalue
        low, high, _ = kayenta.interval(canary, baseline)
        clipped = kayenta.interval(canary, baseline, 0.9999999)[:2]
        if abs(p - 0.02) > 1e-9 and (low, high) != clipped:
            check((low > 0 or high < 0) == (p < 0.02), f"p {p}, interval {low} {high}")


def scores():
    check(kayenta.score([("Pass", ["a"]), ("High", ["a"])]) == (50.0, "Marginal"), "half of a group")
    check(kayenta.score([("Pass", ["a"]), ("High", ["b"])], {"a": 80, "b": 20})[0] == 80.0, "weights")
    check(kayenta.score([("Nodata", ["a"]), ("Pass", ["b"])]) == (0.0, "Fail"), "half without data")
    check(kayenta.score([("Nodata", ["a"]), ("Pass", ["b"]), ("Pass", ["c"])])[0] == 100.0,
          "a group without data counts as whole")
    check(kayenta.score([("CriticalHigh", ["a"]), ("Pass", ["b"])])[0] == 0.0, "critical")


def main():
    for test in (reported, known_interval, agrees_with_scipy, scores):
        test()
    print(f"kayenta port: {len(REPORTED)} reported behaviours, interval and scores agree")


if __name__ == "__main__":
    main()
