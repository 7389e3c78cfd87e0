"""`trainability sharpness train.py:setup`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from trainability.curvature.report import Report

WIDE = 128


def sharpness(
    target: str,
    /,
    *,
    sample: Annotated[int, Parameter(help="Samples of the loss, the same ones throughout; 0 takes all.")] = 1024,
    steps: Annotated[int, Parameter(help="Steps of each training that checks the limit; 0 leaves that out.")] = 40,
    seeds: Annotated[int, Parameter(help="Seeds of the learning-rate range test; 0 leaves it out.")] = 3,
    top: Annotated[int, Parameter(help="How many of the largest eigenvalues.")] = 1,
    out: Annotated[Path | None, Parameter(help="Also write it there: .json, .png, .pdf or .svg.")] = None,
) -> None:
    """Say how sharply the loss curves at the start, which learning rate that allows, and test that by training.

    Parameters
    ----------
    target
        FILE.py:FUNCTION, where the function builds and returns a trainability.Setup.
    """
    from trainability import curvature
    from trainability.cli.load import load
    from trainability.curvature.report import FORMS, Report
    from trainability.errors import TrainabilityError
    from trainability.setup import as_setup

    for name, value, least in (("sample", sample, 0), ("steps", steps, 0), ("seeds", seeds, 0), ("top", top, 1)):
        if value < least:
            raise TrainabilityError(f"--{name} is {value}; needed is {least} or more.")
    if out is not None and out.suffix.lower() not in FORMS:
        raise TrainabilityError(f"--out is {str(out)!r}; needed is a file that ends in {', '.join(FORMS)}.")
    setup = as_setup(load(target))
    errors = Console(stderr=True)
    try:
        with errors.status("products with the Hessian"):
            point = curvature.at(setup, sample=sample or None)
            found = curvature.measure_at(point, largest=top, with_density=out is not None and out.suffix != ".json")
        with errors.status("training just below and just above the limit"):
            check = curvature.self_check(point, found, steps=steps) if steps else None
        with errors.status("range test"):
            ranges = curvature.range_test(point, seeds=seeds) if seeds else None
    except RuntimeError as error:
        if not any(word in str(error) for word in ("derivative", "differentia")):
            raise
        raise TrainabilityError(
            f"the loss cannot be differentiated twice: {error} Use operations that have a second derivative."
        ) from error
    report = Report(found, check, ranges)
    console = Console(highlight=False)
    show(report, console if console.is_terminal else Console(highlight=False, width=WIDE))
    if out is not None:
        errors.print(f"Written: {report.save(out)}", markup=False, soft_wrap=True)


def show(report: Report, console: Console) -> None:
    """Print a report as tables.

    Args:
        report: what was found.
        console: where.
    """
    console.print(report.head, markup=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, name in enumerate(("Hessian of the loss", "value", "how sure")):
        table.add_column(name, justify="right" if i == 1 else "left")
    for row in report.rows():
        table.add_row(*row)
    console.print(table)
    if report.limit:
        console.print(report.limit, markup=False, style="bold")
    if report.check is not None:
        console.print()
        trials = Table(box=None, pad_edge=False, header_style="bold")
        for i, name in enumerate(
            ("tried", "lr", "growth per step, quadratic", f"the true loss, {report.check.steps} steps on those samples")
        ):
            trials.add_column(name, justify="right" if i in (1, 2) else "left")
        for cells in report.trials():
            trials.add_row(*cells)
        console.print(trials)
        if not report.check.holds_on_the_quadratic:
            console.print("The limit does not hold on the quadratic model: do not trust it.", style="bold red")
    if report.ranges is not None:
        console.print()
        console.print(f"Range test: {report.ranges.says}", markup=False)
    for note in report.found.notes:
        console.print(f"Note: {note}", markup=False)
