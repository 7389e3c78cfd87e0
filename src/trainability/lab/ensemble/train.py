"""Train an ensemble: E members of one structure, chunk by chunk, on every core."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainability.lab.ensemble._check import check
from trainability.lab.ensemble._chunk import Job, Measure, padded, train_chunk
from trainability.lab.ensemble._make import LossFn, Make, Network, made
from trainability.lab.ensemble._reference import Reference, batches, counts, sample
from trainability.lab.ensemble.data import Data, Online, Pair, feed
from trainability.lab.ensemble.retire import Retire
from trainability.lab.ensemble.run import EnsembleRun
from trainability.lab.executor import can_fork, cores, run_all, single_thread
from trainability.optimizers import Rule, take
from trainability.setup.task import Task
from trainability.setup.untouched import random_state_kept

MOST = 64  # members of a chunk unless told
CACHE = 4 << 20  # bytes of activations of a chunk; past that, members are slower, not faster


def train_ensemble(
    network: Network,
    rule: Rule,
    data: Data | Online | tuple[Tensor, Tensor],
    *,
    loss: str | LossFn,
    steps: int,
    seeds: int | Sequence[int],
    target: float | Sequence[float] | None = None,
    task: Task | None = None,
    retire: Retire | None = None,
    measures: Mapping[str, Measure] | None = None,
    measured_at: Sequence[int] = (),
    curve: int | Sequence[int] = 60,
    keep_params: bool = False,
    chunk: int | None = None,
    workers: int | None = None,
    path: str = "auto",
    start: Mapping[str, Tensor] | None = None,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    done: Callable[[int], None] | None = None,
) -> EnsembleRun:
    """Train E members of one structure together, each as a plain `torch.optim` loop would train it alone.

    A member depends on its own seed and hyper-parameters alone. On CPUs of one type the same numbers come out to the last
    bit whatever the chunk size, the order of the members and the number of workers; between types of machine, and on a
    GPU, they agree to rounding. They agree to rounding with the loop too: runs that are not chaotic stay within 1e-10 of
    it over 100 steps in float64, and within a relative 1e-4 in float32.

    Args:
        network: an `MLP`, whose members are multiplied together (fast), or a function from a seed to an `nn.Module`,
            called with every random state seeded with it (general); it is also called with 0, for a trial.
        rule: the update rule; its hyper-parameters are numbers, or tensors (E,) with one per member.
        data: `Data`, `Online`, or a pair (X, y) for full batches of one data set.
        loss: a name in `_losses.ALL` ("mse", "half_mse", "cross_entropy", "softmax_mse", "bce_with_logits"); with a
            module also any function (output, target) -> scalar tensor.
        steps: optimizer steps, from 1.
        seeds: one per member, or E for 0 to E - 1. A seed decides a member's weights, its data order where members have
            one of their own, and its random layers.
        target: the loss at which a member has trained, one or one per member; None for half of the best constant
            answer's.
        task: "regression", "binary", "multi-class" or "multi-label", for the score; None infers it.
        retire: which members leave early; None for those alone whose loss was not finite 20 times in a row.
        measures: name -> function of a `Snapshot` that gives one value per member, (M,) or (M, ...).
        measured_at: steps before which they are called; `steps` is after the last.
        curve: at how many steps the losses are kept, spread evenly, or at which.
        keep_params: keep all parameters at the end.
        chunk: members trained together; None for as many as the cache holds. Never changes a result.
        workers: processes; None for one per core. Never changes a result.
        path: for an `MLP` "auto" or "stacked", or "fused" for a compiled kernel, some times faster, that knows fewer
            activations and losses and is compiled at its first use (see `fused`); results agree to rounding. For modules
            "auto", or "loop" or "vmap" to insist; see `module.plan`.
        start: for an `MLP`: name of a parameter -> its value before the first step, for all members or one per member
            (E, ...), in place of what is drawn.
        dtype: of parameters and data.
        device: "cpu", or an accelerator, where all members are trained in this process.
        done: called with the number of a chunk as it finishes.

    Returns:
        EnsembleRun, in the order of `seeds`.

    Raises:
        ValueError: an argument of a wrong length, type or range, members of different structures.
        UnknownNameError: no loss, activation or initializer has that name; the message gives the nearest.
        SetupError: a module, the loss and the data do not fit.

    >>> from trainability.lab.ensemble import MLP
    >>> from trainability.optimizers import SGD
    >>> x = torch.linspace(-1, 1, 20).reshape(-1, 1)
    >>> run = train_ensemble(MLP((1, 8, 1)), SGD(lr=torch.tensor([0.1, 1e-6])), (x, x.abs()), loss="mse",
    ...                      steps=200, seeds=[1, 1], workers=1)
    >>> run.outcomes
    ['trained', 'stalled']
    """
    began = time.perf_counter()
    seeds = _seeds(seeds)
    where, count = torch.device(device), len(seeds)
    data = data if isinstance(data, (Data, Online)) else Data(*_pair(data))
    check(network, rule, data, count, steps, task, chunk, measured_at)
    data = _typed(data, dtype)
    with single_thread():  # the last bit of a sum depends on the number of threads
        make = made(network, loss, data, path, dtype, where, start, count)
    job = Job(
        steps=steps,
        retire=retire,
        target=_target(target, count),
        fixed=make.settles and isinstance(data, Data) and data.size == data.n,
        score=lambda output, member: 0.0,
        sample=sample(data)[0].to(where),
        sample_own=isinstance(data, Data) and data.per_member,
        measures=dict(measures or {}),
        measured_at=tuple(sorted({int(t) for t in measured_at})),
        curve_steps=_curve(curve, steps),
        keep_params=keep_params,
    )
    with single_thread():
        common = None if job.sample_own else make.reference(data, 0, task)
    size = _chunk_size(chunk, workers, count, make, where)
    parts = [np.arange(i, min(i + size, count)) for i in range(0, count, size)]

    def one(members: np.ndarray) -> dict[str, Any]:
        with random_state_kept():
            return _train(make, rule, data, members, [seeds[i] for i in members], job, common, task, where)

    jobs = [lambda part=part: one(part) for part in parts]
    found = run_all(jobs, workers=workers if where.type == "cpu" else 1, done=done)
    return _joined(found, seeds, job, make.path, time.perf_counter() - began)


def _train(
    make: Make,
    rule: Rule,
    data: Data | Online,
    members: np.ndarray,
    seeds: list[int],
    job: Job,
    common: Reference | None,
    task: Task | None,
    where: torch.device,
) -> dict[str, Any]:
    rows = padded(len(members), make.quantum)
    slots = members[rows.numpy()]
    own = isinstance(data, Data) and data.per_member
    lead = 2 if own else 1
    if isinstance(data, Online):
        raw, few = data.draw, 8

        def prepared(generator: torch.Generator) -> Pair:
            x, y = raw(generator)
            return x, make.targets(y, 1)

        ready: Data | Online = replace(data, draw=prepared)
    else:
        few = counts(data.size, data.steps_per_epoch)[0]
        ready = replace(data, y=make.targets(data.y, lead))
    judges = [common or make.reference(data, int(m), task) for m in (members if own else members[:1])]
    held = torch.as_tensor(slots)
    starts = [
        (x[held].to(where), y[held].to(where), True) if own else (x.to(where), y.to(where), False)
        for x, y in batches(ready, few)
    ]
    constant = np.array([judge.constant_loss for judge in judges])
    here = replace(
        job,
        score=lambda output, member: judges[member if own else 0].score(output.cpu()),
        sample=job.sample[torch.as_tensor(members)] if own else job.sample,
    )
    engine = make.engine(slots, [seeds[i] for i in rows.tolist()])
    stream = feed(ready, torch.as_tensor(members), seeds, rows, where, engine.picks)
    mine = take(rule, held)
    return train_chunk(engine, mine, stream, members, starts, np.broadcast_to(constant, len(members)).copy(), here)


def _joined(found: list[dict[str, Any]], seeds: list[int], job: Job, path: str, seconds: float) -> EnsembleRun:
    named = {f.name for f in fields(EnsembleRun)} & set(found[0]) - {"measured", "params"}
    arrays: dict[str, Any] = {name: np.concatenate([part[name] for part in found]) for name in named}
    counts_ = [len(part["outcome"]) for part in found]
    nested: dict[str, Any] = {}
    for name in ("measured", "params"):
        keys = list(dict.fromkeys(key for part in found for key in part[name]))
        nested[name] = {key: np.concatenate(_filled([p[name].get(key) for p in found], counts_)) for key in keys}
    return EnsembleRun(
        seeds=np.array(seeds),
        curve_steps=job.curve_steps,
        steps=job.steps,
        measured_at=np.array(job.measured_at, dtype=np.int64),
        path=path,
        seconds=seconds,
        **arrays,
        **nested,
    )


def _filled(parts: list[np.ndarray | None], lengths: list[int]) -> list[np.ndarray]:
    """Chunks that were never measured, because all their members had left, as nan."""
    known = next(p for p in parts if p is not None)
    return [np.full((n, *known.shape[1:]), np.nan) if p is None else p for p, n in zip(parts, lengths, strict=True)]


def _chunk_size(chunk: int | None, workers: int | None, count: int, make: Make, where: torch.device) -> int:
    if chunk is not None:
        return chunk
    if where.type != "cpu":
        return count
    most = min(MOST, max(8, CACHE // make.bytes)) if make.bytes else MOST
    procs = min(workers or cores(), count) if can_fork() else 1
    share = -(-count // procs)
    return max(-(-min(most, share) // make.quantum) * make.quantum, 1)


def _seeds(given: int | Sequence[int]) -> list[int]:
    found = [int(seed) for seed in (range(given) if isinstance(given, int) else given)]
    if not found or min(found) < 0 or max(found) >= 2**63:
        raise ValueError(
            f"seeds: given {len(found)} seeds, needed at least one, each from 0 to 2**63 - 1. Give a number of members or a "
            "list of seeds."
        )
    return found


def _pair(data: Any) -> Pair:
    if not (isinstance(data, (tuple, list)) and len(data) == 2):
        raise ValueError(f"data: given a {type(data).__name__}, needed Data, Online or a pair of tensors (X, y).")
    return torch.as_tensor(data[0]), torch.as_tensor(data[1])


def _typed(data: Data | Online, dtype: torch.dtype) -> Data | Online:
    """Data in the members' type, copied, so that they lie at an address of torch's choice."""

    def typed(t: Tensor) -> Tensor:
        return t.to(dtype) if t.is_floating_point() else t

    if isinstance(data, Data):
        return replace(data, X=typed(data.X).clone(), y=typed(data.y).clone())
    raw = data.draw

    def drawn(generator: torch.Generator) -> Pair:
        x, y = raw(generator)
        return typed(torch.as_tensor(x)), typed(torch.as_tensor(y))

    return replace(data, draw=drawn)


def _target(given: float | Sequence[float] | None, count: int) -> float | np.ndarray | None:
    if given is None or np.ndim(given) == 0:
        return None if given is None else float(given)  # type: ignore[arg-type]
    values = np.asarray(given, dtype=np.float64)
    if values.shape != (count,):
        raise ValueError(
            f"target: given {values.shape} values for {count} members, needed one number or one per member."
        )
    return values


def _curve(given: int | Sequence[int], steps: int) -> np.ndarray:
    if isinstance(given, (int, np.integer)):
        return np.unique(np.linspace(0, steps - 1, max(int(given), 1)).astype(np.int64))
    at = np.unique(np.asarray(given, dtype=np.int64))
    if len(at) and not 0 <= at[0] <= at[-1] < steps:
        raise ValueError(f"curve: given steps {at[0]} to {at[-1]}, needed steps from 0 to {steps - 1}.")
    return at
