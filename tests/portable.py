"""Stored outputs and reference tests under arithmetic other than this machine's own.

    python tests/portable.py [CHAPTER ...] [--variant NAME ...]

A variant changes how sums are ordered, as another processor would. Each first proves
with a canary that it changes bits here; one that does not is named and left out.
"""

import argparse
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from numpy._core import _multiarray_umath as umath

ROOT = Path(__file__).parents[1]
# types of OpenBLAS, best for a combined variant first, and what the processor must have
KERNELS = {
    "Sandybridge": {"avx"},
    "Nehalem": {"sse4_2"},
    "Prescott": {"pni"},
    "Haswell": {"avx2", "fma"},
    "SkylakeX": {"avx512f", "avx512bw", "avx512dq", "avx512vl"},
}
ALWAYS = {"31", "36"}  # many fits, many near ties
ROOMS = (
    "linalg solvers metrics denoise multitask signatures sensing studies "
    "test_contract.py"
)
PLUGIN = "-p nbval_gate -p no:cacheprovider --nbval --nbval-current-env"
SANITIZE = "--nbval-sanitize-with tests/sanitize.cfg --nbval-cell-timeout 1800"
CANARY = """
import hashlib, json, numpy as np, scipy.linalg, torch
A = np.random.default_rng(0).normal(size=(400, 300))
T = torch.from_numpy(A)
found = {
    "blas": [A.T @ A, *np.linalg.svd(A), np.linalg.solve(A.T @ A, A[0, :300])],
    "numpy": [np.exp(A), np.tanh(A)],
    "ties": [np.argsort(A.round(), axis=None, kind="quicksort")],
    "scipy": [*scipy.linalg.qr(A), scipy.linalg.eigh(A.T @ A)[0]],
    "torch": [(T.T @ T).numpy(), torch.linalg.svd(T)[1].numpy(), T.exp().sum().numpy()],
}
digest = lambda arrays: hashlib.sha256(b"".join(a.tobytes() for a in arrays))
print(json.dumps({name: digest(arrays).hexdigest() for name, arrays in found.items()}))
"""


def variants():
    """Return name -> environment of the variants that this processor can run."""
    cpu = Path("/proc/cpuinfo")
    flags = set(cpu.read_text().split()) if cpu.exists() else set()
    able = [name for name, needs in KERNELS.items() if needs <= flags]
    found = {name: {"OPENBLAS_CORETYPE": name} for name in able}
    if simd():
        found["simd"] = {"NPY_DISABLE_CPU_FEATURES": " ".join(simd())}
    found["mkl"] = {"MKL_CBWR": "COMPATIBLE"}
    found["threads"] = {"OMP_NUM_THREADS": "2"}
    together = found["mkl"] | found.get("simd", {}) | (found[able[0]] if able else {})
    return {"combined": together} | found


def simd():
    """List the instructions for which NumPy has loops of its own that run here."""
    return [f for f in umath.__cpu_dispatch__ if umath.__cpu_features__.get(f)]


@cache
def digests(**changes):
    """Return what the canary sings in this environment with `changes`."""
    env = os.environ | {"OMP_NUM_THREADS": "1"} | changes
    done = subprocess.run(
        [sys.executable, "-c", CANARY], env=env, check=True, capture_output=True
    )
    return json.loads(done.stdout)


def changed_by(env):
    """List the libraries whose bits the environment changes."""
    here, there = digests(), digests(**env)
    return [name for name in here if here[name] != there[name]]


def git(*words):
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.split()


def changed_chapters():
    """List the chapters that a change can reach: all (an empty list) if code changed.

    Against the branch point if this is a branch, otherwise a commit a day old.
    """
    head, base = git("rev-parse", "HEAD"), git("merge-base", "HEAD", "origin/main")
    if not base or base == head:
        base = git("rev-list", "-1", "--before=1.day", "HEAD")
    files = [Path(file) for file in git("diff", "--name-only", *base)] if base else []
    if not base or any(f.parts[0] in ("pkg", "constraints.txt") for f in files):
        return []
    notebooks = {f.name[:2] for f in files if f.parts[0] == "notebooks"}
    tables = [f.name for f in files if f.match("book/results/*.csv")]
    for page in ROOT.glob("notebooks/*.md"):
        text = page.read_text(encoding="utf-8")
        notebooks |= (
            {page.name[:2]} if any(table in text for table in tables) else set()
        )
    return sorted(ALWAYS | {c for c in notebooks if chapter(c)})


def chapter(number):
    """Return the path of a notebook, or None if there is none of this number."""
    return next(ROOT.glob(f"notebooks/{number}-*.ipynb"), None)


def commands(chapters):
    """Return the pytest command lines of the chapters; with none, of everything."""
    run = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadscope"]
    pages = [chapter(c) or c for c in chapters]
    books = [*run, *PLUGIN.split(), *SANITIZE.split(), *(pages or ["notebooks"])]
    return (
        [books] if chapters else [books, [*run, *(f"tests/{r}" for r in ROOMS.split())]]
    )


def main():
    """Run what was asked for under every variant; return how many runs failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("chapters", nargs="*", help="31 36, or changed; default all")
    parser.add_argument("--variant", action="append", choices=variants())
    asked = parser.parse_args()
    chapters = changed_chapters() if "changed" in asked.chapters else asked.chapters
    failed, alive = [], False
    for name in asked.variant or variants():
        env = variants()[name]
        libraries = changed_by(env)
        print(f"== {name} {env}: changes bits of {libraries or 'nothing'}", flush=True)
        alive |= bool(libraries)
        for words in commands(chapters) if libraries else ():
            path = {"PYTHONPATH": f"tests/notebooks:{os.environ.get('PYTHONPATH', '')}"}
            given = os.environ | {"OMP_NUM_THREADS": "1"} | path | env
            code = subprocess.run(words, cwd=ROOT, env=given).returncode
            failed += [name] * (code != 0)  # negative: killed, as by a wrong kernel
    if not alive:
        print("no variant changes bits on this machine, so nothing was tested")
    print(f"failed under {', '.join(failed)}" if failed else "no run failed")
    return len(failed) or not alive


if __name__ == "__main__":
    sys.exit(main())
