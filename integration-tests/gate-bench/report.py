"""The table of docs/reference/gate-bench.md, and the lines that a run prints."""

import os

import peers
import reboots
import source

TITLES = {
    "T1": "No change: paused",
    "T2": "A change put into real data: found",
    "T3": "Real changes: found; common ones: paused",
    "T4": "No change, looked at after every host: ever paused",
    "T5": "Unexpected reboots",
    "T6": "Bursts of outages",
    "T7": "Too little data: passed",
    "T8": "Cases reported by users: answered as they expect",
}
INTRO = """# How well the gate judges

`make gate-bench` writes this page. Every trial is drawn from public measurements of real machines,
and wavegate and its peers judge the same trials. Figures are shares of trials in percent with the
95 % Wilson interval; peers that are slow judge fewer trials, which the width of their interval shows.

wavegate runs by its own command, `wavegate gate judge --alpha 0.01 --looks 3,5,10,20 --batch` and
`wavegate gate reboots --alpha 0.01 --batch`, with nothing set for one data set or another.
"""


def task_of(task):
    """The task (T1 to T8) that a spec belongs to."""
    names = {"Burst": "T6", "Thin": "T7", "Users": "T8"}
    return getattr(task, "task", None) or names[type(task).__name__]


def percent(figure):
    if figure["trials"] == 0:
        return "no trials"
    def number(value):
        return f"{100 * value:.2f}".rstrip("0").rstrip(".") or "0"
    return f"{number(figure['share'])} [{number(figure['low'])}, {number(figure['high'])}]"


def label(row):
    """A row's cell in words."""
    shift = row.get("shift")
    parts = [row["name"]] + ([f"{100 * shift:g} % worse"] if shift else [])
    return ", ".join(parts)


def line(row):
    row = row.as_json()
    figures = "; ".join(f"{name} {percent(f)}" for name, f in row["judges"].items())
    arms = f" {row['canaries']}:{row['controls']}" if row["canaries"] else ""
    return f"{row['task']} {label(row)}{arms}: {figures}"


def table(head, body):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head),
                      *("| " + " | ".join(cells) + " |" for cells in body)])


def bars_table(bars):
    return table(["bar", "bound", "measured %", "trials", ""],
                 [[b["bar"], b["bound"], percent(b), str(b["trials"]), "holds" if b["holds"] else "**missed**"]
                  for b in bars])


def task_table(rows):
    judges = list(dict.fromkeys(name for row in rows for name in row["judges"]))
    arms = any(row["canaries"] for row in rows)
    body = []
    for row in rows:
        cells = [label(row)] + ([f"{row['canaries']} : {row['controls']}"] if arms else [])
        cells += [percent(row["judges"][name]) if name in row["judges"] else "" for name in judges]
        cells.append(decided(row) if "decided_at_host" in row or "decided_at_days" in row else "")
        body.append(cells)
    head = ["trials of"] + (["canaries : controls"] if arms else []) + judges + ["wavegate decides at (median, p90)"]
    if not any(cells[-1] for cells in body):
        head, body = head[:-1], [cells[:-1] for cells in body]
    return table(head, body)


def decided(row):
    if "decided_at_host" in row:
        return "host {:g}, {:g}".format(*row["decided_at_host"])
    return "day {:.2f}, {:.2f}".format(*row["decided_at_days"])


def cases_table(cases):
    return table(["report", "what it shows", "accepted", "wavegate", "kayenta"],
                 [[c["report"], c["shows"], " or ".join(c["accepted"]), c["wavegate"], c["kayenta"]]
                  for c in cases])


def sources():
    text = ["## Data", "", f"Read from the folder that `{source.ENV}` names; not part of this repository.", ""]
    text += [f"- `{name}`: {source}" for name, source in source.FILES.items()]
    text += ["", "Columns: `host,device,trial,offset,mb_per_s`; `socket`, then `fa`, `ns` and `secs` for each cap in",
             "watts (only `secs50` to `secs115` are read); `system,nodes_in_system,node,started,fixed,down_minutes,",
             "cause,detail`; `cluster,node,start_unix_s,stop_unix_s`.", "",
             "- **disks**: two of a disk's five trials are its before and after; offsets stand for time.",
             "- **cpus**: one socket under two power caps. 95 and 115 W do the job in the same time, so a pair of",
             "  them is no change; 80 W costs a real 2.6 %, unequal between sockets, and 65 W 16.5 %. From 65 to",
             "  80 W both arms change alike, with more noise (0.6 %).",
             "- **lanl-18**: 1,024 nodes, 3,997 failures in 40 months. **grid**: two clusters whose outages come",
             "  mostly in bursts."]
    return "\n".join(text)


def judged_by():
    text = ["## Peers", ""]
    text += [f"- **{name}**: {given}" for name, given in {**peers.INPUT, **reboots.INPUT}.items()]
    text += ["", "Only changes for the worse count as a pause, also for peers that flag both directions. Kayenta's",
             "rule is [our port](kayenta.md), checked against what its users reported. Versions of the others are",
             "in `integration-tests/gate-bench/requirements.txt`."]
    return "\n".join(text)


def rollouts(result):
    if not result:
        return "`fleet-sim judge -o json > target/judge.json` before the benchmark puts its figures here."
    return table(["figure", "value"], [[f"`{k}`", f"{v:.4g}" if isinstance(v, float) else str(v)]
                                       for k, v in result.items() if isinstance(v, (int, float, str))])


def run(result):
    """How the figures were made: a reader must know how much of the benchmark ran, and beside what."""
    if not result["rows"]:
        return ""
    trials = sum(row["judges"]["wavegate"]["trials"] for row in result["rows"])
    share = "every trial" if result["share"] == 1 else f"{100 * result['share']:g} % of the trials of each cell, at least 20"
    before, after = result["load"]
    return (f"This run: {share}; {trials} trials judged by wavegate, all peers included in\n"
            f"{result['seconds'] / 60:.0f} min on {result['cores']} cores, two processes; load average {before:.1f} before and "
            f"{after:.1f} at the end.\n")


def write(result, path):
    text = [INTRO, run(result), "## Bars", "", bars_table(result["bars"]) if result["rows"] else "Not run yet.", ""]
    for task, title in TITLES.items():
        rows = [row for row in result["rows"] if row["task"] == task]
        if not rows:
            continue
        text += [f"## {task}. {title}", ""]
        text += [task_table(rows), ""]
        for row in rows:
            if "cases" in row:
                text += [cases_table(row["cases"]), ""]
    text += ["## T9. Whole rollouts", "", rollouts(result["rollouts"]), "", judged_by(), "", sources(), ""]
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(text))
