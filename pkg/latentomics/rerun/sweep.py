"""Run many points at once on a Dask client; one failure never stops the others."""

from pathlib import Path

from latentomics.rerun.page import copy_mathjax
from latentomics.rerun.run import Outcome, is_kept, record_failure, run_point

RETRIES = 2  # for lost workers; an error of the notebook itself would only repeat


def sweep(points, out, client, *, cell_timeout):
    """Run `points` into `out` and return one `Outcome` each, in their order.

    Parameters
    ----------
    points : list of Point
    out : path
        Finished runs found there are kept.
    client : dask.distributed.Client
    cell_timeout : int
        Seconds that one cell may take.
    """
    out = Path(out).resolve()
    out.mkdir(parents=True, exist_ok=True)
    points = {point.key: point for point in points}
    for folder in {point.folder for point in points.values()}:
        copy_mathjax(folder, out)
    todo = [point for point in points.values() if not is_kept(point, out)]
    outcomes = {key: Outcome(key, "kept") for key in points}
    for point, future in in_progress(client, run_point, todo, str(out), cell_timeout):
        if future.status == "finished":
            outcomes[point.key] = future.result()
        else:
            reason = f"the worker was lost: {future.exception()}"
            outcomes[point.key] = record_failure(point, out, reason)
    return list(outcomes.values())


def in_progress(client, function, points, *arguments):
    """Submit ``function(point, *arguments)``; yield pairs as they end, with a bar."""
    from dask.distributed import as_completed
    from tqdm import tqdm

    futures = {
        client.submit(function, point, *arguments, pure=False, retries=RETRIES): point
        for point in points
    }
    with tqdm(total=len(futures), unit="notebook", disable=not futures) as bar:
        for future in as_completed(futures):
            yield futures[future], future
            bar.set_postfix_str(futures[future].notebook)
            bar.update()
