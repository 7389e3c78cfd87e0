"""Stacked networks whose every step has the bits that plain training gives: the same kernels, in the same order.

`lab.ensemble.mlp` keeps samples last, writes losses by hand and lets hyper-parameters be tensors, which is faster by
another third and equal to rounding. Here runs that amplify rounding must end as they do alone, too, so that a diagnosis does
not depend on what was trained beside what. Products over a batch of matrices give each member the bits of its own product,
but for vectors, tiny matrices and results
that do not fill whole cache lines, which are computed one by one. Vectorised loops treat the last few numbers of a
tensor apart: operations on members that do not fill whole vectors are done one by one, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from trainability.lab.ensemble._blocks import placed
from trainability.lab.ensemble.data import Own
from trainability.lab.together.member import Member
from trainability.optimizers import Params, Rule, State, take
from trainability.setup.train import _loss

aten = torch.ops.aten
VECTORS = 64  # numbers that fill whole vectors of every processor, unrolled
TINY = 400  # multiplications below which torch has another product for batches

SELU = (1.6732632423543772848170429916717, 1.0507009873554804934193349852946)

Backward = Callable[[Tensor, Tensor, Tensor], Tensor]

ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], Backward]] = {
    "linear": (lambda z: z, lambda d, z, a: d),
    "relu": (torch.relu, lambda d, z, a: aten.threshold_backward(d, a, 0)),
    "tanh": (torch.tanh, lambda d, z, a: aten.tanh_backward(d, a)),
    "sigmoid": (torch.sigmoid, lambda d, z, a: aten.sigmoid_backward(d, a)),
    "elu": (F.elu, lambda d, z, a: aten.elu_backward(d, 1.0, 1, 1, False, z)),
    "selu": (F.selu, lambda d, z, a: aten.elu_backward(d, SELU[0], SELU[1], 1.0, False, z)),
    "gelu": (F.gelu, lambda d, z, a: aten.gelu_backward(d, z)),
    "silu": (F.silu, lambda d, z, a: aten.silu_backward(d, z)),
    "softplus": (F.softplus, lambda d, z, a: aten.softplus_backward(d, z, 1, 20)),
}
"""Name -> (value, gradient from the gradient behind it, its input and its value), the kernels that autograd calls."""


class Engine:
    """The members as they are now, one in each slot; activations are (S, B, units)."""

    def __init__(self, members: Sequence[Member]) -> None:
        first = members[0]
        own = [m.parameters for m in members]
        self.params: Params = {name: _stacked([p[name].detach() for p in own]) for name in own[0]}
        self.depth, self.slots = len(first.linears), len(members)
        self.activation, self.slopes = first.activation, [m.slope for m in members]
        self.members, self.loss = list(members), first.loss

    def take(self, slots: Tensor) -> None:
        """Keep the slots of these indices in this order."""
        self.params = {name: _stacked(list(value[slots])) for name, value in self.params.items()}
        self.members = [self.members[i] for i in slots.tolist()]
        self.slopes = [self.slopes[i] for i in slots.tolist()]
        self.slots = len(slots)

    @torch.no_grad()
    def gradient(self, x: Tensor, y: Tensor, own: Own = False) -> tuple[Tensor, Params]:
        """The loss of every slot (S,) and its gradient, for one batch (B, ...) or, with `own`, one per slot (S, B, ...)."""
        acts, before = [placed(x) if own is not False else x.expand(self.slots, *x.shape)], [x]
        for i in range(self.depth):
            z = self._linear(i, acts[-1])
            if i + 1 < self.depth:
                before.append(z)
                acts.append(self._forward(z))
        loss, d = self._loss(z, y, own is not False)
        grads: Params = {}
        for i in reversed(range(self.depth)):
            grads[f"{2 * i}.weight"] = _product(d.mT, acts[i])
            if f"{2 * i}.bias" in self.params:
                grads[f"{2 * i}.bias"] = d.sum(1)
            if i:
                d = self._backward(_product(d, self.params[f"{2 * i}.weight"]), before[i], acts[i])
        return loss, grads

    def _linear(self, i: int, x: Tensor) -> Tensor:
        weight, bias = self.params[f"{2 * i}.weight"], self.params.get(f"{2 * i}.bias")
        if bias is None:
            return _product(x, weight.mT)
        if _single(x, weight.mT):
            return _stacked([F.linear(x[s], weight[s], bias[s]) for s in range(self.slots)])
        return torch.baddbmm(bias.unsqueeze(1), x, weight.mT)

    def _forward(self, z: Tensor) -> Tensor:
        if self.activation == "leaky_relu":
            return self._each(lambda s, part: F.leaky_relu(part, self.slopes[s]), z)
        value = ACTIVATIONS[self.activation][0]
        return value(z) if _even(z) else self._each(lambda s, part: value(part), z)

    def _backward(self, d: Tensor, z: Tensor, a: Tensor) -> Tensor:
        if self.activation == "leaky_relu":
            return self._each(lambda s, part: aten.leaky_relu_backward(part, z[s], self.slopes[s], False), d)
        slope = ACTIVATIONS[self.activation][1]
        return slope(d, z, a) if _even(z) else self._each(lambda s, part: slope(part, z[s], a[s]), d)

    def _each(self, function: Callable[[int, Tensor], Tensor], stack: Tensor) -> Tensor:
        return _stacked([function(s, stack[s]) for s in range(self.slots)])

    def _loss(self, z: Tensor, y: Tensor, own: bool) -> tuple[Tensor, Tensor]:
        """The losses (S,) on outputs (S, B, o), and their slopes in the outputs."""
        if self.loss == "cross_entropy":
            logp = torch.log_softmax(z, 2)
            labels = y if own else y.expand(self.slots, *y.shape)
            losses = [F.nll_loss(logp[s], labels[s]) for s in range(self.slots)]
            push = torch.zeros_like(z).scatter_(2, labels.unsqueeze(2), -1.0 / z.shape[1])
            return torch.stack(losses), placed(aten._log_softmax_backward_data(push, logp, 2, z.dtype))
        with torch.enable_grad():
            outputs = [part.detach().requires_grad_() for part in z]
            targets = y if own else [y] * self.slots
            losses = [_after(m, o, t) for m, o, t in zip(self.members, outputs, targets, strict=True)]
            moving = [s for s, loss in enumerate(losses) if loss.requires_grad]
            found = torch.autograd.grad([losses[s] for s in moving], [outputs[s] for s in moving], allow_unused=True)
        slopes = placed(torch.zeros(z.shape, dtype=z.dtype))
        for s, slope in zip(moving, found, strict=True):
            if slope is not None:
                slopes[s] = slope
        return torch.stack([loss.detach() for loss in losses]), slopes


def _after(member: Member, output: Tensor, target: Tensor) -> Tensor:
    """What follows a member's last layer: its ending and its loss."""
    for module in member.ending:
        output = module(output)
    return _loss(member.setup.loss_fn, output, target).reshape(())


