"""Timing in turns, and how far a stored ratio is reproduced.

Seconds are of processor. Whatever else the machine does slows everyone down: those who
are compared take turns, and each has the median, the least and the most of its repeats.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

REPEATS = 5
FACTOR = 2  # a ratio has come back if it is off by less


def in_turns(ways, repeats=REPEATS):
    """Time callables in turns.

    Returns
    -------
    dict
        Name -> last result, and the columns `seconds`, `seconds_min`, `seconds_max`
        and `repeats` of its row.
    """
    seconds, results = {who: [] for who in ways}, {}
    for _ in range(repeats):
        for who, way in ways.items():
            begin = time.process_time()
            results[who] = way()
            seconds[who].append(time.process_time() - begin)
    return {who: (results[who], columns(seconds[who])) for who in ways}


def in_a_new_process(call):
    """Return what a function of this folder returns in a process of its own, as JSON.

    `call` is written as ``"module.function(1, 2)"``. Memory that others took before
    would hide what this takes; progress goes to the terminal.
    """
    module = call.split(".")[0]
    code = f"import json, {module}; print(json.dumps({call}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        check=True,
        cwd=Path(__file__).parent,
    )
    return json.loads(done.stdout)


def gib(field):
    """Return the memory of this process: VmRSS, now; VmHWM, at most so far.

    Not `ru_maxrss`, which begins at that of the process which started this one.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{field}:")[1].split()[0]) / 2**20


def columns(seconds):
    """Return the columns of a row that tell how long something took."""
    return {
        "seconds": float(np.median(seconds)),
        "seconds_min": min(seconds),
        "seconds_max": max(seconds),
        "repeats": len(seconds),
    }


def ratios(table):
    """Return how many times longer each row took than the first of its task, ours."""
    return table["seconds"] / table.groupby("task")["seconds"].transform("first")


def reproduced(table, stored):
    """Return ratios here and as stored, and whether they differ by less than a factor.

    One row for each rival; whatever was timed alone has no ratio.
    """
    rows = ["task", "who"]
    here = table[rows].assign(here=ratios(table))
    here = here[table.duplicated("task")]
    there = stored[rows].assign(stored=ratios(stored))
    both = here.merge(there, on=rows, how="left")
    off = np.abs(np.log(both["here"] / both["stored"]))
    both["reproduced"] = np.where(off < np.log(FACTOR), "yes", "no")
    return both.assign(reproduced=both["reproduced"].where(off.notna(), "new"))
