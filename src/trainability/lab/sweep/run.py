"""Run a sweep: train what is not stored yet, and store it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from trainability.lab.executor import can_fork, cores
from trainability.lab.sweep import executors
from trainability.lab.sweep.blocks import chunk_shape
from trainability.lab.sweep.errors import StoreError, SweepError
from trainability.lab.sweep.lock import only_writer
from trainability.lab.sweep.result import opened
from trainability.lab.sweep.store import Store, begin, unwritable
from trainability.lab.sweep.sweep import Sweep

if TYPE_CHECKING:
    import xarray as xr

Progress = Callable[[int, int], None]


def run(
    sweep: Sweep,
    out: str | Path | None = None,
    *,
    workers: int | None = None,
    chunk: int | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
    command: str = "",
) -> xr.Dataset:
    """Train all runs of a sweep, or those that a former call with the same folder left.

    Args:
        sweep: to be run.
        out: folder of the results; None keeps them in memory.
        workers: processes on this machine; None for one per core. Never changes a result.
        chunk: runs stored together in a new folder, and trained by one worker; None for a few seconds of work. Never
            changes a result.
        scheduler: address of a dask scheduler whose workers train instead.
        progress: called with (runs stored, all runs).
        command: that this is part of, for the record.

    Returns:
        Dataset, read from the folder when it is looked at; loaded where there is none.

    Raises:
        StoreError: another process writes there, the folder holds another sweep, or it cannot be written.
        WorkerLostError: workers were lost again and again.

    >>> from trainability import Sweep
    >>> found = run(Sweep("abs", {"lr": [0.1, 1e-6], "seed": 2}, steps=300), workers=1)
    >>> found.outcome.dims, found.sizes["step"]
    (('lr', 'seed'), 60)
    """
    for name, value in (("workers", workers), ("chunk", chunk)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise SweepError([(name, f"given {value!r}, needed a whole number from 1.")])
    how = {"workers": workers, "chunk": chunk, "scheduler": scheduler, "progress": progress, "command": command}
    if out is None:
        with tempfile.TemporaryDirectory(prefix="trainability-") as passing:
            return run(sweep, passing, **how).load()  # type: ignore[arg-type]
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with only_writer(folder):
            store = begin(folder, sweep, chunk_shape(sweep, chunk), command)
            _go(sweep, store, workers, scheduler, progress)
    except OSError as error:
        raise StoreError(f"{unwritable(folder, error)} Give a folder that can be written.") from error
    return opened(folder)


def _go(sweep: Sweep, store: Store, workers: int | None, scheduler: str | None, progress: Progress | None) -> None:
    blocks, total = store.blocks, len(sweep.points)
    numbers = [i for i in range(len(blocks)) if i not in store.done]
    count = store.runs_done
    if progress:
        progress(count, total)
    if not numbers:
        return
    workers = min(workers or cores(), len(numbers))
    if scheduler is not None:
        results = executors.distributed(sweep, blocks, numbers, scheduler)
    elif workers > 1 and can_fork():
        results = executors.forked(sweep, blocks, numbers, workers)
    else:
        results = executors.here(sweep, blocks, numbers)
    with closing(results):  # type: ignore[type-var]
        for number, arrays in results:
            store.write(number, arrays)
            count += blocks.size(number)
            if progress:
                progress(count, total)
