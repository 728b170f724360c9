"""T8: cases that people reported against a judge, with what they expected of it.

Values are as reported; each sample stands for one host. Where a report has a picture instead of
numbers (kayenta#744), the numbers are made to have the properties that it states."""

import os

import kayenta
import wavegate
from score import Row, counted

NAN = float("nan")
PASS = {"pass"}
FAIL = {"fail"}
# Too few for a verdict with stated errors: anything but `pass` is right.
NOT_PASS = {"fail", "extend", "inconclusive"}

# (report, what it shows, canary, baseline, kayenta options, verdicts that the reporter accepts)
CASES = [
    ("kayenta#426", "rare errors on the canary only, 6 samples", [0, 1, 2, 1, 0, 0], [0] * 6, {}, NOT_PASS),
    ("kayenta#426", "the same share of errors, 20 hosts against 40", [0, 1, 2, 1, 0, 0] * 3 + [0, 1],
     [0] * 40, {}, FAIL),
    ("kayenta#799", "errors on the canary, no series at all from the baseline", [1, 2, 1, 2, 1], [NAN] * 5,
     {"nan_strategy": "remove"}, NOT_PASS),
    ("kayenta#799", "errors on every canary, zeros from 40 controls", [1, 4, 2, 3, 1], [0] * 40,
     {"nan_strategy": "replace", "allowed": (1.0, 1.1)}, FAIL),
    ("kayenta#780", "another shape: two new clusters against a wide baseline",
     [10, 10.1, 10.2, 10.3, 10.4, 10.5, 10.6, 17, 17.1, 17.2, 17.3, 17.4, 17.5, 17.6, 17.7],
     [1, 100, 4, 101, 5, 102, 6, 103, 7, 104, 8, 105, 9, 106, 17], {}, NOT_PASS),
    ("kayenta#744", "mean 12.5 % up by a quarter of the samples, allowed 10 %",
     ([2.9, 3.0, 3.1] * 5 + [4.45] * 5), [2.9, 3.0, 3.1] * 20, {"allowed": (1.0, 1.1)}, FAIL),
    ("spinnaker#6278", "7 of 10 samples 100 times worse", [100] * 7 + [1] * 3, [1] * 10,
     {"allowed": (1.0, 1.05)}, FAIL),
    ("spinnaker#6278", "8 of 10 samples 100 times worse", [100] * 8 + [1] * 2, [1] * 10,
     {"allowed": (1.0, 1.05)}, FAIL),
]


def spread(values):
    """Reports list samples without an order of arrival: deal them out evenly, as time would."""
    step = next(s for s in (7, 11, 13, 3) if len(values) % s)
    return [values[(i * step) % len(values)] for i in range(len(values))]


def text(canary, baseline):
    """Before the change every host had the baseline's typical value."""
    known = sorted(v for v in baseline if v == v)
    usual = known[len(known) // 2] if known else ""
    def cell(value):
        return "" if value != value else f"{value:g}"
    body = ["class,host,arm,order,before,after"]
    body += [f"c1,ca{i},canary,{i + 1},{usual},{cell(v)}" for i, v in enumerate(spread(canary))]
    body += [f"c1,co{i},control,,{usual},{cell(v)}" for i, v in enumerate(baseline)]
    return "\n".join(body) + "\n"


class Users:
    def run(self, _data, _scale):
        def write(folder):
            for index, case in enumerate(CASES):
                with open(os.path.join(folder, f"u{index:02}.csv"), "w", encoding="ascii") as file:
                    file.write(text(case[2], case[3]))
        answers = wavegate.judge("errors", "lower", write)
        row = Row("T8", "cases reported by users")
        cases, ours, theirs = [], 0, 0
        for (report, shows, canary, baseline, options, accepted), answer in zip(CASES, answers):
            verdict = answer.get("verdict") or "error"
            peer = kayenta.classify(canary, baseline, "increase", **options)
            ours += verdict in accepted
            theirs += peer not in ("Pass", "Nodata")
            cases.append({"report": report, "shows": shows, "accepted": sorted(accepted),
                          "wavegate": verdict, "kayenta": peer, "holds": verdict in accepted})
        row.judges["wavegate"] = counted(ours, len(CASES))
        row.judges["kayenta"] = counted(theirs, len(CASES))
        row.notes["cases"] = cases
        return row


def specs():
    yield Users()
