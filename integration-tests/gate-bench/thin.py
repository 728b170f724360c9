"""T7: trials that are too thin to say `pass`, 10,000 of them. One `pass` is one too many."""

import os

import numpy as np

import cells
import kayenta
import wavegate
from score import Row, counted

DAY = 86400
NAN = float("nan")


def base(data, rng, canaries=10, controls=40):
    """Healthy CPUs as four arrays of host values: canary and control, before and after."""
    cell = cells.cpu_cell(data.cpus, rng, 1, canaries, controls, "95", "115", "115")
    return [cell.canary_before[0].copy(), cell.canary_after[0].copy(),
            cell.control_before[0].copy(), cell.control_after[0].copy()]


def lose(rng, values, least=0.3):
    """Takes away between `least` and all of the values."""
    count = int(np.ceil(rng.uniform(least, 1.0) * len(values)))
    values[rng.choice(len(values), min(count, len(values)), replace=False)] = NAN


def table(arrays, slots=None):
    cb, ca, kb, ka = arrays
    body = [cells.header(slots is not None)]
    first = slots or (0, 0)
    body += cells.lines("canary", cb, ca, slots is not None, first[0])
    body += cells.lines("control", kb, ka, slots is not None, first[1])
    return "\n".join(body) + "\n", ca, ka


def few_canaries(data, rng):
    return table(base(data, rng, rng.integers(1, 3)))


def few_controls(data, rng):
    return table(base(data, rng, 10, rng.integers(0, 5)))


def canaries_missing(data, rng):
    arrays = base(data, rng, rng.integers(3, 21))
    lose(rng, arrays[1])
    return table(arrays)


def controls_missing(data, rng):
    arrays = base(data, rng)
    lose(rng, arrays[3])
    return table(arrays)


def before_missing(data, rng):
    arrays = base(data, rng)
    lose(rng, arrays[rng.choice([0, 2])])
    return table(arrays)


def slotted(data, rng, canaries=5, controls=20, slots=12):
    """Disks with one row per slot."""
    cell = cells.disk_cell(data.disks, rng, 1, canaries, slots, True, "lower")
    return [v[0][:controls].copy() for v in (cell.canary_before, cell.canary_after,
                                              cell.control_before, cell.control_after)]


def stale_controls(data, rng):
    """Controls stopped reporting before the canaries began: no slot in common."""
    return table(slotted(data, rng), (int(rng.integers(12, 500)), 0))


def slots_missing(data, rng):
    """Most slots of each canary have no value after the change."""
    arrays = slotted(data, rng)
    for host in arrays[1]:
        lose(rng, host, 0.7)
    return table(arrays, (0, 0))


def not_numbers(data, rng):
    """NaN and infinities as text, in at least 30 % of the canaries' rows."""
    arrays = base(data, rng)
    lose(rng, arrays[1])
    body, canary, control = table(arrays)
    words = ["NaN", "nan", "inf", "-inf", "null", "NA", "-", "1e999"]
    out = [line + rng.choice(words) if line.endswith(",") else line for line in body.splitlines()]
    return "\n".join(out) + "\n", canary, control


def nothing(data, rng):
    """No bytes, only a header, one arm only, or hosts without any value."""
    cb, ca, kb, ka = base(data, rng)
    none = np.zeros(0)
    choice = rng.integers(0, 5)
    if choice == 0:
        return "", none, none
    if choice == 1:
        return table([none, none, none, none])
    if choice == 2:
        return table([cb, ca, none, none])
    if choice == 3:
        return table([none, none, kb, ka])
    return table([cb * NAN, ca * NAN, kb * NAN, ka * NAN])


def silent(data, rng):
    """Every canary reads zero after the change, as a counter does when nothing reports any more."""
    cb, ca, kb, ka = base(data, rng)
    return table([cb, 0 * ca, kb, ka])


JUDGED = {
    "1 or 2 canaries": (few_canaries, 1500), "0 to 4 controls": (few_controls, 1000),
    "30 to 100 % of canaries without data": (canaries_missing, 1500),
    "30 to 100 % of controls without data": (controls_missing, 1000),
    "30 to 100 % without a before": (before_missing, 500),
    "controls from other slots": (stale_controls, 500), "70 to 100 % of slots missing": (slots_missing, 500),
    "NaN and infinities": (not_numbers, 1000), "empty": (nothing, 300), "canaries read zero": (silent, 200),
}


def reboot_log(hosts, ends=True):
    """(host, arm, exposure) entries without a reboot."""
    body = ["time_s,host,arm,event"]
    body += [f"0,{host},{arm},start" for host, arm, _ in hosts]
    if ends:
        body += [f"{exposure:.0f},{host},{arm},end" for host, arm, exposure in hosts]
    return "\n".join(body) + "\n"


def fleet(canaries, controls, exposure):
    return ([(f"a{n}", "canary", exposure) for n in range(canaries)]
            + [(f"o{n}", "control", exposure) for n in range(controls)])


def short_window(rng):
    return reboot_log(fleet(rng.integers(1, 11), 200, rng.uniform(0, 600)))


def one_or_two(rng):
    return reboot_log(fleet(rng.integers(1, 3), rng.integers(0, 200), rng.uniform(0, DAY)))


def one_arm(rng):
    return reboot_log(fleet(*((0, 200) if rng.random() < 0.5 else (10, 0)), DAY))


def cut_off(rng):
    """Nobody knows how long the hosts were watched: no `end`."""
    return reboot_log(fleet(rng.integers(1, 11), 200, DAY), ends=False)


def no_hosts(rng):
    return reboot_log([]) if rng.random() < 0.5 else ""


REBOOTS = {
    "reboots: window under 10 minutes": (short_window, 600), "reboots: 1 or 2 canaries": (one_or_two, 600),
    "reboots: one arm only": (one_arm, 300), "reboots: no end": (cut_off, 300),
    "reboots: empty": (no_hosts, 200),
}


def put(folder, texts):
    for index, text in enumerate(texts):
        with open(os.path.join(folder, f"t{index:06}.csv"), "w", encoding="utf-8") as file:
            file.write(text)


class Thin:
    """One kind of thin trial."""

    def __init__(self, name, make, trials, reboots):
        self.name, self.make, self.trials, self.reboots = name, make, trials, reboots

    def run(self, data, scale):
        rng = cells.generator("T7", self.name)
        trials = max(10, int(self.trials * scale))
        row = Row("T7", self.name)
        if self.reboots:
            texts = [self.make(rng) for _ in range(trials)]
            answers = wavegate.reboots(lambda folder: put(folder, texts))
        else:
            made = [self.make(data, rng) for _ in range(trials)]
            metric = "read_ms_per_mb" if "slots" in self.name else "job_seconds"
            answers = wavegate.judge(metric, "lower", lambda folder: put(folder, [t for t, _, _ in made]))
            passed = sum(kayenta.classify(np.ravel(canary), np.ravel(control), "increase") == "Pass"
                         for _, canary, control in made)
            row.judges["kayenta"] = counted(passed, trials)
        found = wavegate.verdicts(answers)
        row.judges["wavegate"] = counted(found.get("pass", 0), trials)
        row.judges["wavegate"]["verdicts"] = found
        return row


def specs():
    for reboots, kinds in ((False, JUDGED), (True, REBOOTS)):
        for name, (make, trials) in kinds.items():
            yield Thin(name, make, trials, reboots)
