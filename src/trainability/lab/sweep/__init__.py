"""Sweeps: named axes, each point a run, stored as labelled arrays while they are trained.

`Sweep(...)` or `Sweep.from_file("sweep.toml")` checks everything first; `run(out=FOLDER)` trains, stores, and goes on where
it was stopped; `opened(FOLDER)` reads the results.
"""

from trainability.lab.sweep.errors import StoreError, SweepError
from trainability.lab.sweep.result import opened, to_parquet
from trainability.lab.sweep.sweep import Sweep

__all__ = ["StoreError", "Sweep", "SweepError", "opened", "to_parquet"]
