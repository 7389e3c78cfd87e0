"""Results as labelled arrays and as tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trainability.lab.ensemble import OUTCOMES
from trainability.lab.sweep.errors import StoreError, SweepError
from trainability.lab.sweep.measures import ALL as MEASURES
from trainability.lab.sweep.train import CURVE, FLOATS, MEASURED, STEP
from trainability.theory.wilson import interval

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

SHOWN = ("outcome", *FLOATS, "steps_to_target", "steps_run", "retired", CURVE, *MEASURES)  # in this order
ROWS = 50_000  # of a table in memory at a time


def opened(folder: str | Path) -> xr.Dataset:
    """The results in a folder, also while the sweep runs; arrays are read when they are looked at.

    Args:
        folder: that a sweep was run into.

    Returns:
        Dataset with the sweep's dimensions; runs that are not done yet have outcome -1 and nan.

    Raises:
        StoreError: the folder holds no results.
    """
    import xarray as xr

    path = Path(folder) / "runs.zarr"
    if not path.exists():
        raise StoreError(f"{str(folder)!r} holds no results of a sweep; needed is a folder that one was run into.")
    found = xr.open_zarr(path, chunks=None, consolidated=False)
    words = {
        name: (values.dims, np.array(values.values.tolist()))
        for name, values in found.coords.items()
        if values.dtype.kind not in "iufb"
    }
    found = found.assign_coords(words)
    return found[[name for name in SHOWN if name in found]]


def tables(found: xr.Dataset) -> Iterator[pd.DataFrame]:
    """One row per run, axes first, outcomes in words and the curve as a list; in parts of bounded size.

    A measure has a column for each step at which it was taken, such as "sharpness_at_0".
    """
    dims = list(found.outcome.dims)
    first, rest = dims[0], int(np.prod([found.sizes[d] for d in dims[1:]]))
    size = max(1, ROWS // rest)
    for start in range(0, found.sizes[first], size):
        part = found.isel({first: slice(start, start + size)}).load()
        apart = [name for name in (CURVE, STEP, MEASURED, *MEASURES) if name in part.variables]
        table = part.drop_vars(apart).to_dataframe().reset_index()
        names = np.array([*OUTCOMES, "not run yet"])
        table["outcome"] = names[table["outcome"].to_numpy()]
        table[CURVE] = list(part[CURVE].transpose(*dims, STEP).values.reshape(-1, part.sizes[STEP]))
        for name in (name for name in MEASURES if name in part):
            values = part[name].transpose(*dims, MEASURED).values.reshape(len(table), -1)
            for step, column in zip(part[MEASURED].values, values.T, strict=True):
                table[f"{name}_at_{step}"] = column
        yield table


def to_parquet(found: xr.Dataset, path: str | Path) -> Path:
    """Write one row per run to a Parquet file, with memory that does not grow with the number of runs.

    Args:
        found: from `opened` or `Sweep.run`.
        path: of the file; attributes of the dataset become the file's metadata.

    Returns:
        The path.

    Raises:
        SweepError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise SweepError([("parquet", "needs the package pyarrow; install trainability[parquet].")]) from error
    path = Path(path)
    writer = None
    try:
        for part in tables(found):
            table = pa.Table.from_pandas(part, preserve_index=False)
            if writer is None:
                told = {str(k): str(v) for k, v in found.attrs.items()}
                writer = pq.ParquetWriter(path, table.schema.with_metadata({**(table.schema.metadata or {}), **told}))
            writer.write_table(table.cast(writer.schema))
    finally:
        if writer is not None:
            writer.close()
    return path


def shares(outcome: np.ndarray) -> list[tuple[str, int, float, float, float]]:
    """(outcome, runs, share, low, high) with 95% Wilson intervals, over the runs that are done.

    >>> shares(np.array([3, 3, 0, -1]))[0]
    ('trained', 2, 0.6666666666666666, 0.207..., 0.938...)
    """
    done = outcome[outcome >= 0]
    found = []
    for code in reversed(range(len(OUTCOMES))):
        count = int((done == code).sum())
        low, high = interval(count, len(done)) if len(done) else (0.0, 1.0)
        found.append((OUTCOMES[code], count, count / max(1, len(done)), low, high))
    return found
