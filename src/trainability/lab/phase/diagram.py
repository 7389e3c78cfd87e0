"""Phase diagrams of training: the share of runs that succeed over two axes, and its curve over one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from trainability.errors import TrainabilityError, UnknownNameError
from trainability.lab.phase.axes import Axis, AxisError, axis
from trainability.lab.phase.boundary import Dimension, boundary, boundary_length, box_dimension
from trainability.lab.phase.cells import Cells, fitted, named
from trainability.lab.phase.explore import OUTCOMES, Evaluate, Explored, explore
from trainability.lab.phase.predicted import Line, lines

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Mark:
    """A point of a map that has a name.

    Args:
        label: what it is.
        x, y: where, in the map's coordinates.
        kind: "here" for the present point, "target" for one to go to.
    """

    label: str
    x: float
    y: float
    kind: str = "here"


@dataclass(frozen=True, eq=False)
class PhaseDiagram:
    """A map of where training works.

    Arrays are (ny, nx): rows along y, columns along x. A cell that was not trained shows what the trained cell next to it
    showed, with that one's interval; `evaluated` says which were trained, `counts` how many runs each had.

    Args:
        x, y: the axes; y None for a curve over x alone, whose arrays are (1, nx).
        cells: what was found.
        lines: predicted boundaries.
        marks: points with names.
        notes: what a reader has to know.
        name: of the Setup or problem.
        settings: what `explore` was called with, for `zoom`.
        evaluate: makes the runs of further cells.
    """

    x: Axis
    y: Axis | None
    cells: Explored
    lines: tuple[Line, ...] = ()
    notes: tuple[str, ...] = ()
    name: str = ""
    settings: dict[str, Any] = field(default_factory=dict, repr=False)
    evaluate: Evaluate | None = field(default=None, repr=False)
    marks: tuple[Mark, ...] = ()

    @property
    def resolution(self) -> tuple[int, int]:
        """Number of cells (along x, along y)."""
        return len(self.cells.x), len(self.cells.y)

    @property
    def share(self) -> np.ndarray:
        """Share of runs that succeeded."""
        return self.cells.share

    @property
    def low(self) -> np.ndarray:
        """Lower ends of the Wilson intervals."""
        return self.cells.low

    @property
    def high(self) -> np.ndarray:
        """Upper ends of the Wilson intervals."""
        return self.cells.high

    @property
    def counts(self) -> np.ndarray:
        """Runs of each cell; 0 where it was not trained."""
        return self.cells.counts

    @property
    def outcome_shares(self) -> np.ndarray:
        """(ny, nx, 4), share of each of `OUTCOMES`."""
        return self.cells.outcome_shares

    @property
    def evaluated(self) -> np.ndarray:
        """Whether each cell was trained."""
        return self.cells.evaluated

    @property
    def runs(self) -> int:
        """How many runs the map rests on."""
        return self.cells.runs

    @cached_property
    def boundary(self) -> np.ndarray:
        """Cells next to one where training goes the other way."""
        return boundary(self.cells.succeeds)

    @cached_property
    def boundary_length(self) -> float:
        """Length of the boundary of success, where the whole map is 1 by 1."""
        return boundary_length(self.cells.succeeds)

    @cached_property
    def box_dimension(self) -> Dimension:
        """Box-counting dimension of the boundary of success, on the map's own axes."""
        return box_dimension(self.cells.succeeds)

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as named arrays, for `numpy.savez`."""
        found = {
            "x": self.cells.x, "y": self.cells.y, "share": self.share, "low": self.low, "high": self.high,
            "counts": self.counts, "evaluated": self.evaluated, "outcome_shares": self.outcome_shares,
            "codes": self.cells.codes, "outcomes": np.array(OUTCOMES),
            "names": np.array([self.x.name, self.y.name if self.y else ""]),
        }  # fmt: skip
        for i, line in enumerate(self.lines):
            found |= {f"line_{i}_x": line.x, f"line_{i}_y": line.y, f"line_{i}_label": np.array(line.label)}
        return found

    def save(self, path: str | Path) -> Path:
        """Write `arrays` to a .npz file.

        Raises:
            TrainabilityError: another ending, or a place that cannot be written.
        """
        path = Path(path)
        if path.suffix != ".npz":
            raise TrainabilityError(f"given is {str(path)!r}; needed is a file that ends in .npz.")
        try:
            np.savez_compressed(path, **self.arrays())  # type: ignore[arg-type]
        except OSError as error:
            raise TrainabilityError(f"{str(path)!r} cannot be written ({error.strerror}).") from error
        return path

    def zoom(
        self, x: tuple[float, float], y: tuple[float, float] | None = None, *, resolution: int | None = None
    ) -> PhaseDiagram:
        """The part of the map in a window, at this map's resolution or another; no run that is known is made again.

        The window grows to the nearest cells of this map outside it, and its cells are those of this map with others
        evenly between. Predicted lines are kept.

        Args:
            x: (low, high) of the window, inside the map.
            y: the same along y; None for all of it.
            resolution: about how many cells along each axis; None for as many as this map has.

        Returns:
            A new PhaseDiagram.

        Raises:
            AxisError: a window that is empty or outside the map.
            TrainabilityError: the map was read from elsewhere, and cannot make runs.
        """
        if self.evaluate is None:
            raise TrainabilityError("this map cannot make runs: it has no `evaluate`. Make it with phase_diagram.")
        columns = _window(self.x, self.cells.x, x)
        new_x = self.x.between(self.cells.x[columns], resolution or len(self.cells.x))
        rows, new_y = np.arange(1), self.y
        if self.y is not None:
            rows = _window(self.y, self.cells.y, y or (self.y.low, self.y.high))
            new_y = self.y.between(self.cells.y[rows], resolution or len(self.cells.y))
        xs = new_x.values(0)
        ys = new_y.values(0) if new_y else None
        known = np.full((1 if ys is None else len(ys), len(xs), self.cells.codes.shape[-1]), -1, dtype=np.int16)
        at = np.ix_(
            np.zeros(1, dtype=int) if ys is None else np.searchsorted(ys, self.cells.y[rows]),
            np.searchsorted(xs, self.cells.x[columns]),
        )
        known[at] = self.cells.codes[np.ix_(rows, columns)]
        found = explore(self.evaluate, xs, ys, known=known, **self.settings)
        return replace(self, x=new_x, y=new_y, cells=found)


def _window(one: Axis, values: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Places of the cells in a window, with the nearest outside it."""
    low, high = window
    if not low < high or high < values[0] or low > values[-1]:
        raise AxisError(
            f"axis {one.name}: the window {low:g} to {high:g} is empty or outside the map; needed is a part of "
            f"{values[0]:g} to {values[-1]:g}, low end first."
        )
    first = max(int(np.searchsorted(values, low, side="right")) - 1, 0)
    last = min(int(np.searchsorted(values, high, side="left")), len(values) - 1)
    return np.arange(first, last + 1)


