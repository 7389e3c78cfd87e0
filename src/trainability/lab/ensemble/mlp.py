"""Stacked plain networks: what they are, and one step of all of them with the backward pass written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from trainability import initializers
from trainability.initializers import biases
from trainability.lab.ensemble import _activations, _losses
from trainability.lab.ensemble._blocks import QUANTUM, blocks, placed, whole
from trainability.lab.ensemble.data import Own
from trainability.optimizers import PerMember, take


@dataclass(frozen=True)
class MLP:
    """The structure of plain multilayer networks, and how each member's weights are drawn.

        a_0 = input_scale x,  a_l = phi(W_l a_(l-1) + b_l),  output = W_L a_(L-1) + b_L

    Args:
        sizes: inputs, units of each hidden layer, outputs; at least two whole numbers from 1.
        activation: phi by name, as in `theory.gain`; the output layer has none.
        slope: of "leaky_relu" below 0, one number or one per member, shape (E,).
        bias: whether layers have biases.
        init: an initializer by name.
        options: what the initializer takes; a tensor (E,) holds one value per member (gain, bounds, ...).
        bias_init: a way to fill biases by name, called with the weight.
        scale: factor on every drawn weight (not on biases), one number or one per member.
        input_scale: factor on the inputs, one number or one per member.

    Raises:
        ValueError: sizes or numbers out of range.
        UnknownNameError: no activation, initializer or bias scheme has that name.

    >>> net = MLP((10, 32, 1), "tanh", init="lecun_normal").member(seed=3)
    >>> net[0].weight.shape
    torch.Size([32, 10])
    """

    sizes: tuple[int, ...]
    activation: str = "relu"
    slope: PerMember = 0.01
    bias: bool = True
    init: str = "he_normal"
    options: Mapping[str, Any] = field(default_factory=dict)
    bias_init: str = "zeros"
    scale: PerMember = 1.0
    input_scale: PerMember = 1.0

    def __post_init__(self) -> None:
        sizes = tuple(self.sizes)
        if len(sizes) < 2 or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in sizes):
            raise ValueError(
                f"sizes: given {self.sizes!r}, needed at least two whole numbers from 1. Give (inputs, hidden, outputs)."
            )
        object.__setattr__(self, "sizes", sizes)
        object.__setattr__(self, "options", dict(self.options))
        _activations.get(self.activation)
        initializers.get(self.init)
        biases.get(self.bias_init)
        for name in ("slope", "scale", "input_scale"):
            given = getattr(self, name)
            values = torch.as_tensor(given, dtype=torch.float64)
            if values.ndim > 1 or not bool(values.isfinite().all()):
                raise ValueError(f"{name}: given {given}, needed a finite number, or one per member, shape (E,).")
            object.__setattr__(self, name, values if values.ndim else float(values))

    def per_member(self) -> dict[str, Tensor]:
        """The values that differ by member, by name."""
        own = {name: getattr(self, name) for name in ("slope", "scale", "input_scale")} | dict(self.options)
        return {name: value for name, value in own.items() if isinstance(value, Tensor) and value.ndim}

    def member(self, seed: int, index: int = 0, dtype: torch.dtype = torch.float32) -> nn.Sequential:
        """One member as a plain torch module with the weights that it starts from.

        Args:
            seed: of the member; below 2**64.
            index: which of the values per member it has.
            dtype: of its parameters.

        Returns:
            A Sequential of Linear layers and activations; without `input_scale`.
        """
        own = take(self, torch.tensor([index])) if self.per_member() else self
        stack = draw(own, [seed], dtype, torch.device("cpu"))
        activation = _activations.get(self.activation)
        slope = float(torch.as_tensor(own.slope, dtype=torch.float64).reshape(-1)[0])
        layers: list[nn.Module] = []
        for i, (n, m) in enumerate(zip(self.sizes, self.sizes[1:], strict=False)):
            layers += [nn.Linear(n, m, bias=self.bias, dtype=dtype), activation.module(slope)]
            with torch.no_grad():
                layers[-2].weight.copy_(stack[f"{2 * i}.weight"][0])  # type: ignore[operator]
                if self.bias:
                    layers[-2].bias.copy_(stack[f"{2 * i}.bias"][0])  # type: ignore[operator]
        return nn.Sequential(*layers[:-1])


def draw(spec: MLP, seeds: Sequence[int], dtype: torch.dtype, device: torch.device) -> dict[str, Tensor]:
    """The starting parameters of every member, each from its own generator: layer by layer, weight before bias.

    They are what `initializers.initialize` gives a Sequential of the same layers with `manual_seed(seed)`.

    Args:
        spec: with values per member for exactly these members.
        seeds: one per member.
        dtype: of the parameters.
        device: where they are put; drawing is done on the CPU.

    Returns:
        "0.weight" (E, out, in), "0.bias" (E, out), "2.weight", ...: the names in a Sequential.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    fill, fill_bias, count = initializers.get(spec.init), biases.get(spec.bias_init), len(seeds)
    scale = torch.as_tensor(spec.scale, dtype=dtype).reshape(-1, 1, 1)
    result = {}
    for i, (n, m) in enumerate(zip(spec.sizes, spec.sizes[1:], strict=False)):
        weight = torch.empty(count, m, n, dtype=dtype)
        fill(weight, batch_dims=1, generator=generators, **spec.options)
        result[f"{2 * i}.weight"] = weight
        if spec.bias:
            bias = torch.empty(count, m, dtype=dtype)
            fill_bias(bias, weight, batch_dims=1, generator=generators)
            result[f"{2 * i}.bias"] = bias.to(device)
        result[f"{2 * i}.weight"] = (weight * scale).to(device)
    return result


