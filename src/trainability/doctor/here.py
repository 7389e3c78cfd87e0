"""You are here: where this Setup stands on the map of its own success, and the nearest place that is safe."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from trainability.doctor.finding import Finding
from trainability.doctor.rules._rule import fmt
from trainability.doctor.verification import Share
from trainability.lab.phase import Axis, AxisError, Mark, PhaseDiagram, phase_diagram
from trainability.setup import Setup
from trainability.setup.batches import TensorBatches

Progress = Callable[[str, int, int], None]

SECONDS = 15.0  # about what a map may take
COARSE = 5  # cells along each side of the first grid; fewer show nothing
SEEDS = 4  # the fewest of which all can succeed with a 95% interval above one half
TRIED = 4  # places near by that are trained before the search for a safe one is given up
LR_STEP, STEP = math.sqrt(10), 10**0.25  # between cells: half a decade of lr, a quarter of a decade of anything else
REACH = 6  # cells of the other axis on each side: a decade and a half
DEEPEST = 10  # cells of lr on one side at most: five decades
NAMES = {
    "scale": "initial weights",
    "input_scale": "inputs",
    "batch_size": "batch size",
    "weight_decay": "weight decay",
}


@dataclass(frozen=True, eq=False)
class Here:
    """The map around a Setup.

    Args:
        diagram: share of success over lr and a second axis, with the stable lr drawn where it is known.
        at: (lr, second) of the Setup as it is.
        share: of the runs there.
        nearest: (lr, second) of the nearest cell in which every run trained, amid others that did; None where there is none.
        nearest_share: of the runs there.
        says: the same in a sentence.
    """

    diagram: PhaseDiagram
    at: tuple[float, float]
    share: Share
    nearest: tuple[float, float] | None
    nearest_share: Share | None
    says: str


def second_axis(setup: Setup, findings: Sequence[Finding]) -> str:
    """What is varied beside lr: the quantity that the first finding is about, or the scale of the initial weights.

    Args:
        setup: of the map.
        findings: the strongest first.

    Returns:
        "scale", "input_scale", "batch_size" or "weight_decay"; "" where the model has no weights to scale.
    """
    cause = findings[0].cause if findings else ""
    tensors = isinstance(setup.batches, TensorBatches) and isinstance(setup.data, (tuple, list))
    if cause in ("unscaled-inputs", "raw-pixel-range") and tensors and setup.data[0].is_floating_point():
        return "input_scale"
    if cause == "batch-too-small-for-lr" and tensors:
        return "batch_size"
    decay = max((float(g.get("weight_decay", 0.0)) for g in setup.optimizer.param_groups), default=0.0)
    if cause == "regulariser-dominates" and decay > 0:
        return "weight_decay"
    return "scale" if any(p.ndim >= 2 for p in setup.model.parameters()) else ""


def locate(
    setup: Setup,
    findings: Sequence[Finding],
    *,
    stable_lr: float = math.nan,
    steps: int | None = None,
    run_seconds: float = 0.0,
    lanes: int = 1,
    max_seconds: float | None = SECONDS,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Here | str:
    """Train the Setup around where it stands and find the nearest place where it trains.

    Args:
        setup: stays as it is.
        findings: of it, the strongest first; they decide the second axis.
        stable_lr: the largest stable lr, which the map then contains; nan where it is not known.
        steps: optimizer steps of each run; None for the Setup's budget.
        run_seconds: about how long one run takes; lanes: how many run at once.
        max_seconds: about how long the map may take; None for as long as it takes.
        workers: processes; None for one per core.
        progress: called with (level, runs done, runs).

    Returns:
        Here, or why there is no map.

    >>> from trainability.problems import get
    >>> found = locate(get("abs-regression")(0), (), steps=100, workers=1, max_seconds=2.0, run_seconds=0.02)
    >>> found.at == (0.1, 1.0), found.diagram.y.name
    (True, 'scale')
    """
    lr = max((float(g.get("lr", math.nan)) for g in setup.optimizer.param_groups), default=math.nan)
    if not math.isfinite(lr) or "lr" not in setup.optimizer.param_groups[0]:
        return f"No map: {type(setup.optimizer).__name__} has no learning rate to vary."
    name = second_axis(setup, findings)
    if not name:
        return "No map: the model has no weights with two dimensions or more to scale."
    runs = math.inf if max_seconds is None else max_seconds * lanes / max(run_seconds, 1e-6)
    seeds = int(min(SEEDS, runs // COARSE**2))
    if seeds < 1:
        return f"No map: one run takes {fmt(run_seconds)} s, and a map needs at least {COARSE**2}."
    first = float(setup.optimizer.param_groups[0]["lr"])
    centre = first if first > 0 else 1e-2
    x = _lr_axis(centre, stable_lr)
    given, y, present = _other_axis(setup, name)
    try:
        diagram = phase_diagram(
            given, x, y, resolution=max(len(x.given), len(y.given)), coarse=COARSE, seeds=seeds, steps=steps,
            max_runs=None if math.isinf(runs) else int(runs), workers=workers, progress=progress,
        )  # fmt: skip
    except AxisError as error:
        return f"No map: {error}"
    return _read(diagram, (first, present), name)


def _lr_axis(centre: float, stable_lr: float) -> Axis:
    """Half decades around the present lr, two decades each way and past the stable lr."""
    below = above = 4
    if stable_lr > 0 and math.isfinite(stable_lr):
        apart = math.log(stable_lr / centre) / math.log(LR_STEP)
        above = min(max(above, math.ceil(apart) + 2), DEEPEST)
        below = min(max(below, math.ceil(-apart) + 4), DEEPEST)
    return _around("lr", centre, LR_STEP, below, above)


def _around(name: str, centre: float, step: float, below: int, above: int) -> Axis:
    values = tuple(centre * step**i for i in range(-below, above + 1))
    values = (*values[:below], centre, *values[below + 1 :])  # the present point itself, to the last bit
    return Axis(name, values[0], values[-1], log=True, given=values)


def _other_axis(setup: Setup, name: str) -> tuple[Setup | Callable[..., Setup], Axis, float]:
    """(what `phase_diagram` is given, the axis, where the Setup stands on it)."""
    if name == "weight_decay":
        present = float(setup.optimizer.param_groups[0]["weight_decay"]) or 1e-2
        return setup, _around(name, present, LR_STEP, 2 * REACH, 2), present
    if name == "batch_size":
        X, present = setup.data[0], setup.batches.batch_size
        sizes = {present, *(min(max(round(present * 2**i), 1), len(X)) for i in range(-3, 8))}
        values = tuple(float(s) for s in sorted(sizes))
        return setup, Axis(name, values[0], values[-1], log=True, whole=True, given=values), float(present)
    if name == "input_scale":

        def build(input_scale: float = 1.0) -> Setup:
            def scaled(one: Setup) -> Setup:
                x, y = one.data
                held: Tensor | None = None if one.validation is None else one.validation[0]
                validation = one.validation if held is None else (held * input_scale, one.validation[1])
                return one.replaced(data=(x * input_scale, y), validation=validation, keep_facts=True)

            return scaled(setup).replaced(origin=lambda seed: scaled(setup.seeded(seed)), keep_facts=True)

        return build, _around(name, 1.0, LR_STEP, REACH, 2), 1.0
    return setup, _around(name, 1.0, STEP, REACH, REACH), 1.0


def _read(diagram: PhaseDiagram, at: tuple[float, float], name: str) -> Here:
    """The present point, the nearest safe one, and both in words."""
    cells = diagram.cells
    row = int(np.abs(np.log(cells.y / at[1])).argmin())
    known = at[0] > 0
    column = int(np.abs(np.log(cells.x / at[0])).argmin()) if known else 0
    share = _share(diagram, row, column) if known else Share(0, 0)
    nearest, there = _nearest(diagram, row, column)
    marks = [Mark("you are here", at[0], at[1], "here")] if known else []
    if nearest is not None and nearest != at:
        marks.append(Mark("nearest safe place", *nearest, "target"))
    says = _says(at, share, nearest, there, name, known, int(diagram.runs))
    return Here(replace(diagram, marks=tuple(marks)), at, share, nearest, there, says)


def _share(diagram: PhaseDiagram, row: int, column: int) -> Share:
    """Successes of a cell, or of the trained one that it shows."""
    source = int(diagram.cells.source[row, column])
    n = int(diagram.counts.ravel()[source])
    return Share(round(float(diagram.share[row, column]) * n), n)


def _nearest(diagram: PhaseDiagram, row: int, column: int) -> tuple[tuple[float, float] | None, Share | None]:
    """The nearest cell, in cells, where every run trains: first among those with no failure beside them.

    A cell that only shows what its neighbours did is trained before it is named.
    """
    cells = diagram.cells
    full = diagram.share >= 1
    rows, columns = np.nonzero(full)
    inner = np.array([_surrounded(diagram.share, r, c) for r, c in zip(rows.tolist(), columns.tolist(), strict=True)])
    order = np.lexsort((np.hypot(rows - row, columns - column), ~inner.astype(bool)))
    seeds = int(diagram.counts.max())
    for i in order[:TRIED].tolist():
        r, c = int(rows[i]), int(columns[i])
        at, share = (float(cells.x[c]), float(cells.y[r])), _share(diagram, r, c)
        if not cells.evaluated[r, c]:
            assert diagram.evaluate is not None
            codes = diagram.evaluate(np.full(seeds, at[0]), np.full(seeds, at[1]), np.arange(seeds))
            share = Share(int(np.isin(codes, cells.success).sum()), seeds)
        if share.successes == share.n:
            return at, share
    return None, None


def _surrounded(share: np.ndarray, row: int, column: int) -> bool:
    around = share[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
    return bool((around >= 1).all())


def _says(
    at: tuple[float, float], share: Share, nearest: tuple[float, float] | None, there: Share | None, name: str, known: bool,
    runs: int,
) -> str:  # fmt: skip
    what = NAMES[name]
    here = f"lr {fmt(at[0])}" + ("" if name in ("scale", "input_scale") else f" and {what} {fmt(at[1])}")
    lead = (
        f"Here ({here}) {share} trained. " if known else f"At lr {fmt(at[0])} nothing moves; it lies left of the map. "
    )
    if nearest is None or there is None:
        return (
            f"{lead}Nowhere among {runs} runs over lr and {what} did every seed train: the way out is not on this map."
        )
    if nearest == at:
        return f"{lead}No cell around this one fails."
    moves = []
    if nearest[0] != at[0]:
        moves.append(f"lr {fmt(nearest[0])}")
    if nearest[1] != at[1]:
        factor = name in ("scale", "input_scale")
        moves.append(f"{what} times {fmt(nearest[1])}" if factor else f"{what} {fmt(nearest[1])}")
    return f"{lead}The nearest place amid cells where every run trains: {' and '.join(moves)}, {there}."
