"""`trainability reproduce saturated-softmax`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text


def reproduce(
    name: str = "",
    /,
    *,
    smoke: bool = False,
    out: Path = Path("trainability-report"),
    list_: Annotated[bool, Parameter(name="--list")] = False,
) -> int:
    """Run an experiment of the gallery: its figure, and each claim predicted against measured.

    Parameters
    ----------
    name
        Of the experiment; --list shows them.
    smoke
        A small version in a few seconds.
    out
        Folder for the figure.
    list_
        List the experiments.

    Returns
    -------
    int
        0 where every claim holds, 1 where one fails.
    """
    from trainability import gallery
    from trainability.cli.folder import made
    from trainability.cli.progress import Bars
    from trainability.errors import TrainabilityError

    console = Console()
    if list_:
        for known in gallery.ALL:
            console.print(f"{known:28} {gallery.get(known).TITLE}", markup=False, highlight=False, soft_wrap=True)
        return 0
    if not name:
        raise TrainabilityError(f"no experiment is named; needed is one of {', '.join(gallery.ALL)}, or --list.")
    experiment = gallery.get(name)
    folder = made(out)
    with Bars(Console(stderr=True)) as bars:
        result = experiment.run(smoke=smoke, progress=bars)
    table = Table("", "claim", "predicted", "measured", title=experiment.TITLE)
    for claim in result.claims:
        mark = Text("holds", style="green") if claim.holds else Text("FAILS", style="bold red")
        table.add_row(mark, Text(claim.says), Text(claim.predicted), Text(claim.measured))
    console.print(table)
    path = folder / f"{name}.png"
    experiment.figure(result).savefig(path)
    console.print(f"Source: {experiment.SOURCE}", markup=False, soft_wrap=True)
    console.print(f"Written: {path}", markup=False, soft_wrap=True)
    return 0 if result.holds else 1
