"""How the engine of a chunk is built: stacked for an `MLP`, by `torch.func` or in a loop for modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainability.lab.ensemble import _losses
from trainability.lab.ensemble._blocks import QUANTUM
from trainability.lab.ensemble._chunk import Engine
from trainability.lab.ensemble._reference import Reference, batches, counts, reference, sample
from trainability.lab.ensemble.data import Data, Online, Pair
from trainability.lab.ensemble.fused import FusedMLP, ready, why_not
from trainability.lab.ensemble.mlp import MLP, StackedMLP, draw
from trainability.lab.ensemble.module import WIDTH, StackedModule, built, check_alike, plan
from trainability.optimizers import take
from trainability.setup.task import Task
from trainability.setup.train import predict
from trainability.setup.untouched import random_state_kept

Network = MLP | Callable[[int], nn.Module]
LossFn = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Make:
    """How the engine of a chunk is built.

    Args:
        engine: (places in the ensemble of every slot, their seeds) -> engine.
        plain: the loss on one member's outputs.
        outputs: inputs -> outputs of some member.
        targets: targets as the engine takes them.
        quantum: slots come in multiples of it.
        bytes: of one member's activations; 0 where they do not count.
        path: what the result calls it.
        settles: whether nothing but the parameters can change from step to step.
    """

    engine: Callable[[np.ndarray, list[int]], Engine]
    plain: LossFn
    outputs: Callable[[Tensor], Tensor]
    targets: Callable[[Tensor, int], Tensor]
    quantum: int
    bytes: int
    path: str
    settles: bool

    def reference(self, data: Data | Online, member: int, task: Task | None) -> Reference:
        """What a run on this data is judged against; of one member's data where they differ."""
        many = 8 if isinstance(data, Online) else counts(data.size, data.steps_per_epoch)[1]
        if isinstance(data, Data) and data.per_member:
            data = replace(data, X=data.X[member], y=data.y[member], per_member=False)
        return reference(self.plain, self.outputs, sample(data), batches(data, many), task)


def made(
    network: Network,
    loss: Any,
    data: Data | Online,
    path: str,
    dtype: torch.dtype,
    where: torch.device,
    start: Mapping[str, Tensor] | None = None,
    count: int = 1,
) -> Make:
    """How the members of a network are built.

    Raises:
        ValueError: network, loss and data do not fit.
    """
    if isinstance(network, MLP):
        return _stacked(network, loss, data, path, dtype, where, _started(network, start, count, dtype))
    if start is not None:
        raise ValueError("start: given for a function that builds modules; let it build them as they are to start.")
    return _modules(network, loss, data, path, dtype, where)


def _started(
    network: MLP, start: Mapping[str, Tensor] | None, count: int, dtype: torch.dtype
) -> dict[str, Tensor] | None:
    """Parameters to start from as (E or 1, ...), checked."""
    if start is None:
        return None
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (n, m) in enumerate(zip(network.sizes, network.sizes[1:], strict=False)):
        shapes[f"{2 * i}.weight"] = (m, n)
        if network.bias:
            shapes[f"{2 * i}.bias"] = (m,)
    found = {}
    for name, value in start.items():
        tensor = torch.as_tensor(value).detach().to(dtype)
        shape = shapes.get(name)
        if shape is None or tuple(tensor.shape) not in (shape, (count, *shape)):
            raise ValueError(
                f"start: given {name!r} of shape {tuple(tensor.shape)}, needed one of "
                + ", ".join(f"{k} {v}" for k, v in shapes.items())
                + f", each alone or with {count} in front, one per member."
            )
        found[name] = tensor.expand(count, *shape) if tensor.ndim == len(shape) else tensor
    return found


def _stacked(
    network: MLP,
    loss: Any,
    data: Data | Online,
    path: str,
    dtype: torch.dtype,
    where: torch.device,
    start: Mapping[str, Tensor] | None,
) -> Make:
    chosen = _losses.get(loss)
    if path not in ("auto", "stacked", "fused"):
        raise ValueError(f"path: given {path!r} for an MLP, needed 'auto', 'stacked' or 'fused'.")
    reason = why_not(network, loss, where) if path == "fused" else "it was not asked for"
    if path == "fused" and reason:
        raise ValueError(f"path: given 'fused' for a network that the kernel cannot train: {reason}. Use 'auto'.")
    x = _first(data)[0]
    if x.ndim != 2 or x.shape[1] != network.sizes[0]:
        raise ValueError(
            f"data: given inputs of shape {tuple(x.shape[1:])} per sample for a network of {network.sizes[0]} inputs, "
            f"needed shape ({network.sizes[0]},). Flatten the inputs or change sizes."
        )
    width, lead = network.sizes[-1], 2 if isinstance(data, Data) and data.per_member else 1
    _losses.laid_out(chosen, data.y if isinstance(data, Data) else _first(data)[1], width, dtype, lead)

    def engine(members: np.ndarray, seeds: list[int]) -> Engine:
        spec = take(network, torch.as_tensor(members)) if network.per_member() else network
        params = draw(spec, seeds, dtype, where)
        for name, value in (start or {}).items():
            params[name] = value[torch.as_tensor(members)].to(where)
        if not reason:
            return FusedMLP(spec, loss, params, dtype)
        return StackedMLP(spec, chosen, params, dtype, where)

    def outputs(x: Tensor) -> Tensor:
        return torch.zeros(len(x), width, dtype=dtype)

    if not reason:
        ready(dtype)
    item = torch.empty((), dtype=dtype).element_size()
    own = 2 * item * sum(network.sizes[1:]) * len(x)
    return Make(
        engine,
        chosen.plain,
        outputs,
        lambda y, lead: _losses.laid_out(chosen, y, width, dtype, lead),
        QUANTUM,
        own if reason else 0,
        "stacked" if reason else "fused",
        True,
    )


def _modules(
    build: Callable[[int], nn.Module],
    loss: Any,
    data: Data | Online,
    path: str,
    dtype: torch.dtype,
    where: torch.device,
) -> Make:
    loss_fn: LossFn = _losses.get(loss).plain if isinstance(loss, str) else loss
    first = built(build, 0, dtype, where)  # a seed that no choice of members changes
    x, y = (t.to(where) for t in _first(data))
    rest = data.n % data.size if isinstance(data, Data) else 0
    with random_state_kept():
        torch.manual_seed(0)
        how = plan(first, loss_fn, x, y, path)
        if how.fused and rest:  # kernels are chosen by the size of a batch
            last = plan(first, loss_fn, x[:rest], y[:rest], path)
            how = how if last.fused else last

    def engine(members: np.ndarray, own: list[int]) -> Engine:
        models = [built(build, seed, dtype, where) for seed in own]
        check_alike(models, first, own)
        return StackedModule(models, loss_fn, how, own)

    return Make(
        engine,
        loss_fn,
        lambda x: predict(first, x.to(where)),
        lambda y, lead: y,
        WIDTH if how.fused else 1,
        0,
        "vmap" if how.fused else "loop",
        not how.random and next(first.buffers(), None) is None,
    )


def _first(data: Data | Online) -> Pair:
    """One batch, of the first member where they differ; nothing is kept of it."""
    x, y = batches(data, 1)[0]
    return (x[0], y[0]) if isinstance(data, Data) and data.per_member else (x, y)
