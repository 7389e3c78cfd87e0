"""Outcomes over a grid of cells, found by training only where something changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import get_args

import numpy as np

from trainability.measures.outcome import Outcome
from trainability.theory.wilson import interval

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
TRAINED = OUTCOMES.index("trained")

Evaluate = Callable[[np.ndarray, np.ndarray, np.ndarray], Sequence[int] | np.ndarray]
"""(x, y, seed), three arrays of one length -> the outcome code of every run."""


@dataclass(frozen=True, eq=False)
class Explored:
    """What is known of a grid of cells.

    A cell that was not trained shows what the trained cell `source` names showed: all trained cells around it agreed.

    Args:
        x: (nx,) values of the columns.
        y: (ny,) values of the rows.
        codes: (ny, nx, seeds), the outcome of each run; -1 for a run that was not made.
        source: (ny, nx), flat index of the trained cell that a cell shows; its own where it was trained.
        success: the codes that count as success.
        thresholds: shares of success, rising; cells on different sides of one disagree.
        by: "success" or "outcome": whether cells whose most frequent outcomes differ disagree too.
        confidence: of the intervals.
        complete: False where `max_runs` ended the exploration first.
    """

    x: np.ndarray
    y: np.ndarray
    codes: np.ndarray
    source: np.ndarray
    success: tuple[int, ...] = (TRAINED,)
    thresholds: tuple[float, ...] = (0.5,)
    by: str = "success"
    confidence: float = 0.95
    complete: bool = True

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return len(self.y), len(self.x)

    @cached_property
    def evaluated(self) -> np.ndarray:
        """(ny, nx) whether the cell was trained."""
        return self.source == np.arange(self.source.size).reshape(self.source.shape)

    @cached_property
    def runs(self) -> int:
        """How many runs are known."""
        return int((self.codes >= 0).sum())

    @cached_property
    def counts(self) -> np.ndarray:
        """(ny, nx) runs of each cell itself; 0 where it was not trained."""
        found: np.ndarray = (self.codes >= 0).sum(-1)
        return found

    def _shown(self, own: np.ndarray) -> np.ndarray:
        """Values of cells (ny, nx, ...) as the cells show them."""
        flat = own.reshape(-1, *own.shape[2:])
        return flat[self.source.ravel()].reshape(own.shape)

    @cached_property
    def share(self) -> np.ndarray:
        """(ny, nx) share of runs that succeeded."""
        return self._shown(_successes(self.codes, self.success) / np.maximum(self.counts, 1))

    @cached_property
    def bounds(self) -> np.ndarray:
        """(ny, nx, 2), Wilson interval of the share, of the trained cell that each cell shows."""
        return self._shown(_intervals(_successes(self.codes, self.success), self.counts, self.confidence))

    @property
    def low(self) -> np.ndarray:
        """(ny, nx), lower ends of the intervals."""
        found: np.ndarray = self.bounds[..., 0]
        return found

    @property
    def high(self) -> np.ndarray:
        """(ny, nx), upper ends of the intervals."""
        found: np.ndarray = self.bounds[..., 1]
        return found

    @cached_property
    def undecided(self) -> np.ndarray:
        """(ny, nx) whether a threshold lies inside the cell's interval."""
        return _straddles(self.bounds, self.thresholds)

    @cached_property
    def outcome_shares(self) -> np.ndarray:
        """(ny, nx, number of outcomes), share of each outcome."""
        return self._shown(_tally(self.codes, _codes(self.codes)) / np.maximum(self.counts, 1)[..., None])

    @cached_property
    def outcome(self) -> np.ndarray:
        """(ny, nx) code of the most frequent outcome; of equals the first."""
        found: np.ndarray = self.outcome_shares.argmax(-1)
        return found

    @cached_property
    def classes(self) -> np.ndarray:
        """(ny, nx) whole numbers that differ where cells disagree."""
        return self._shown(_classes(self.codes, self.success, self.thresholds, self.by))

    @cached_property
    def succeeds(self) -> np.ndarray:
        """(ny, nx) whether at least half of the runs succeeded."""
        return self.share >= 0.5


