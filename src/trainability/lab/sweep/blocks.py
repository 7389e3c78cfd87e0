"""The chunks of a sweep: boxes of its grid, each trained by one worker and stored in files of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil, prod

import numpy as np

from trainability.lab.executor import cores
from trainability.lab.sweep.module import ModuleStructure
from trainability.lab.sweep.structure import Structure
from trainability.lab.sweep.sweep import Sweep

SECONDS = 4.0  # of one chunk on one core: what a kill may lose
LEAST, MOST = 16, 2048  # runs
SMALL = 64  # runs for which structures share a chunk, lest there be a file for every few runs


@dataclass(frozen=True)
class Blocks:
    """A grid cut into boxes of one shape; those at the far ends may be smaller.

    Args:
        shape: of the grid.
        chunk: of a box.

    >>> blocks = Blocks((2, 5), (1, 3))
    >>> len(blocks), blocks.slices(1), blocks.runs(1).tolist()
    (4, (slice(0, 1, None), slice(3, 5, None)), [3, 4])
    """

    shape: tuple[int, ...]
    chunk: tuple[int, ...]

    @property
    def grid(self) -> tuple[int, ...]:
        """Boxes along each dimension."""
        return tuple(ceil(n / c) for n, c in zip(self.shape, self.chunk, strict=True))

    def __len__(self) -> int:
        return prod(self.grid)

    def slices(self, number: int) -> tuple[slice, ...]:
        """Where a box lies."""
        at = np.unravel_index(number, self.grid)
        return tuple(
            slice(int(i) * c, min((int(i) + 1) * c, n)) for i, c, n in zip(at, self.chunk, self.shape, strict=True)
        )

    def size(self, number: int) -> int:
        """Runs in a box."""
        return prod(s.stop - s.start for s in self.slices(number))

    def runs(self, number: int) -> np.ndarray:
        """Places of its runs in the grid, row by row."""
        axes = np.ix_(*(np.arange(s.start, s.stop) for s in self.slices(number)))
        return np.ravel_multi_index(axes, self.shape).ravel()


def chunk_shape(sweep: Sweep, members: int | None = None) -> tuple[int, ...]:
    """A box of about so many runs, whole along the last axes that do not split the sweep into groups.

    Args:
        sweep: to be cut.
        members: runs of a box, from 1; None for about four seconds of work.
    """
    points = sweep.points
    aim = members or default_members(sweep)
    split = [i for i, dim in enumerate(points.dims) if dim in sweep.split]
    free = [i for i in range(len(points.dims)) if i not in split]
    shape, held = [1] * len(points.dims), 1
    for most, dims in ((aim, free), (min(aim, SMALL), split)):
        for i in reversed(dims):
            shape[i] = max(1, min(points.shape[i], most // held))
            held *= shape[i]
            if shape[i] < points.shape[i]:
                break
    return tuple(shape)


def default_members(sweep: Sweep) -> int:
    """Runs of about `SECONDS` of work, and few enough that every core gets some."""
    slowest = max(s.seconds(sweep) for s in largest(sweep))
    shared = ceil(len(sweep.points) / (4 * cores()))
    return int(min(MOST, max(LEAST, min(SECONDS / slowest, shared))))


def largest(sweep: Sweep) -> Iterator[Structure | ModuleStructure]:
    """The widest and deepest structures, of every batch size."""
    first = sweep.structures()[0]
    if not isinstance(first, Structure):
        yield first
        return
    depth, width = max(sweep.choices("depth")), max(sweep.choices("width"))
    for size in sweep.choices("batch_size"):
        yield replace(first, depth=depth, width=width, batch_size=size)
