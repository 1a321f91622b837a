"""``make bench``: time everything, print it, and store it with where it was made.

``python tests/bench multitask`` times one part, and keeps what is stored of the others.
It ends with how many times longer than ours each rival took, here and as stored, and
whether the two agree within a factor of two.
"""

import platform
import sys
from pathlib import Path

import denoise
import multitask
import pandas as pd
import sensing
import signatures
import torch
from timing import reproduced

import latentomics

SPEED = Path(__file__).parents[2] / "book" / "results" / "speed.csv"


PARTS = {
    "denoise": denoise,
    "multitask": multitask,
    "signatures": signatures,
    "sensing": sensing,
}


def main(names):
    """Run the benchmarks of the parts named, or of all, on one thread."""
    torch.set_num_threads(1)
    names = names or list(PARTS)
    rows = []
    for name in names:
        for row in PARTS[name].rows():
            rows.append({"part": name, **row})
            print(name, "|", row["task"], "|", row["who"], "|", f"{row['seconds']:.4g}")
    table = pd.DataFrame(rows)
    table["device"], table["threads"] = "cpu", torch.get_num_threads()
    table["machine"] = _machine()
    table["version"] = latentomics.__version__
    if SPEED.is_file():
        stored = pd.read_csv(SPEED)
        print(reproduced(table, stored).round(3).to_string(index=False))
        table = pd.concat([stored[~stored["part"].isin(names)], table])
    for column in ("iterations", "repeats"):
        table[column] = table[column].astype("Int64")
    table = table.sort_values("part", kind="stable")
    table.to_csv(SPEED, index=False, lineterminator="\n", float_format="%.6g")


def _machine():
    """Name the processor, as far as the system tells."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main(sys.argv[1:])