def explore(
    evaluate: Evaluate,
    x: np.ndarray,
    y: np.ndarray | None = None,
    *,
    seeds: int = 1,
    most_seeds: int | None = None,
    coarse: int | tuple[int, int] = 9,
    success: Sequence[int] = (TRAINED,),
    thresholds: Sequence[float] = (0.5,),
    by: str = "success",
    confidence: float = 0.95,
    known: np.ndarray | None = None,
    max_runs: int | None = None,
    began: Callable[[str, int], None] | None = None,
) -> Explored:
    """Find the outcome of every cell of a grid by evaluating a coarse grid and then only what neighbours disagree about.

    Level by level the lattice of points is halved. A new point whose surrounding points agree takes their outcome; every
    other is evaluated; then every point that was not evaluated and has one of its 8 neighbours in another class is, until
    there is none. So a boundary that the coarse grid has met is followed wherever it leads, and at the last level every
    cell next to a change has been evaluated itself. What lies whole between the points of a level where all agreed
    (an island smaller than the coarse spacing) is not seen.

    Args:
        evaluate: (x, y, seed) -> outcome codes, from 0; called with whole batches. The same arguments must give the same
            outcome.
        x: (nx,) values of the columns.
        y: (ny,) values of the rows; None for a curve over x alone (y is then 0).
        seeds: runs of every evaluated cell, with seeds 0, 1, ...
        most_seeds: cells whose interval contains a threshold are given twice as many runs, again and again, up to so
            many; None for `seeds`.
        coarse: points of the first lattice along each axis, one number or (along x, along y).
        success: codes that count as success.
        thresholds: shares, strictly between 0 and 1; cells on different sides of one disagree.
        by: "success" for shares alone; "outcome": cells whose most frequent outcomes differ disagree too.
        confidence: of the Wilson intervals.
        known: (ny, nx, any number), codes of runs that need not be made again; -1 where not known.
        max_runs: stop evaluating at so many new runs; what is left shows its nearest evaluated neighbour on the lattice.
        began: called with (name of the level, number of runs) before each batch.

    Returns:
        Explored. It depends on the arguments alone, never on the order in which runs are made.

    Raises:
        ValueError: an argument out of range, or `evaluate` gives something else than one code from 0 per run.

    >>> disc = explore(lambda x, y, seed: 3 * (x * x + y * y < 0.5), np.linspace(-1, 1, 65), np.linspace(-1, 1, 65))
    >>> bool((disc.succeeds == (disc.x**2 + disc.y[:, None] ** 2 < 0.5)).all()), int(disc.evaluated.sum()) < 65 * 65 // 3
    (True, True)
    """
    x = np.asarray(x, dtype=float)
    y = np.zeros(1) if y is None else np.asarray(y, dtype=float)
    most = seeds if most_seeds is None else most_seeds
    across, up = coarse if isinstance(coarse, tuple) else (coarse, coarse)
    _check(x, y, seeds, most, across, up, thresholds, by, confidence, max_runs)
    if known is not None and known.shape[:2] != (len(y), len(x)):
        raise ValueError(f"known: given {known.shape}, needed ({len(y)}, {len(x)}, seeds).")
    depth = max(most, 0 if known is None else known.shape[-1])
    codes = np.full((len(y), len(x), depth), -1, dtype=np.int16)
    if known is not None:
        codes[..., : known.shape[-1]] = known
    left = np.inf if max_runs is None else max_runs

    def ask(name: str, cells: np.ndarray) -> None:
        """Make the runs that are missing in these cells (n, 2), more where an interval is too wide."""
        nonlocal left
        wanted = seeds
        while len(cells) and left > 0:
            have = codes[cells[:, 0], cells[:, 1]]
            cell, seed = np.nonzero(have[:, :wanted] < 0)
            if left < len(cell):
                cell, seed = cell[: int(left)], seed[: int(left)]
            if len(cell):
                row, column = cells[cell].T
                if began:
                    began(name, len(cell))
                found = np.asarray(evaluate(x[column], y[row], seed))
                if found.shape != cell.shape or not np.issubdtype(found.dtype, np.integer) or found.min() < 0:
                    raise ValueError(
                        f"evaluate gave {found.dtype} {found.shape} for {len(cell)} runs; needed one whole number from 0 each."
                    )
                codes[row, column, seed] = found
                left -= len(cell)
            if wanted >= most:
                return
            have = codes[cells[:, 0], cells[:, 1]]
            bounds = _intervals(_successes(have, success), (have >= 0).sum(-1), confidence)
            cells = cells[_straddles(bounds, thresholds)]
            wanted = min(2 * wanted, most)

    flat = np.arange(codes.shape[0] * codes.shape[1]).reshape(codes.shape[:2])
    source = np.full(codes.shape[:2], -1, dtype=np.int64)
    before: tuple[np.ndarray, np.ndarray] | None = None
    for rows, columns in _lattices(len(y), len(x), up, across):
        here = np.ix_(rows, columns)
        name = f"{len(columns)} x {len(rows)} cells" if len(y) > 1 else f"{len(columns)} cells"
        shown = source[here]
        if before is None:
            ask(name, _cells(rows, columns, np.ones(shown.shape, dtype=bool)))
        else:
            shown, agreed = _inferred(rows, columns, before, source, codes, success, thresholds, by)
            ask(name, _cells(rows, columns, ~agreed & (codes[here] < 0).all(-1)))
        while True:
            done = (codes[here] >= 0).any(-1)
            shown = np.where(done, flat[here], shown)
            if (shown < 0).all():
                raise ValueError(f"max_runs is {max_runs}; needed at least 1.")
            if (shown < 0).any():
                shown = _filled(shown)
            if left <= 0:
                break
            kinds = _classes(codes.reshape(-1, depth)[shown.ravel()], success, thresholds, by).reshape(shown.shape)
            doubtful = _edges(kinds) & ~done
            if not doubtful.any():
                break
            ask(name, _cells(rows, columns, doubtful))
        source[here] = shown
        before = rows, columns
    source = _nearest(source, codes, success, thresholds, by)
    return Explored(x, y, codes, source, tuple(success), tuple(thresholds), by, confidence, complete=left > 0)


