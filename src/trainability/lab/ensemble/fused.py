"""Stacked plain networks by a compiled kernel: each member's whole step while its numbers lie in the cache.

The third path beside `mlp.StackedMLP` (every member in one batched product, a pass over memory for each operation) and
`module.StackedModule`. It knows fewer activations and losses, runs on a CPU alone, and is compiled at its first use (some
seconds; kept on disk).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from trainability.lab.ensemble._blocks import LINE, QUANTUM, blocks
from trainability.lab.ensemble.data import Own
from trainability.lab.ensemble.mlp import MLP
from trainability.optimizers import take

ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid")
LOSSES = ("mse", "half_mse", "cross_entropy")
"""Names in the order of the kernel's codes."""

Params = dict[str, Tensor]


def why_not(spec: MLP, loss: str, device: torch.device) -> str:
    """Why the kernel cannot train this structure; "" where it can.

    >>> why_not(MLP((2, 8, 1), "gelu"), "mse", torch.device("cpu"))
    'its activation is gelu and not one of linear, relu, tanh, sigmoid'
    """
    if device.type != "cpu":
        return f"it runs on {device.type} and not on a CPU"
    if spec.activation not in (*ACTIVATIONS, "identity"):
        return f"its activation is {spec.activation} and not one of {', '.join(ACTIVATIONS)}"
    if loss not in LOSSES:
        return f"its loss is {loss} and not one of {', '.join(LOSSES)}"
    return ""


class FusedMLP:
    """All members of a chunk: parameters of one member after the other, and the memory of one member's step."""

    quantum = QUANTUM
    picks = True  # takes rows of the data set instead of gathered batches

    def __init__(self, spec: MLP, loss: str, params: Params, dtype: torch.dtype) -> None:
        self.spec, self.loss, self.dtype = spec, loss, dtype
        self.sizes = np.array(spec.sizes)
        self.lanes = LINE // torch.empty((), dtype=dtype).element_size()
        self._work: dict[int, tuple[np.ndarray, ...]] = {}
        self._set(params)

    def _set(self, params: Params) -> None:
        self.slots = len(params["0.weight"])
        length = sum(value[0].numel() for value in params.values())
        whole = [blocks(self.slots, (length,), self.dtype, torch.device("cpu")) for _ in range(2)]
        self.params: Params = {}
        self.grads: Params = {}
        self.place, at = whole[0].stride(0), 0
        for name, value in params.items():
            shape = tuple(value.shape[1:])
            strides = (self.place, *((shape[1], 1) if len(shape) == 2 else (1,)))
            for stack, named in zip(whole, (self.params, self.grads), strict=True):
                named[name] = stack.as_strided((self.slots, *shape), strides, at)
            self.params[name].copy_(value)
            at += value[0].numel()
        self._flat, self._slopes = (stack.as_strided((self.slots * self.place,), (1,)).numpy() for stack in whole)
        self._scales = np.broadcast_to(np.asarray(self.spec.input_scale, dtype=np.float64), self.slots).copy()
        self._losses = np.zeros(self.slots)

    def take(self, slots: Tensor) -> None:
        """Keep the slots of these indices, a multiple of `quantum`, in this order."""
        if self.spec.per_member():
            self.spec = take(self.spec, slots)
        self._set({name: value[slots] for name, value in self.params.items()})

    def _memory(self, batch: int) -> tuple[np.ndarray, ...]:
        if batch not in self._work:
            stride = -(-batch // self.lanes) * self.lanes
            units = (self.sizes[0], self.sizes[-1], self.sizes[1:].sum(), self.sizes.max(), self.sizes.max(), 2)
            self._work[batch] = tuple(
                blocks(1, (int(n), stride), self.dtype, torch.device("cpu")).reshape(-1).numpy() for n in units
            )
        return self._work[batch]

    def _step(self, x: Tensor, y: Tensor, own: Own, wanted: bool, outputs: np.ndarray | None = None) -> None:
        from trainability.lab.ensemble import _fused_kernel

        if isinstance(own, Tensor):
            rows, each, batch = own, True, own.shape[1]
        else:
            each, batch = x.ndim == 3, x.shape[-2]
            rows = torch.arange(self.slots * batch if each else batch)
        _fused_kernel.step(
            self._flat, self.place, self.sizes, self.spec.bias, self._scales,
            ACTIVATIONS.index("linear" if self.spec.activation == "identity" else self.spec.activation),
            LOSSES.index(self.loss), x.contiguous().view(-1).numpy(), y.contiguous().view(-1).numpy(),
            rows.contiguous().view(-1).numpy(), each, batch, self.lanes, self._memory(batch), self._slopes, self._losses,
            wanted, np.zeros(0, dtype=self._flat.dtype) if outputs is None else outputs,
        )  # fmt: skip

    def gradient(self, x: Tensor, y: Tensor, own: Own = False) -> tuple[Tensor, Params]:
        """The loss of every slot (S,), and its gradient.

        Args:
            x: one batch (B, in) or one per slot (S, B, in); with rows, the samples that they are of.
            y: (B, o) or (S, B, o), the same.
            own: rows (S, B) of x and y that are each slot's batch; otherwise of no use.
        """
        self._step(x, y, own, True)
        return torch.from_numpy(self._losses.copy()), self.grads

    def evaluate(self, x: Tensor, y: Tensor, own: Own = False) -> Tensor:
        """The loss of every slot (S,), without a step."""
        self._step(x, y, own, False)
        return torch.from_numpy(self._losses.copy())

    def outputs(self, x: Tensor, own: Own = False) -> Tensor:
        """Outputs (S, B, o) of every slot."""
        batch, o = x.shape[-2], int(self.sizes[-1])
        result = torch.empty(self.slots, o, batch, dtype=self.dtype)
        known = batch in self._work
        self._step(x, torch.zeros(*x.shape[:-1], o, dtype=self.dtype), own, False, result.view(-1).numpy())
        if not known:
            del self._work[batch]
        return result.mT.contiguous()


def ready(dtype: torch.dtype) -> None:
    """Compile the kernel for a number type, or read it from disk, here and now: workers that are forked then have it."""
    if dtype not in _compiled:
        params = {"0.weight": torch.zeros(QUANTUM, 1, 1, dtype=dtype)}
        one = torch.zeros(1, 1, dtype=dtype)
        FusedMLP(MLP((1, 1), bias=False), "mse", params, dtype).evaluate(one, one)
        _compiled.add(dtype)


_compiled: set[torch.dtype] = set()
