"""The commands of ``latentomics``; each is a few lines over the other modules.

Heavy modules are imported inside the commands, so that ``--help`` answers at once.
"""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Rerun the notebooks of Latent Omics with your parameters and data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data = typer.Typer(help="The real files that the notebooks read.", no_args_is_help=True)
app.add_typer(data, name="data")

NotebookName = Annotated[str, typer.Argument(help="Name, as in list, or a path.")]
Assigned = Annotated[list[str], typer.Option("-p", help="name=value; repeat it.")]
Grid = Annotated[
    list[str], typer.Option("--grid", help="name=a,b,c; all combinations.")
]
Workers = Annotated[int | None, typer.Option(help="Processes here; one per core.")]
Scheduler = Annotated[str | None, typer.Option(help="A running one: tcp://host:8786.")]
Slurm = Annotated[Path | None, typer.Option(help="TOML profile of a SLURM cluster.")]
CellTimeout = Annotated[int, typer.Option(help="Seconds that one cell may take.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of run folders.")]
Format = Annotated[str, typer.Option("--format", help="markdown, csv or parquet.")]
File = Annotated[Path | None, typer.Option("--out", help="File to write.")]
Names = Annotated[
    list[str] | None, typer.Argument(help="All of them if none is named.")
]


@app.command("list")
def list_notebooks():
    """List the notebooks, their titles and the real data they read."""
    from latentomics.rerun.notebook import all_notebooks, find_folder

    found = all_notebooks(find_folder())
    rows = [(n.name, n.title, ", ".join(n.datasets)) for n in found]
    _table(["notebook", "title", "data"], rows)


@app.command()
def show(notebook: NotebookName):
    """Show the parameters of a notebook: type, default, meaning."""
    from latentomics.rerun.notebook import open_notebook

    rows = [
        (p.name, p.kind, repr(p.default), p.comment)
        for p in open_notebook(notebook).parameters
    ]
    _table(["parameter", "type", "default", "meaning"], rows)


@app.command()
def run(
    notebook: NotebookName,
    out: Out,
    assigned: Assigned = (),
    grid: Grid = (),
    workers: Workers = None,
    scheduler: Scheduler = None,
    slurm: Slurm = None,
    cell_timeout: CellTimeout = 3600,
):
    """Run a notebook with other parameters; every combination is a folder in --out."""
    from latentomics.rerun.notebook import open_notebook
    from latentomics.rerun.parameters import points
    from latentomics.rerun.point import plan
    from latentomics.rerun.results import collect, to_text

    source = open_notebook(notebook)
    values = points(source.parameters, source.name, assigned, grid)
    planned = [plan(source, changed) for changed in values]
    outcomes = _sweep(planned, out, cell_timeout, workers, scheduler, slurm)
    keys = [outcome.key for outcome in outcomes]
    table = collect(out).set_index("run").loc[keys].reset_index()
    typer.echo(to_text(table.dropna(axis=1, how="all")))  # not other notebooks' columns
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    for outcome in failed:
        typer.echo(f"\n{out / outcome.key}.failed: {outcome.error}", err=True)
    raise typer.Exit(1 if failed else 0)


def _sweep(planned, out, cell_timeout, workers, scheduler, slurm):
    from latentomics.rerun.cluster import open_client
    from latentomics.rerun.run import Outcome, is_kept
    from latentomics.rerun.sweep import sweep

    if all(is_kept(point, out) for point in planned):
        return [Outcome(point.key, "kept") for point in planned]
    with open_client(workers=workers, scheduler=scheduler, slurm=slurm) as client:
        typer.echo(f"dashboard: {client.dashboard_link}", err=True)
        return sweep(planned, out, client, cell_timeout=cell_timeout)


@app.command()
def results(
    runs: Annotated[Path, typer.Argument(help="Folder given to run --out.")],
    form: Format = "markdown",
    out: File = None,
):
    """Collect the parameters and metrics of all runs into one tidy table."""
    from latentomics.rerun.results import collect, save

    typer.echo(save(collect(runs), form, out), nl=False)


@app.command()
def publish(runs: Annotated[list[Path], typer.Argument(help="Finished run folders.")]):
    """Copy the tables of paper-size runs into book/results, with their provenance."""
    from latentomics.rerun.notebook import find_folder, open_notebook
    from latentomics.rerun.publish import notebook_of, publish

    source = open_notebook(notebook_of(runs[0]))
    for path in publish(runs, source, find_folder().parent / "book/results"):
        typer.echo(path)