class StackedMLP:
    """All members of a chunk: parameters (S, out, in), activations (S, units, B), one batched product per layer."""

    quantum = QUANTUM
    picks = False

    def __init__(
        self, spec: MLP, loss: _losses.Loss, params: dict[str, Tensor], dtype: torch.dtype, device: torch.device
    ) -> None:
        self.spec, self.loss, self.dtype, self.device = spec, loss, dtype, device
        self.activation = _activations.get(spec.activation)
        self.depth = len(spec.sizes) - 1
        self._set(params)

    def _set(self, params: dict[str, Tensor]) -> None:
        self.params = {name: placed(value) for name, value in params.items()}
        self.slots = len(params["0.weight"])
        self.grads = {
            name: blocks(self.slots, tuple(value.shape[1:]), self.dtype, self.device) for name, value in params.items()
        }
        self.slope = self._column(self.spec.slope)
        scaled = isinstance(self.spec.input_scale, Tensor) or self.spec.input_scale != 1
        self.input_scale = self._column(self.spec.input_scale).unsqueeze(-1) if scaled else None
        self._buffers: dict[int, tuple[list[Tensor], list[Tensor], list[Tensor]]] = {}

    def _column(self, value: PerMember) -> Tensor:
        column = torch.as_tensor(value, dtype=self.dtype, device=self.device).reshape(-1, 1)
        return column.expand(self.slots, 1).contiguous()

    def take(self, slots: Tensor) -> None:
        """Keep the slots of these indices, a multiple of `quantum`, in this order."""
        if self.spec.per_member():
            self.spec = take(self.spec, slots)
        self._set({name: value[slots] for name, value in self.params.items()})

    def targets(self, y: Tensor, lead: int) -> Tensor:
        """Targets as numbers per output, in the members' type; see `_losses.laid_out`."""
        return _losses.laid_out(self.loss, y, self.spec.sizes[-1], self.dtype, lead)

    def _buffer(self, batch: int) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        if batch not in self._buffers:

            def stack() -> list[Tensor]:
                return [blocks(self.slots, (n, batch), self.dtype, self.device) for n in self.spec.sizes[1:]]

            z = stack()
            kept = [blocks(self.slots, (n, batch), self.dtype, self.device) for n in self.spec.sizes[1:-1]]
            a = kept if self.activation.keeps_input else z[:-1]
            self._buffers[batch] = (z, a, stack())
        return self._buffers[batch]

    def _input(self, x: Tensor) -> Tensor:
        """Inputs as (S, in, B): one transposed copy for a shared batch (B, in), aligned blocks for (S, B, in)."""
        return x.mT.contiguous().expand(self.slots, x.shape[1], x.shape[0]) if x.ndim == 2 else placed(x).mT

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (S, out, B) of every slot for a shared batch (B, in) or one batch per slot (S, B, in)."""
        return self._forward(self._input(x))

    def _forward(self, a: Tensor) -> Tensor:
        z, acts, _ = self._buffer(a.shape[-1])
        for i in range(self.depth):
            weight = self.params[f"{2 * i}.weight"]
            if i == 0 and self.input_scale is not None:
                weight = placed(weight * self.input_scale)
            if self.spec.bias:
                torch.baddbmm(self.params[f"{2 * i}.bias"].unsqueeze(-1), weight, a, out=z[i])
            else:
                torch.bmm(weight, a, out=z[i])
            if i < self.depth - 1:
                self.activation.forward(whole(z[i]), whole(acts[i]), self.slope)
                a = acts[i]
        return z[-1]

    def gradient(self, x: Tensor, y: Tensor, own: Own = False) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of every slot (S,) and its gradient, on inputs as in `forward` and targets (B, o) or (S, B, o)."""
        first = self._input(x)
        out = self._forward(first)
        z, acts, back = self._buffer(x.shape[-2])
        loss = self.loss.gradient(out, self._answers(y), back[-1])
        for i in reversed(range(self.depth)):
            before = acts[i - 1] if i else first
            torch.bmm(back[i], before.mT, out=self.grads[f"{2 * i}.weight"])
            if self.spec.bias:
                torch.sum(back[i], 2, out=self.grads[f"{2 * i}.bias"])
            if i:
                product = torch.bmm if back[i].shape[1] > 1 else torch.mul  # one unit: an outer product
                product(self.params[f"{2 * i}.weight"].mT, back[i], out=back[i - 1])
                kept = z[i - 1] if self.activation.keeps_input else acts[i - 1]
                self.activation.backward(whole(back[i - 1]), whole(kept), self.slope)
        if self.input_scale is not None:
            self.grads["0.weight"].mul_(self.input_scale)
        return loss, self.grads

    def evaluate(self, x: Tensor, y: Tensor, own: Own = False) -> Tensor:
        """The loss of every slot (S,), without a step."""
        out = self.forward(x)
        return self.loss.gradient(out, self._answers(y), self._buffer(x.shape[-2])[2][-1])

    def outputs(self, x: Tensor, own: Own = False) -> Tensor:
        """Outputs (S, B, o) of every slot, a copy."""
        known = x.shape[-2] in self._buffers
        result = self.forward(x).mT.clone()
        if not known:
            del self._buffers[x.shape[-2]]
        return result

    def _answers(self, y: Tensor) -> Tensor:
        return y.mT.unsqueeze(0) if y.ndim == 2 else y.mT
