"""`trainability check train.py:setup`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

FAILED = 1


def check(
    target: str,
    /,
    *,
    steps: Annotated[
        float | None,
        Parameter(help="First steps to take: a number, or a share of the budget such as 0.1; a tenth of it at most."),
    ] = None,
    strict: Annotated[bool, Parameter(help="Exit with 1 where the verdict is will-not-train.", negative=())] = False,
    out: Annotated[Path | None, Parameter(help="Also write it there, as .json.")] = None,
) -> int:
    """Say, before training, whether a setup will train within its budget, with a calibrated probability.

    Parameters
    ----------
    target
        FILE.py:FUNCTION, where the function builds and returns a trainability.Setup.
    """
    from trainability.cli.load import load
    from trainability.prognosis import preflight, terminal
    from trainability.setup import as_setup

    setup = as_setup(load(target))
    if not setup.name:
        setup = setup.replaced(name=target.rpartition("/")[2], keep_facts=True)
    errors = Console(stderr=True)
    with errors.status("a few forward and backward passes"):
        found = preflight(setup, steps=steps)
    terminal.render(found, Console(highlight=False))
    if out is not None:
        errors.print(f"Written: {found.save(out)}", markup=False, soft_wrap=True)
    return FAILED if strict and found.verdict == "will-not-train" else 0
