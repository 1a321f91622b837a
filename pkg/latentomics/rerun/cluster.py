"""Where runs are computed: this machine, a running scheduler, or SLURM."""

import logging
import os
import tomllib
from contextlib import contextmanager
from pathlib import Path

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@contextmanager
def open_client(*, workers=None, scheduler=None, slurm=None):
    """Yield a Dask client, and close what was started for it.

    Parameters
    ----------
    workers : int, optional
        Processes on this machine; one per core by default.
    scheduler : str, optional
        Address of a running scheduler, such as ``tcp://10.0.0.5:8786``.
    slurm : path, optional
        A TOML profile: ``jobs`` (how many) and the arguments of
        ``dask_jobqueue.SLURMCluster`` (queue, cores, memory, walltime, ...).

    Raises
    ------
    ValueError
        If more than one of the three is given, or one of them is invalid.
    """
    from dask.distributed import Client

    given = [x for x in (workers, scheduler, slurm) if x is not None]
    if len(given) > 1:
        raise ValueError("give one of --workers, --scheduler and --slurm; got several")
    if scheduler is not None:
        with _connect(scheduler) as client:
            yield client
        return
    cluster = local_cluster(workers) if slurm is None else slurm_cluster(slurm)
    with cluster, Client(cluster) as client:
        yield client


def _connect(address):
    from dask.distributed import Client

    try:
        return Client(address, timeout="10s")
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"no Dask scheduler answers at {address}: {reason}") from None


def local_cluster(workers=None):
    """Start single-threaded worker processes here, one per core by default."""
    from dask.distributed import LocalCluster

    if workers is not None and workers < 1:
        raise ValueError(f"--workers must be at least 1; got {workers}")
    return LocalCluster(
        n_workers=workers or os.cpu_count(),
        threads_per_worker=1,  # a run changes the working directory of its process
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        memory_limit=0,  # the work happens in kernels, which Dask does not see
        env=ONE_THREAD,
        silence_logs=logging.ERROR,  # a worker that is slow to close is no error
    )


def slurm_cluster(profile):
    """Ask SLURM for the jobs that the TOML `profile` describes."""
    settings = read_profile(profile)
    from dask_jobqueue import SLURMCluster

    jobs = settings.pop("jobs")
    prologue = [f"export {name}={value}" for name, value in ONE_THREAD.items()]
    settings["job_script_prologue"] = [
        *prologue,
        *settings.get("job_script_prologue", []),
    ]
    settings.setdefault("scheduler_options", {"dashboard_address": "127.0.0.1:0"})
    cluster = SLURMCluster(**settings)
    cluster.scale(jobs=jobs)
    return cluster


def read_profile(path):
    """Read a SLURM profile and check its required settings."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no SLURM profile {path}")
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(
            f"the SLURM profile {path} is no valid TOML: {error}"
        ) from None
    missing = [key for key in ("jobs", "cores", "memory") if key not in settings]
    if missing:
        raise ValueError(f"the SLURM profile {path} must set {', '.join(missing)}")
    if settings.get("processes", settings["cores"]) != settings["cores"]:
        raise ValueError(f"processes must equal cores in {path}: a run is one thread")
    settings["processes"] = settings["cores"]
    return settings