def _even(stack: Tensor) -> bool:
    """Whether every member fills whole vectors."""
    return stack[0].numel() % VECTORS == 0


def _stacked(parts: list[Tensor]) -> Tensor:
    """One tensor in which every part starts at the boundary that a tensor of its own has."""
    return placed(torch.stack(parts))


def _single(a: Tensor, b: Tensor) -> bool:
    """Whether one such product has other kernels than many, or many would not lie as one does."""
    rows, inner, columns = a.shape[1], a.shape[2], b.shape[2]
    return 1 in (rows, columns) or rows * inner * columns < TINY or rows * columns % VECTORS > 0


def _product(a: Tensor, b: Tensor) -> Tensor:
    """(S, n, k) times (S, k, m), each with the bits of its own product."""
    if _single(a, b):
        return _stacked([x @ y for x, y in zip(a, b, strict=True)])
    return torch.bmm(a, b)


@dataclass(eq=False)
class _Unit:
    """Neighbouring slots that take a step with the same numbers, and the parameters that they take it with."""

    first: int
    last: int
    rule: Rule
    names: tuple[str, ...]
    state: State


class Rules:
    """Each slot's update rule; neighbours with the same numbers step together."""

    def __init__(self, rules: Sequence[Rule], params: Params) -> None:
        even = tuple(name for name, value in params.items() if _even(value))
        odd = tuple(name for name in params if name not in even)
        self.units = []
        for a, b in _runs(rules):
            pieces = [(a, b, even)] if even else []
            pieces += [(i, i + 1, odd) for i in range(a, b)] if odd else []
            for first, last, names in pieces:
                state = rules[a].init({name: params[name][first:last] for name in names})
                self.units.append(_Unit(first, last, rules[a], names, state))

    def step_(self, params: Params, grads: Params) -> None:
        """One update in place."""
        for unit in self.units:
            part = slice(unit.first, unit.last)
            unit.rule.step_(
                {name: params[name][part] for name in unit.names},
                {name: grads[name][part] for name in unit.names},
                unit.state,
            )

    def take(self, slots: Tensor) -> None:
        """Keep the slots of these indices, which rise."""
        kept = []
        for unit in self.units:
            at = [i for i, slot in enumerate(slots.tolist()) if unit.first <= slot < unit.last]
            if at:
                state = take(unit.state, slots[at] - unit.first)
                kept.append(_Unit(at[0], at[-1] + 1, unit.rule, unit.names, state))
        self.units = kept


def _runs(rules: Sequence[Rule]) -> Iterator[tuple[int, int]]:
    """(first, last + 1) of neighbours that are equal.

    >>> list(_runs([1, 1, 2]))
    [(0, 2), (2, 3)]
    """
    first = 0
    for i in range(1, len(rules) + 1):
        if i == len(rules) or rules[i] != rules[first]:
            yield first, i
            first = i