def _check(
    x: np.ndarray, y: np.ndarray, seeds: int, most: int, across: int, up: int, thresholds: Sequence[float], by: str,
    confidence: float, max_runs: int | None,
) -> None:  # fmt: skip
    for name, values in (("x", x), ("y", y)):
        if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
            raise ValueError(f"{name}: given an array of shape {values.shape}, needed finite numbers (n,).")
    if seeds < 1 or most < seeds:
        raise ValueError(f"Got seeds={seeds}, most_seeds={most}; need 1 <= seeds <= most_seeds.")
    if across < 2 or up < 2:
        raise ValueError(f"coarse: given {across} and {up}, needed 2 points or more along each axis.")
    if not thresholds or not all(0 < t < 1 for t in thresholds) or list(thresholds) != sorted(thresholds):
        raise ValueError(f"thresholds: given {list(thresholds)}, needed shares between 0 and 1, rising.")
    if by not in ("success", "outcome"):
        raise ValueError(f"by: given {by!r}, needed 'success' or 'outcome'.")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: given {confidence}, needed a number between 0 and 1, such as 0.95.")
    if max_runs is not None and max_runs < 1:
        raise ValueError(f"max_runs: given {max_runs}, needed 1 or more, or None.")


def _lattices(ny: int, nx: int, up: int, across: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(rows, columns) of each level, each with all of the one before, the last with every cell."""
    rows = np.unique(np.linspace(0, ny - 1, min(up, ny)).round().astype(int))
    columns = np.unique(np.linspace(0, nx - 1, min(across, nx)).round().astype(int))
    yield rows, columns
    while len(rows) < ny or len(columns) < nx:
        rows = np.union1d(rows, (rows[:-1] + rows[1:]) // 2)
        columns = np.union1d(columns, (columns[:-1] + columns[1:]) // 2)
        yield rows, columns


def _cells(rows: np.ndarray, columns: np.ndarray, where: np.ndarray) -> np.ndarray:
    """(n, 2) row and column in the whole grid of the points of a lattice."""
    row, column = np.nonzero(where)
    return np.stack([rows[row], columns[column]], 1)


def _inferred(
    rows: np.ndarray,
    columns: np.ndarray,
    before: tuple[np.ndarray, np.ndarray],
    source: np.ndarray,
    codes: np.ndarray,
    success: Sequence[int],
    thresholds: Sequence[float],
    by: str,
) -> tuple[np.ndarray, np.ndarray]:
    """What each point of a lattice shows by the four points of the last one around it, and whether those agree."""
    ends = []
    for now, then in ((rows, before[0]), (columns, before[1])):
        lower = np.searchsorted(then, now, side="right") - 1
        upper = np.where(then[lower] == now, lower, np.minimum(lower + 1, len(then) - 1))
        ends.append((then[lower], then[upper]))
    around = np.stack([source[np.ix_(r, c)] for r in ends[0] for c in ends[1]])
    kinds = _classes(codes.reshape(-1, codes.shape[-1])[around.ravel()], success, thresholds, by).reshape(around.shape)
    return around[0], (kinds == kinds[0]).all(0)


def _filled(shown: np.ndarray) -> np.ndarray:
    """Points without a source take the nearest one's, along the lattice."""
    from scipy.ndimage import distance_transform_edt

    row, column = distance_transform_edt(shown < 0, return_distances=False, return_indices=True)
    found: np.ndarray = shown[row, column]
    return found


def _nearest(
    source: np.ndarray, codes: np.ndarray, success: Sequence[int], thresholds: Sequence[float], by: str
) -> np.ndarray:
    """Every cell keeps its class and shows the nearest evaluated cell of that class."""
    from scipy.ndimage import distance_transform_edt

    own = np.arange(source.size).reshape(source.shape)
    kinds = _classes(codes.reshape(-1, codes.shape[-1])[source.ravel()], success, thresholds, by).reshape(source.shape)
    found = source.copy()
    for kind in np.unique(kinds):
        far = (kinds != kind) | (source != own)
        row, column = distance_transform_edt(far, return_distances=False, return_indices=True)
        found = np.where(kinds == kind, own[row, column], found)
    return found


def _edges(kinds: np.ndarray) -> np.ndarray:
    """Whether one of the 8 neighbours is of another kind."""
    padded = np.pad(kinds, 1, mode="edge")
    ny, nx = kinds.shape
    differs = np.zeros(kinds.shape, dtype=bool)
    for i in range(3):
        for j in range(3):
            differs |= padded[i : i + ny, j : j + nx] != kinds
    return differs


def _successes(codes: np.ndarray, success: Sequence[int]) -> np.ndarray:
    found: np.ndarray = np.isin(codes, list(success)).sum(-1)
    return found


def _codes(codes: np.ndarray) -> int:
    return max(len(OUTCOMES), int(codes.max(initial=0)) + 1)


def _tally(codes: np.ndarray, count: int) -> np.ndarray:
    """(..., count): how many runs of each outcome."""
    return np.stack([(codes == code).sum(-1) for code in range(count)], -1)


def _classes(codes: np.ndarray, success: Sequence[int], thresholds: Sequence[float], by: str) -> np.ndarray:
    share = _successes(codes, success) / np.maximum((codes >= 0).sum(-1), 1)
    band: np.ndarray = np.searchsorted(np.asarray(thresholds), share, side="right")
    if by == "outcome":
        band = band + (len(thresholds) + 1) * _tally(codes, _codes(codes)).argmax(-1)
    return band


@lru_cache(maxsize=65536)
def _interval(successes: int, n: int, confidence: float) -> tuple[float, float]:
    return interval(successes, n, confidence)


def _intervals(successes: np.ndarray, n: np.ndarray, confidence: float) -> np.ndarray:
    """(..., 2) Wilson intervals."""
    pairs, where = np.unique(np.stack([successes.ravel(), n.ravel()]), axis=1, return_inverse=True)
    ends = np.array([_interval(int(k), int(m), confidence) for k, m in pairs.T]).reshape(-1, 2)
    return ends[where.ravel()].reshape(*successes.shape, 2)


def _straddles(bounds: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    inside = [(bounds[..., 0] < t) & (t < bounds[..., 1]) for t in thresholds]
    return np.any(inside, axis=0)
