"""`trainability sweep sweep.toml --out runs`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import xarray as xr

MANY = 12  # values of an axis; past that it has no table of its own
STOPPED = 2


def sweep(
    file: Path,
    /,
    *,
    out: Path = Path("trainability-sweep"),
    workers: Annotated[int | None, Parameter(help="Processes on this machine; one per core unless told.")] = None,
    chunk: Annotated[int | None, Parameter(help="Runs that are trained by one worker and stored together.")] = None,
    scheduler: Annotated[str | None, Parameter(help="Train on a dask cluster: tcp://HOST:PORT.")] = None,
    parquet: Annotated[bool, Parameter(negative="", help="Also write runs.parquet, one row per run.")] = False,
) -> int:
    """Train every run of a sweep file, store the results, and go on where it was stopped.

    Parameters
    ----------
    file
        A TOML or YAML file with problem, steps and axes.
    out
        Folder of the results: runs.zarr, which xarray opens. The same command again goes on.

    Returns
    -------
    int
        0 when all runs are stored, 2 when it was stopped.
    """
    from trainability.cli.load import load
    from trainability.lab.sweep import Sweep, to_parquet

    errors = Console(stderr=True, highlight=False)
    with errors.status("checking"):
        plan = Sweep.from_file(file, load)
    command = shlex.join(["trainability", *sys.argv[1:]]) if sys.argv else ""
    try:
        with _Bar(errors) as bar:
            found = plan.run(out, workers=workers, chunk=chunk, scheduler=scheduler, progress=bar, command=command)
    except KeyboardInterrupt:
        errors.print(
            f"Stopped by Ctrl-C: {bar.done} of {len(plan.points)} runs are stored. Run the same command to go on.",
            soft_wrap=True,
        )
        return STOPPED
    show(found, Console(highlight=False))
    written = [out / "runs.zarr"]
    if parquet:
        written.append(to_parquet(found, out / "runs.parquet"))
    for path in written:
        errors.print(f"Written: {path}", markup=False, soft_wrap=True)
    return 0


class _Bar:
    """Runs done, runs per second and time left; lines now and then where there is no terminal."""

    def __init__(self, console: Console) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        self.console, self.done, self.first = console, 0, 0
        self.progress = Progress(
            SpinnerColumn(),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("runs"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
            disable=not console.is_terminal,
        )
        self.task = self.progress.add_task("", total=None, rate="")
        self.tenth = -1

    def __enter__(self) -> _Bar:
        from time import monotonic

        self.began = monotonic()
        self.progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.progress.stop()

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` runs are stored."""
        from time import monotonic

        if self.tenth < 0 and done:
            self.console.print(f"{done} of {total} runs were stored before.")
        if self.tenth < 0:
            self.first, self.began = done, monotonic()
            self.progress.reset(self.task, total=total, completed=done)
        self.done = done
        rate = (done - self.first) / max(1e-9, monotonic() - self.began)
        told = f"{rate:,.0f}/s" if done > self.first else ""
        self.progress.update(self.task, completed=done, rate=told)
        if not self.console.is_terminal and 10 * done // total > self.tenth and done > self.first:
            self.console.print(f"{done} of {total} runs, {told}")
        self.tenth = max(10 * done // total, 0)


def show(found: xr.Dataset, console: Console) -> None:
    """Print what became of the runs, in all and for each value of every short axis.

    Args:
        found: the results.
        console: where.
    """
    from trainability.lab.sweep.result import shares

    outcome = found.outcome.values
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, side in (("outcome", "left"), ("runs", "right"), ("share", "right"), ("95% interval", "left")):
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    for word, count, share, low, high in shares(outcome):
        table.add_row(word, f"{count}", f"{share:.1%}", f"{low:.1%} to {high:.1%}")
    console.print(table)
    for dim in found.outcome.dims:
        values = found[dim].values
        if dim == "seed" or not 1 < len(values) <= MANY or dim not in found.coords:
            continue
        console.print()
        each = Table(box=None, pad_edge=False, header_style="bold")
        for name in (str(dim), "trained", "95% interval", "median end loss"):
            each.add_column(name, justify="left" if name == "95% interval" else "right")
        for i, value in enumerate(values):
            part = found.isel({dim: i})
            _, _, share, low, high = shares(part.outcome.values)[0]
            median = float(part.end_loss.median())
            shown = f"{value:.4g}" if values.dtype.kind == "f" else str(value)
            each.add_row(shown, f"{share:.1%}", f"{low:.1%} to {high:.1%}", f"{median:.3g}")
        console.print(each)
