"""Reads the public measurements that the trials are drawn from.

Nothing here is simulated and nobody of this project made it; source.py says whose it is."""

import csv
import datetime
import lzma
import os
import re

import numpy as np

CAPS = ("50", "65", "80", "95", "115")


class Failures:
    """Failures of one system: times in seconds from the first one, and the node of each."""

    def __init__(self, name, nodes, events):
        events = sorted(events)
        self.name, self.nodes = name, nodes
        start = events[0][0]
        self.times = np.array([t - start for t, _ in events])
        self.node = np.array([n for _, n in events])
        self.span = float(self.times[-1])
        self.rate = len(events) / (nodes * self.span)  # failures per node and second


def rows(path, name):
    with lzma.open(os.path.join(path, name), "rt", newline="") as file:
        yield from csv.DictReader(file)


def disks(path):
    """Milliseconds per MB: array [host, trial, offset]; 25 hosts, 5 trials, 500 offsets."""
    cells = {}
    for row in rows(path, "disks-2009.csv.xz"):
        key = (row["host"], int(row["trial"]), int(row["offset"]))
        cells[key] = 1000.0 / float(row["mb_per_s"])
    hosts, trials, offsets = (sorted({key[axis] for key in cells}) for axis in range(3))
    return np.array([[[cells[h, t, o] for o in offsets] for t in trials] for h in hosts])


def cpus(path):
    """Seconds of one fixed job per socket: a dict from power cap (W) to an array over sockets."""
    table = list(rows(path, "cpus-capped.csv.xz"))
    return {cap: np.array([float(row["secs" + cap]) for row in table]) for cap in CAPS}


def lanl(path):
    """System 18: 1,024 nodes over 40 months."""
    events = []
    for row in rows(path, "failures-lanl.csv.xz"):
        if row["system"] == "18":
            at = datetime.datetime.strptime(row["started"], "%m/%d/%Y %H:%M")
            seconds = (at - datetime.datetime(2000, 1, 1)).total_seconds()
            events.append((seconds, int(row["node"])))
    return Failures("lanl-18", 1024, events)


def grid(path):
    """Both clusters; nodes are numbered as they stand in the rack, so neighbours are close."""
    events = {}
    for row in rows(path, "outages-grid5000.csv.xz"):
        number = int(re.search(r"(\d+)$", row["node"]).group(1))
        events.setdefault(row["cluster"], []).append((float(row["start_unix_s"]), number))
    systems = []
    for cluster, list_ in sorted(events.items()):
        order = {number: index for index, number in enumerate(sorted({n for _, n in list_}))}
        list_ = [(at, order[number]) for at, number in list_]
        systems.append(Failures("grid-" + cluster.replace("/", "-"), len(order), list_))
    return systems