@app.command()
def restamp(
    table: Annotated[str, typer.Argument(help="Of book/results, as sensing_tables.")],
    out: Out,
    seed: Annotated[int | None, typer.Option(help="Which seed to run again.")] = None,
    assigned: Assigned = (),
    tolerance: Annotated[
        float, typer.Option(help="Largest relative difference; 0 = none.")
    ] = 0.0,
    noisy: Annotated[
        str,
        typer.Option(
            help="column=a,b,c: rows that may differ by a tenth, as long trainings on "
            "another processor do."
        ),
    ] = "",
    cell_timeout: CellTimeout = 3600,
):
    """Rerun a part of a stored table; renew its stamp if the numbers agree.

    Only the cells up to the notebook's last table are run.
    """
    from latentomics.rerun.notebook import find_folder, open_notebook
    from latentomics.rerun.parameters import points
    from latentomics.rerun.point import plan
    from latentomics.rerun.publish import read_stamp
    from latentomics.rerun.restamp import part_of
    from latentomics.rerun.restamp import restamp as compare_and_stamp
    from latentomics.rerun.run import is_whole, run_point
    from latentomics.rerun.source import TablesOnly

    results = find_folder().parent / "book/results"
    stamp = read_stamp(results, table)
    source = TablesOnly(open_notebook(stamp["notebook"]).path)
    given = [*assigned, *([] if seed is None else [f"seed={seed}"])]
    (stated,) = points(source.parameters, source.name, given)
    known = [parameter.name for parameter in source.parameters]
    point = plan(source, part_of(stamp, stated, known))
    if is_whole(out / point.key):
        raise ValueError(
            "out must have no earlier run of this part, or that would be compared; "
            f"got {out / point.key}"
        )
    typer.echo(f"running {source.name} again with {stated}", err=True)
    outcome = run_point(point, out, cell_timeout)
    if outcome.error:
        raise ValueError(f"{out / outcome.key}.failed: {outcome.error}")
    column, _, cells = noisy.partition("=")
    noisy = {column: cells.split(",")} if noisy else None
    folder = out / outcome.key
    for each in compare_and_stamp(
        folder, stamp, results, tolerance=tolerance, noisy=noisy
    ):
        typer.echo(each)


@app.command()
def execute(workers: Workers = None, cell_timeout: CellTimeout = 900):
    """Run every notebook of the book afresh and store its outputs in place."""
    from latentomics.rerun.cluster import open_client
    from latentomics.rerun.execute import execute_all
    from latentomics.rerun.notebook import all_notebooks, find_folder

    found = all_notebooks(find_folder())
    with open_client(workers=workers) as client:
        typer.echo(f"dashboard: {client.dashboard_link}", err=True)
        table = execute_all(found, client, cell_timeout=cell_timeout)
    shown = table.assign(note=table["note"].str.split("\n").str[0])
    _table(list(shown), shown.astype(object).fillna("").to_numpy().tolist())
    failed = table[table["status"] == "failed"]
    for row in failed.itertuples():
        typer.echo(f"\n{row.notebook}: {row.note}", err=True)
    raise typer.Exit(1 if len(failed) else 0)


@app.command()
def sync():
    """Bring the .ipynb of every text notebook up to date, keeping valid outputs."""
    from latentomics.rerun.notebook import all_notebooks, find_folder
    from latentomics.rerun.notebook import sync as sync_one

    for notebook in all_notebooks(find_folder()):
        typer.echo(
            f"{notebook.name}: {'updated' if sync_one(notebook) else 'as it was'}"
        )


@data.command("list")
def list_data():
    """List the data sets, and whether their files are here."""
    from latentomics.data import available, datasets

    rows = [
        (name, "here" if available(name) else "to fetch", what)
        for name, what in datasets()[["name", "what"]].itertuples(index=False)
    ]
    _table(["data set", "files are", "what"], rows)


@data.command("fetch")
def fetch_data(names: Names = None):
    """Find or download the files of the named datasets."""
    from latentomics.data import DataUnavailable, datasets, fetch

    failures = []
    for name in names or datasets()["name"]:
        try:
            typer.echo("\n".join(str(path) for path in fetch(name)))
        except DataUnavailable as error:  # go on: the others may be there
            failures.append(error)
    for error in dict.fromkeys(map(str, failures)):
        typer.echo(f"latentomics: {error}", err=True)
    raise typer.Exit(1 if failures else 0)


@data.command("verify")
def verify_data(names: Names = None):
    """Compare every file that is here with its registered hash; fail if one differs."""
    from latentomics.data import verify

    table = verify(names or None)
    _table(list(table), table.to_numpy().tolist())
    wrong = (table["where"] != "absent") & ~table["ok"].astype(bool)
    raise typer.Exit(1 if wrong.any() else 0)


def _table(headers, rows):
    from tabulate import tabulate

    typer.echo(tabulate(rows, headers=headers, disable_numparse=True))
