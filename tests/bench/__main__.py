"""``make bench``: time everything, print it, and store it with where it was made."""

import platform
from pathlib import Path

import denoise
import multitask
import pandas as pd
import torch

import latentomics

SPEED = Path(__file__).parents[2] / "book" / "results" / "speed.csv"


def main():
    """Run the benchmarks of every part, one thread."""
    torch.set_num_threads(1)
    parts = {"denoise": denoise, "multitask": multitask}
    table = pd.DataFrame(
        [{"part": p, **row} for p, module in parts.items() for row in module.rows()]
    )
    table["device"], table["threads"] = "cpu", torch.get_num_threads()
    table["machine"] = _machine()
    table["version"] = latentomics.__version__
    print(table.to_string(index=False))
    table.round(6).to_csv(SPEED, index=False, lineterminator="\n")


def _machine():
    """Name the processor, as far as the system tells."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