def phase_diagram(
    given: object,
    x: object,
    y: object | None = None,
    *,
    resolution: int = 33,
    coarse: int = 9,
    seeds: int = 4,
    most_seeds: int | None = None,
    steps: int | None = None,
    success: Sequence[str] = ("trained",),
    by: str = "success",
    max_runs: int | None = None,
    workers: int | None = None,
    predict: bool = True,
    progress: Progress | None = None,
) -> PhaseDiagram:
    """Map where training works over two axes, training cells only where the answer changes.

    A coarse grid is trained first; then, level by level down to `resolution`, the cells between neighbours that disagree,
    and every cell next to a change. Cells whose Wilson interval contains one half get more seeds, up to `most_seeds`.
    An island of the other outcome that lies between the points of the coarse grid is not seen.

    Args:
        given: a Setup, a function that builds one, or the name of a problem. Parameters of the function may be axes.
        x, y: axes, as "lr=1e-4:1", ("scale", 0.1, 10) or an `Axis`; see `Cells` for the names. Without y the map is a
            curve over x.
        resolution: cells along each axis at the finest level, 2 or more.
        coarse: cells along each axis of the first grid, from 2.
        seeds: runs of each trained cell; the same seeds (weights and data order) in all cells.
        most_seeds: most runs of a cell; None for `seeds`.
        steps: optimizer steps of each run; None for the Setup's budget (along batch_size too: that of the Setup as given).
        success: outcomes that count.
        by: "success": cells disagree by the share of success; "outcome": also by the most frequent outcome.
        max_runs: stop at so many runs; the map then says `cells.complete` False and is coarser than asked.
        workers: processes; None for one per core.
        predict: whether to compute theory's lines.
        progress: called with (level, runs done, runs).

    Returns:
        PhaseDiagram.

    Raises:
        UnknownNameError: an axis, an outcome or a problem that there is not; the message gives the nearest.
        AxisError: an axis that is empty, not finite, through 0 in the logarithm, or that the Setup cannot take.
        ValueError: a number out of range.
        SetupError: the Setup cannot be trained.

    >>> import torch
    >>> from torch import nn
    >>> from trainability.setup import Setup
    >>> net, points = nn.Linear(2, 1, bias=False), torch.eye(2).repeat(4, 1)
    >>> sgd = torch.optim.SGD(net.parameters(), lr=1.0)
    >>> one = Setup(net, nn.MSELoss(), sgd, (points, points[:, :1]), batch_size=None)
    >>> curve = phase_diagram(one, "lr=0.1:10", steps=60, resolution=17, coarse=5, seeds=1, workers=1)
    >>> [round(float(line.x[0]), 3) for line in curve.lines], float(curve.cells.x[curve.cells.succeeds[0]].max()) < 2.0
    ([2.0], True)
    """
    x_axis, y_axis = axis(x), None if y is None else axis(y)
    if resolution < 2:
        raise ValueError(f"resolution: given {resolution}, needed 2 or more.")
    for outcome in success:
        if outcome not in OUTCOMES:
            raise UnknownNameError("outcome", outcome, list(OUTCOMES))
    made, name = named(given)
    x_axis, y_axis = fitted(made, x_axis), y_axis and fitted(made, y_axis)
    stage = _Stage(progress)
    cells = Cells(made, (x_axis,) if y_axis is None else (x_axis, y_axis), steps, workers, stage.done)
    settings: dict[str, Any] = {
        "seeds": seeds, "most_seeds": most_seeds, "coarse": min(coarse, max(resolution, 2)), "by": by,
        "success": tuple(OUTCOMES.index(o) for o in OUTCOMES if o in success), "max_runs": max_runs,
        "began": stage.began,
    }  # fmt: skip
    found = explore(cells, x_axis.values(resolution), None if y_axis is None else y_axis.values(resolution), **settings)
    drawn, notes = lines(cells, min(seeds, 3)) if predict else ((), ())
    if not found.complete:
        notes = (*notes, f"stopped at {max_runs} runs: the map is coarser than {resolution} cells in places.")
    return PhaseDiagram(x_axis, y_axis, found, drawn, notes, cells.base.name or name, settings, cells)


def success_curve(given: object, x: object, **options: Any) -> PhaseDiagram:
    """The share of runs that succeed along one axis: `phase_diagram` without y.

    Args:
        given, x, options: as in `phase_diagram`.

    Returns:
        PhaseDiagram with arrays (1, nx).

    Raises:
        Errors as in `phase_diagram`.

    >>> success_curve("digits-mlp", "lrr=0.1:1")
    Traceback (most recent call last):
    trainability.errors.UnknownNameError: ...
    """
    if "y" in options:
        raise TypeError("success_curve takes one axis; give both to phase_diagram.")
    return phase_diagram(given, x, **options)


class _Stage:
    """Counts the runs of a batch for a progress bar."""

    def __init__(self, progress: Progress | None) -> None:
        self.progress = progress
        self.name, self.count, self.total = "", 0, 0

    def began(self, name: str, runs: int) -> None:
        self.name, self.count, self.total = name, 0, runs
        if self.progress:
            self.progress(name, 0, runs)

    def done(self, runs: int) -> None:
        self.count += runs
        if self.progress:
            self.progress(self.name, self.count, self.total)
