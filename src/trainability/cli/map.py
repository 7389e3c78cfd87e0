"""`trainability map train.py:setup --x lr=1e-4:1 --y scale=0.1:10`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console

if TYPE_CHECKING:
    from trainability.lab.phase import PhaseDiagram

FORMS = (".png", ".pdf", ".svg", ".html", ".npz")


def map_(
    target: str,
    /,
    *,
    x: Annotated[str, Parameter(help="NAME=LOW:HIGH, with :log or :linear behind it to insist.")],
    y: Annotated[str | None, Parameter(help="The same; without it a curve over x.")] = None,
    resolution: Annotated[int, Parameter(help="Cells along each axis at the finest level.")] = 33,
    coarse: Annotated[int, Parameter(help="Cells along each axis of the first grid.")] = 9,
    seeds: Annotated[int, Parameter(help="Runs of each cell.")] = 4,
    most_seeds: Annotated[int | None, Parameter(help="Most runs of a cell whose interval contains 1/2.")] = None,
    steps: Annotated[int | None, Parameter(help="Steps of each run; the setup's budget if left out.")] = None,
    by: Annotated[
        str, Parameter(help="Follow the border of success, or of every outcome: success or outcome.")
    ] = "success",
    max_runs: Annotated[int | None, Parameter(help="Stop at so many runs.")] = None,
    workers: Annotated[int | None, Parameter(help="Processes; one per core if left out.")] = None,
    theory: Annotated[bool, Parameter(help="Draw the predicted boundary too.")] = True,
    out: Annotated[Path, Parameter(help="Where to write it: .png, .pdf, .svg, .html or .npz.")] = Path("map.png"),
) -> None:
    """Map where training works over one or two axes, training only where the answer changes.

    Axes are lr, scale (a factor on every weight), batch_size, any number of the optimizer, and any parameter of the
    function.

    Parameters
    ----------
    target
        FILE.py:FUNCTION, where the function builds and returns a trainability.Setup; or the name of a problem.
    """
    from trainability.cli.load import load
    from trainability.cli.progress import Bars
    from trainability.errors import TrainabilityError
    from trainability.lab.phase import axis, phase_diagram

    for name, value, least in (
        ("resolution", resolution, 2), ("coarse", coarse, 2), ("seeds", seeds, 1), ("steps", steps, 1),
        ("most-seeds", most_seeds, seeds), ("max-runs", max_runs, 1), ("workers", workers, 1),
    ):  # fmt: skip
        if value is not None and value < least:
            raise TrainabilityError(f"--{name} is {value}; needed is {least} or more.")
    if by not in ("success", "outcome"):
        raise TrainabilityError(f"--by is {by!r}; needed is success or outcome.")
    if out.suffix.lower() not in FORMS:
        raise TrainabilityError(f"--out is {str(out)!r}; needed is a file that ends in {', '.join(FORMS)}.")
    _writable(out)
    axes = axis(x), None if y is None else axis(y)
    given = target if _is_problem(target) else load(target)
    with Bars(Console(stderr=True)) as bars:
        found = phase_diagram(
            given, *axes, resolution=resolution, coarse=coarse, seeds=seeds, most_seeds=most_seeds, steps=steps,
            by=by, max_runs=max_runs, workers=workers, predict=theory, progress=bars,
        )  # fmt: skip
    show(found, Console(highlight=False, soft_wrap=True))
    try:
        write(found, out)
    except OSError as error:
        raise TrainabilityError(f"{str(out)!r} cannot be written ({error.strerror}).") from error
    Console(stderr=True).print(f"Written: {out}", markup=False, soft_wrap=True)


def show(found: PhaseDiagram, console: Console) -> None:
    """Print a map in words.

    Args:
        found: the map.
        console: where.
    """
    across, up = found.resolution
    trained = int(found.evaluated.sum())
    console.print(
        f"{found.runs} runs in {trained} of {across * up} cells ({trained / (across * up):.0%}); "
        f"success in {float(found.cells.succeeds.mean()):.0%} of the map, "
        f"undecided (interval contains 1/2) in {float(found.cells.undecided.mean()):.0%}.",
        markup=False,
    )
    if found.y is None:
        good = found.cells.x[found.cells.succeeds[0]]
        if len(good):
            console.print(
                f"At least half succeed for {found.x.name} from {good[0]:.3g} to {good[-1]:.3g}.", markup=False
            )
    else:
        dimension = found.box_dimension
        said = f", box-counting dimension {dimension.value:.2f}" if dimension.value == dimension.value else ""
        console.print(f"Boundary: {found.boundary_length:.2f} sides of the map long{said}.", markup=False)
    for line in found.lines:
        low, high = float(_least(line.x)), float(-_least(-line.x))
        where = f"{found.x.name} {low:.3g}" + (f" to {high:.3g}" if high > low else "")
        console.print(f"Predicted: {line.label}, {where}.", markup=False)
    for note in found.notes:
        console.print(f"Note: {note}", markup=False)


def write(found: PhaseDiagram, out: Path) -> None:
    """Write a map as a picture, a page or arrays, by the file's ending."""
    from trainability.plots import phase

    kind = out.suffix.lower()
    if kind == ".npz":
        found.save(out.with_suffix(".npz"))
    elif kind == ".html":
        out.write_text(phase.draw_plotly(found).to_html(include_plotlyjs=True), encoding="utf-8")
    else:
        phase.figure(found).savefig(out)


def _least(values: object) -> float:
    import numpy as np

    return float(np.nanmin(np.asarray(values, dtype=float)))


def _is_problem(target: str) -> bool:
    """Whether it looks like a name and not like a file."""
    return not (target.endswith(".py") or ":" in target or "/" in target or Path(target).exists())


def _writable(out: Path) -> None:
    """Refuse a place that cannot be written, before anything is trained for it."""
    from trainability.errors import TrainabilityError

    if out.is_dir() or not out.parent.is_dir():
        raise TrainabilityError(f"--out is {str(out)!r}; needed is a file in a folder that exists.")
    fresh = not out.exists()
    try:
        with out.open("ab"):
            pass
        if fresh:
            out.unlink()
    except OSError as error:
        raise TrainabilityError(f"{str(out)!r} cannot be written ({error.strerror}).") from error
