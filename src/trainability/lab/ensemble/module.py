"""Any `nn.Module` as an ensemble: one gradient of all members by `torch.func`, or member by member where that is safer.

`vmap` is used in groups of `WIDTH` slots, and only for models whose slots have been seen to give the same bits: `plan`
puts one member in every slot and compares. Everything else (Dropout and other random layers, whose masks must come from
the member's own seed; control flow that depends on data; sizes that leave members at odd addresses) is trained in a
loop over members, each with its own copy of the module and its own random state.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap

from trainability.lab.ensemble._blocks import placed
from trainability.lab.ensemble.data import Own
from trainability.setup.facts import evaluate, forward
from trainability.setup.train import predict
from trainability.setup.untouched import random_state_kept, seed_everything, untouched

WIDTH = 16  # slots of one vmap call: always the same number, since kernels are chosen by it

LossFn = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Plan:
    """How the members of one structure are trained.

    Args:
        fused: by `vmap`; otherwise in a loop.
        random: whether a training step draws random numbers.
        trained: names of the parameters that the loss depends on.
        reason: why it is not fused; "" where it is.
    """

    fused: bool
    random: bool
    trained: tuple[str, ...]
    reason: str


def plan(model: nn.Module, loss_fn: LossFn, x: Tensor, y: Tensor, path: str = "auto") -> Plan:
    """Try one step of a model and say how its ensemble is to be trained.

    Args:
        model: in training mode; left as it is.
        loss_fn: (output, target) -> scalar.
        x: one batch of inputs (B, ...).
        y: its targets (B, ...).
        path: "auto", or "loop" or "vmap" to insist.

    Returns:
        Plan.

    Raises:
        SetupError: model and loss do not fit the data.
        ValueError: an unknown path, or "vmap" for a model that cannot be trained so.

    >>> net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 1))
    >>> found = plan(net, nn.functional.mse_loss, torch.zeros(16, 4), torch.zeros(16, 1))
    >>> found.fused, found.random
    (False, True)
    """
    if path not in ("auto", "loop", "vmap"):
        raise ValueError(f"path: given {path!r}, needed 'auto', 'loop' or 'vmap'.")
    with untouched(model):
        names = [name for name, p in model.named_parameters() if p.requires_grad]
        held = dict(model.named_parameters())
        before = torch.get_rng_state()
        loss = evaluate(loss_fn, forward(model, x), y)
        random = not torch.equal(before, torch.get_rng_state())
        grads: Sequence[Tensor | None] = [None] * len(names)
        if names and loss.requires_grad:
            grads = torch.autograd.grad(loss, [held[n] for n in names], allow_unused=True)
        found = {n: g.detach() for n, g in zip(names, grads, strict=True) if g is not None}
    if not found:
        raise ValueError("The loss depends on no parameter: given a model with nothing to train. Check requires_grad.")
    trained = tuple(found)
    reason = "the loop was asked for" if path == "loop" else ""
    if not reason and random:
        reason = "a step draws random numbers, and each member's must come from its own seed"
    if not reason:
        reason = _why_not_fused(model, loss_fn, x, y, found)
    if reason and path == "vmap":
        raise ValueError(f"path: given 'vmap' for a model that cannot be trained so: {reason}. Use 'auto'.")
    return Plan(not reason, random, trained, reason)


def _why_not_fused(model: nn.Module, loss_fn: LossFn, x: Tensor, y: Tensor, found: dict[str, Tensor]) -> str:
    template = copy.deepcopy(model)
    engine = StackedModule([template] * WIDTH, loss_fn, Plan(True, False, tuple(found), ""), [0] * WIDTH)
    try:
        loss, grads = engine.gradient(x, y)
        many = engine.gradient(_repeated(x), _repeated(y), own=True)
    except Exception as error:  # whatever torch.func cannot follow
        return f"torch.func cannot follow it ({type(error).__name__})"
    for values in (loss, *grads.values(), many[0], *many[1].values()):
        if not torch.equal(values, values[:1].expand_as(values)):
            return "members in other slots get other last bits"
    for name, g in found.items():
        apart = float((grads[name][0] - g).norm())
        if not apart <= 1e-3 * float(g.norm()) + 1e-6:
            return f"the gradient of {name} is not the one of a plain backward pass"
    return ""


def _repeated(x: Tensor) -> Tensor:
    return placed(x.expand(WIDTH, *x.shape))


def built(build: Callable[[int], nn.Module], seed: int, dtype: torch.dtype, device: torch.device) -> nn.Module:
    """The model that `build(seed)` gives with every random state seeded with `seed`; random states are put back.

    Raises:
        ValueError: it is no module.
    """
    with random_state_kept():
        seed_everything(seed)
        model = build(seed)
    if not isinstance(model, nn.Module):
        raise ValueError(
            f"network: given a function that returns a {type(model).__name__}, needed one from a seed to a torch module."
        )
    return model.to(device=device, dtype=dtype)


def check_alike(models: Sequence[nn.Module], first: nn.Module, seeds: Sequence[int]) -> None:
    """Refuse members of another structure: other layers, other options of a layer, other shapes.

    Raises:
        ValueError: naming the seed of the first that differs.
    """
    shapes = {name: value.shape for name, value in first.state_dict().items()}
    for model, seed in zip(models, seeds, strict=True):
        own = {name: value.shape for name, value in model.state_dict().items()}
        if repr(model) != repr(first) or own != shapes:
            raise ValueError(
                f"network: given another structure for seed {seed} than for seed 0, needed one structure "
                "for all. Train each structure as an ensemble of its own."
            )


class StackedModule:
    """The members of a chunk as stacked parameters and buffers of one structure."""

    picks = False

    def __init__(self, models: Sequence[nn.Module], loss_fn: LossFn, how: Plan, seeds: Sequence[int]) -> None:
        self.loss_fn, self.how, self.slots = loss_fn, how, len(models)
        self.quantum = WIDTH if how.fused else 1
        held = [dict(m.named_parameters()) for m in models]
        self.params = {n: placed(torch.stack([h[n].detach() for h in held])) for n in how.trained}
        if how.fused:
            self.template = models[0]
            self.rest = {
                n: torch.stack([dict(_tensors(m))[n].detach() for m in models])
                for n, _ in _tensors(models[0])
                if n not in how.trained
            }
            return
        self.models = list(models)
        self._point()
        self.states = []
        with random_state_kept():
            for seed in seeds:
                torch.manual_seed(seed)
                self.states.append(torch.get_rng_state())

    def _point(self) -> None:
        for i, model in enumerate(self.models):
            for name, parameter in model.named_parameters():
                if name in self.params:
                    parameter.data = self.params[name][i]

    def take(self, slots: Tensor) -> None:
        """Keep the slots of these indices in this order."""
        self.params = {n: placed(value[slots]) for n, value in self.params.items()}
        self.slots = len(slots)
        if self.how.fused:
            self.rest = {n: value[slots] for n, value in self.rest.items()}
        else:
            self.models = [self.models[i] for i in slots.tolist()]
            self.states = [self.states[i] for i in slots.tolist()]
            self._point()

    def targets(self, y: Tensor, lead: int) -> Tensor:
        """Targets as they are: the loss is the user's own."""
        return y

    def gradient(self, x: Tensor, y: Tensor, own: Own = False) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of every slot (S,) and its gradient, for one batch (B, ...) or, with `own`, one per slot."""
        if self.how.fused:
            return self._fused(x, y, own)
        losses, grads = [], {n: torch.empty_like(p) for n, p in self.params.items()}
        x, y = (placed(x), placed(y)) if own else (x, y)
        for i, model in enumerate(self.models):
            held = dict(model.named_parameters())
            wanted = [held[n] for n in self.params]
            with torch.enable_grad():
                loss = self._loss(i, model, x[i] if own else x, y[i] if own else y)
                found: Sequence[Tensor | None] = [None] * len(wanted)
                if loss.requires_grad:
                    found = torch.autograd.grad(loss, wanted, allow_unused=True)
            losses.append(loss.detach())
            for name, g in zip(self.params, found, strict=True):
                grads[name][i] = 0.0 if g is None else g
        return torch.stack(losses), grads

    def _loss(self, i: int, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        if not self.how.random:
            return self.loss_fn(model(x), y)
        torch.set_rng_state(self.states[i])
        loss = self.loss_fn(model(x), y)
        self.states[i] = torch.get_rng_state()
        return loss

    def _fused(self, x: Tensor, y: Tensor, own: Own) -> tuple[Tensor, dict[str, Tensor]]:
        template, loss_fn = self.template, self.loss_fn

        def one(p: dict[str, Tensor], rest: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
            return loss_fn(functional_call(template, {**p, **rest}, (x,)), y)

        where = 0 if own else None
        x, y = (placed(x), placed(y)) if own else (x, y)
        step: Callable[..., Any] = vmap(grad_and_value(one), in_dims=(0, 0, where, where))
        parts = []
        for k in range(0, self.slots, WIDTH):
            cut = slice(k, k + WIDTH)
            p = {n: v[cut] for n, v in self.params.items()}
            rest = {n: v[cut] for n, v in self.rest.items()}
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="There is a performance drop")
                parts.append(step(p, rest, x[cut] if own else x, y[cut] if own else y))
        loss = torch.cat([part[1] for part in parts])
        return loss.detach(), {n: torch.cat([part[0][n] for part in parts]) for n in self.params}

    @torch.no_grad()
    def evaluate(self, x: Tensor, y: Tensor, own: Own = False) -> Tensor:
        """The loss of every slot (S,) in training mode, without a step; buffers stay."""
        losses = []
        x, y = (placed(x), placed(y)) if own else (x, y)
        for i in range(self.slots):
            mine, its = (x[i], y[i]) if own else (x, y)
            if self.how.fused:
                losses.append(self.loss_fn(functional_call(self.template, self._copy(i), (mine,)), its))
                continue
            kept = [(b, b.clone()) for b in self.models[i].buffers()]
            losses.append(self._loss(i, self.models[i], mine, its))
            for buffer, value in kept:
                buffer.copy_(value)
        return torch.stack(losses)

    def _copy(self, i: int) -> dict[str, Tensor]:
        return {n: v[i].clone() for n, v in (self.params | self.rest).items()}

    def outputs(self, x: Tensor, own: Own = False) -> Tensor:
        """Outputs (S, B, ...) of every slot in evaluation mode."""
        results = []
        x = placed(x) if own else x
        for i in range(self.slots):
            model = self.template if self.how.fused else self.models[i]
            if self.how.fused:
                held = dict(_tensors(model))
                for name, value in self._copy(i).items():
                    held[name].data = value
            results.append(predict(model, x[i] if own else x))
        return torch.stack(results)


def _tensors(model: nn.Module) -> list[tuple[str, Tensor]]:
    return [*model.named_parameters(), *model.named_buffers()]
