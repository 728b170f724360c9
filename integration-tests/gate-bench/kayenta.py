"""A port of the published rule of Kayenta's judge (NetflixACAJudge), as a peer and as the
reference for wavegate's compatible mode. docs/reference/kayenta.md describes it in words.

The rule: a two-sided Mann-Whitney test in its normal approximation with tie and continuity
correction, turned into a confidence interval of the Hodges-Lehmann shift. A metric is `High` when
the interval's lower end exceeds a quarter of the shift itself."""

import math

import numpy as np
from scipy.stats import norm

CONFIDENCE = 0.98
TOLERANCE = 0.25
NOISE = 1e-5
FENCE = 3.0


def clean(values, nan_strategy):
    values = np.asarray(values, dtype=float)
    if nan_strategy == "replace":
        return np.where(np.isnan(values), 0.0, values)
    return values[~np.isnan(values)]


def without_outliers(values):
    """The optional fence: three interquartile ranges, but never inside the 1st or 99th percentile."""
    if len(values) == 0:
        return values
    low, high = np.percentile(values, [25, 75])
    first, last = np.percentile(values, [1, 99])
    low, high = low - FENCE * (high - low), high + FENCE * (high - low)
    return values[(values >= min(low, first)) & (values <= max(high, last))]


def interval(canary, baseline, confidence=CONFIDENCE):
    """(lower, upper, Hodges-Lehmann shift) of canary minus baseline.

    The rank sum of canary - d falls in steps at the pairwise differences, so the two roots are
    order statistics of these differences and need no search."""
    m, n = len(canary), len(baseline)
    differences = np.sort(np.subtract.outer(canary, baseline).ravel())
    ties = 0.0
    for values in (canary, baseline):
        counts = np.unique(values, return_counts=True)[1].astype(float)
        ties += (counts**3 - counts).sum()
    variance = m * n / 12.0 * (m + n + 1 - ties / ((m + n) * (m + n - 1)))
    reach = 0.5 + norm.ppf(0.5 + confidence / 2) * math.sqrt(max(variance, 0.0))
    # How many differences must lie above d for the statistic to stay outside the quantile.
    above = math.floor(m * n / 2.0 + reach) + 1
    lower = differences[m * n - above] if above <= m * n else differences[0]
    upper = differences[above - 1] if above <= m * n else differences[-1]
    return lower, upper, float(np.median(differences))


def classify(canary, baseline, direction="either", nan_strategy="remove", allowed=(1.0, 1.0),
             critical=(1.0, 1.0), is_critical=False, outliers="keep", must_have_data=False, rng=None):
    """`Pass`, `High`, `Low`, `Nodata`, `NodataFailMetric`; `Critical` before it when the metric must
    fail the whole canary. `allowed` and `critical` are (decrease, increase) as mean ratios."""
    empty = {len(canary) == 0, len(baseline) == 0}
    if nan_strategy == "replace" and True in empty:
        return "Pass"
    canary, baseline = clean(canary, nan_strategy), clean(baseline, nan_strategy)
    if outliers == "remove":
        canary, baseline = without_outliers(canary), without_outliers(baseline)
    if len(canary) == 0 or len(baseline) == 0:
        if is_critical:
            return "CriticalNodata"
        return "NodataFailMetric" if must_have_data else "Nodata"
    if np.array_equal(np.sort(canary), np.sort(baseline)):
        return "Pass"
    if len(np.unique(np.concatenate([canary, baseline]))) == 1:
        return "Pass"
    ratio = mean_ratio(canary, baseline)
    if len(np.unique(canary)) == 1 and len(np.unique(baseline)) == 1:
        # Two constants: the rule breaks the ties with noise, for us from a fixed seed.
        rng = rng or np.random.default_rng(0)
        canary = canary + abs(canary[0]) * NOISE * rng.standard_normal(len(canary))
        baseline = baseline + abs(baseline[0]) * NOISE * rng.standard_normal(len(baseline))
    lower, upper, shift = interval(canary, baseline)
    bound = TOLERANCE * abs(shift)
    for name, wanted, significant, past in (
            ("High", "increase", lower > bound, lambda limit: not ratio < limit[1]),
            ("Low", "decrease", upper < -bound, lambda limit: not ratio > limit[0])):
        if direction in (wanted, "either") and significant and past(allowed):
            return "Critical" + name if is_critical and past(critical) else name
    return "Pass"


def mean_ratio(canary, baseline):
    """NaN, so that no threshold applies, when a mean is zero."""
    top, bottom = float(np.mean(canary)), float(np.mean(baseline))
    return top / bottom if top != 0 and bottom != 0 else math.nan


def score(results, weights=None, pass_at=75.0, marginal_at=50.0):
    """(score, classification) of a canary. `results` are (classification, groups) pairs.

    A group's score is the share of its metrics that pass, metrics without data left out. Groups
    without a weight share what is left of 100."""
    if any(c.startswith("Critical") for c, _ in results):
        return 0.0, "Fail"
    nodata = sum(c == "Nodata" for c, _ in results)
    if results and nodata * 2 >= len(results):
        return 0.0, "Fail"
    groups = {}
    for classification, names in results:
        for name in names:
            groups.setdefault(name, []).append(classification)
    weights = dict(weights or {})
    loose = [name for name in groups if name not in weights]
    spare = 100.0 - sum(weights.values())
    weights.update({name: spare / len(loose) for name in loose})
    value = sum(weights[name] / 100.0 * group_score(found) for name, found in groups.items())
    return value, "Pass" if value >= pass_at else "Marginal" if value >= marginal_at else "Fail"


def group_score(found):
    counted = [c for c in found if c != "Nodata"]
    return 100.0 * sum(c == "Pass" for c in counted) / len(counted) if counted else 100.0
