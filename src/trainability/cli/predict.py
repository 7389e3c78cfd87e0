"""`trainability predict train.py:setup`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console

if TYPE_CHECKING:
    from trainability.forecast import Forecast


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
    show(found, Console(highlight=False))
    if out is not None:
        errors.print(f"Written: {found.save(out)}", markup=False, soft_wrap=True)


def show(found: Forecast, console: Console) -> None:
    """Print a forecast: sentences, table, advice.

    Args:
        found: from `predict`.
        console: where.
    """
    for line in found.reading:
        console.print(line, markup=False, soft_wrap=not console.is_terminal)
    console.print(found.table(console.width if console.is_terminal else None), markup=False, soft_wrap=True)
    for item in found.advice:
        console.print()
        console.print(f"{item.seen} {item.change} {item.effect}".strip(), markup=False)
        if item.code:
            console.print(f"    {item.code}", markup=False, style="bold", soft_wrap=True)
