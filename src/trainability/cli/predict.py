"""`trainability predict train.py:setup`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from trainability.forecast import Forecast

WIDE = 128
"""Columns that the whole table needs; a narrower terminal gets the four that matter most."""


def predict(
    target: str,
    /,
    *,
    draws: Annotated[int, Parameter(help="Draws of the weights: the present ones and their values permuted.")] = 5,
    out: Annotated[Path | None, Parameter(help="Also write it there: .json, .png, .pdf or .svg.")] = None,
) -> None:
    """Say, before any training, what the initialization does to signal and gradient, and what to change.

    Parameters
    ----------
    target
        FILE.py:FUNCTION, where the function builds and returns a trainability.Setup.
    """
    from trainability import forecast
    from trainability.cli.load import load
    from trainability.errors import TrainabilityError
    from trainability.setup import as_setup

    if draws < 1:
        raise TrainabilityError(f"--draws is {draws}; needed is 1 or more.")
    setup = as_setup(load(target))
    inputs, _ = setup.batches.sample(forecast.MAX_INPUTS)
    errors = Console(stderr=True)
    with errors.status("one forward and one backward pass a draw"):
        found = forecast.predict(setup.model, inputs, draws=draws)
    console = Console(highlight=False)
    show(found, console if console.is_terminal else Console(highlight=False, width=WIDE))
    if out is not None:
        errors.print(f"Written: {found.save(out)}", markup=False, soft_wrap=True)


def show(found: Forecast, console: Console) -> None:
    """Print a forecast as a table.

    Args:
        found: from `predict`.
        console: where.
    """
    for line in found.reading:
        console.print(line, markup=False)
    names = ("operation", "mean square", "correlation", "gradient", "dead", "always on", "theory")
    shown = range(len(names)) if console.width >= WIDE else (0, 1, 3, 4)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for n in shown:
        table.add_column(names[n], justify="right" if 0 < n < 6 else "left", no_wrap=0 < n, overflow="fold")
    for row in found.layers:
        cells = row.cells()
        table.add_row(*(cells[n] for n in shown))
    console.print(table)
    for item in found.advice:
        console.print()
        console.print(f"{item.seen} {item.change} {item.effect}".strip(), markup=False)
        if item.code:
            console.print(f"    {item.code}", markup=False, style="bold", soft_wrap=True)
