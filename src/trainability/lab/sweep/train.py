"""Train the runs of one chunk, and what is stored of each."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from trainability.lab.ensemble import Retire, train_ensemble
from trainability.lab.sweep import measures
from trainability.lab.sweep.module import ModuleStructure
from trainability.lab.sweep.structure import Parts, Structure

if TYPE_CHECKING:
    from trainability.lab.sweep.sweep import Sweep

INTEGERS = {"outcome": "int8", "retired": "int8", "steps_to_target": "int32", "steps_run": "int32"}
FLOATS = ("start_loss", "constant_loss", "target", "end_loss", "final_loss", "best_loss", "score")
CURVE = "curve"

_one_at_a_time = threading.Lock()  # torch has one random state and one number of threads for a whole process


STEP, MEASURED = "step", "measured_step"


def columns(sweep: Sweep) -> dict[str, tuple[str, str]]:
    """Name of everything stored -> its type, and the dimension it has beside those of the sweep, or "".

    >>> from trainability import Sweep
    >>> found = columns(Sweep("abs", {"seed": 2}, steps=3, measures=["weight_norm"]))
    >>> found["outcome"], found["curve"], found["weight_norm"]
    (('int8', ''), ('float32', 'step'), ('float64', 'measured_step'))
    """
    return {
        **{name: (kind, "") for name, kind in INTEGERS.items()},
        **dict.fromkeys(FLOATS, ("float64", "")),
        CURVE: (sweep.dtype, STEP),
        **dict.fromkeys(sweep.measures, ("float64", MEASURED)),
    }


def steps_of(sweep: Sweep) -> dict[str, np.ndarray]:
    """The steps along each of those dimensions.

    >>> from trainability import Sweep
    >>> steps_of(Sweep("abs", {"seed": 2}, steps=300, measures=["weight_norm"]))["measured_step"].tolist()
    [0, 150, 300]
    """
    found = {STEP: curve_steps(sweep.curve, sweep.steps)}
    if sweep.measures:
        found[MEASURED] = np.unique(np.linspace(0, sweep.steps, sweep.measured).astype(np.int64))
    return found


def curve_steps(count: int, steps: int) -> np.ndarray:
    """The steps whose loss is kept: `count` of them from the first to the last, evenly spread.

    >>> curve_steps(3, 101).tolist()
    [0, 50, 100]
    """
    found: np.ndarray = np.unique(np.linspace(0, steps - 1, count).astype(np.int64))
    return found


def train(sweep: Sweep, runs: np.ndarray) -> dict[str, np.ndarray]:
    """Train some runs, those of one structure together.

    Args:
        sweep: that they belong to.
        runs: (n,) their places in it.

    Returns:
        Name -> (n,), the curve (n, steps kept), in the order of `runs`; no number depends on what else is in `runs`.
    """
    with _one_at_a_time:
        return _train(sweep, runs)


def _train(sweep: Sweep, runs: np.ndarray) -> dict[str, np.ndarray]:
    at = steps_of(sweep)
    found = {
        name: np.full((len(runs), len(at[along])) if along else len(runs), -1 if name in INTEGERS else np.nan, kind)
        for name, (kind, along) in columns(sweep).items()
    }
    for structure, places in groups(sweep, runs):
        mine = runs[places]
        parts = structure.build(sweep, mine)
        result = train_ensemble(
            parts.network,
            parts.rule,
            parts.data,
            loss=parts.loss,
            task=parts.task,
            steps=sweep.steps,
            seeds=_seeds(sweep, mine),
            target=sweep.aim,
            retire=Retire() if sweep.retire else None,
            curve=at[STEP].tolist(),
            measures=_measures(sweep, parts),
            measured_at=at[MEASURED].tolist() if sweep.measures else (),
            chunk=structure.together(sweep),
            workers=1,
            dtype=getattr(torch, sweep.dtype),
        )
        for name, into in found.items():
            with np.errstate(over="ignore"):
                if name not in sweep.measures:
                    into[places] = getattr(result, name)
                elif name in result.measured:  # not where every run had left before
                    into[places] = result.measured[name]
    return found


def _measures(sweep: Sweep, parts: Parts) -> Mapping[str, Any]:
    if not sweep.measures:
        return {}
    return measures.functions(sweep.measures, parts.network, parts.data.X, parts.data.y, parts.loss)


def groups(sweep: Sweep, runs: np.ndarray) -> list[tuple[Structure | ModuleStructure, np.ndarray]]:
    """Structures of some runs and which of them have each, as places in `runs`."""
    varied = [name for name in sweep.split if name in sweep.points.along]
    if varied:
        codes = np.stack([sweep.points.codes(name, runs) for name in varied], 1)
        _, first, which = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    else:
        first, which = np.zeros(1, int), np.zeros(len(runs), int)
    found = []
    for i, example in enumerate(first):
        one = runs[[example]]
        values = {n: sweep.points.at(n, one)[0] if n in varied else sweep.given(n) for n in sweep.split}
        found.append((sweep.structure(values), np.flatnonzero(which.ravel() == i)))
    return found


def _seeds(sweep: Sweep, runs: np.ndarray) -> list[int]:
    if "seed" in sweep.points.along:
        return [int(seed) for seed in sweep.points.at("seed", runs)]
    return [int(sweep.fixed.get("seed", 0))] * len(runs)
