"""Watch the user's own training step at work: what it does in which order, and what comes of it."""

from __future__ import annotations

import math
import time
import warnings
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import chain, pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from trainability.doctor.readings import LoopReading
from trainability.setup import Setup
from trainability.setup.batches import steps
from trainability.setup.facts import evaluate, forward
from trainability.setup.loop_events import Event, loop_events
from trainability.setup.output import OutputOf
from trainability.setup.own_step import OwnStep
from trainability.setup.untouched import random_state_kept, seed_everything, untouched

FEWEST, MOST, ENOUGH = 8, 64, 6  # calls at least and at most; optimizer steps that are enough to see a habit
MANY = 512  # calls at most where no optimizer has stepped yet, since gradients may be accumulated for long
MOMENTS = 4
SAME = 0.999  # cosine from which two gradients are one
SECONDS = 5.0  # after which three calls have to do


def loop_reading(setup: Setup) -> LoopReading | None:
    """Call a Setup's own step a few times on a private copy and read what it does.

    Calls it until six optimizer steps are seen, at least 8 and at most 64 times (512 where none stepped), so that
    gradients accumulated over several calls are told from gradients that are never cleared.

    Args:
        setup: stays as it is, also where its step trains it instead of the copy that it is given.

    Returns:
        LoopReading; None for a Setup without a step.

    Raises:
        SetupError: the step raised, or returned something else than a loss.
    """
    if setup.step is None:
        return None
    with untouched(setup.model, setup.optimizer):
        return _watched(setup)


def _watched(setup: Setup) -> LoopReading:
    copy = setup.clone()
    original = [p.detach().clone() for p in setup.model.parameters()]
    before = {name: (p, p.detach().clone()) for name, p in copy.model.named_parameters()}
    reached: set[str] = set()
    first: dict[str, Tensor] = {}
    one_call: tuple[Event, ...] = ()
    calls, began = 0, time.perf_counter()

    waste, widened = _Waste([p for p, _ in before.values()]), _Widened()
    given: set[tuple[float, ...]] = set()
    used: set[tuple[float, ...]] = set()
    entered: list[Tensor] = []

    def entering(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if torch.is_grad_enabled():
            used.add(_print([*args, *kwargs.values()]))
            entered.extend(t.detach().clone() for t in args[:1] if isinstance(t, Tensor) and not entered)

    def seen(event: Event) -> None:
        if event.ours:
            waste.see(event)
        if event.name not in ("backward", "step"):
            return
        found = {name: p.grad for name, (p, _) in before.items() if p.grad is not None}
        if found and not first:
            first.update({name: g.detach().clone() for name, g in found.items()})
        reached.update(found)

    with random_state_kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seed_everything(0)
        copy.model.train()
        own, data = OwnStep(copy), steps(copy.batches, 0)
        batch = next(data)
        expected = _own_gradient(copy, *(t.to(copy.device) for t in batch))
        handle = inner(copy.model).register_forward_pre_hook(entering, with_kwargs=True)
        with loop_events(copy.model, copy.optimizer, seen=seen) as events:
            for x, y in chain([batch], data):
                given.add(_print([x]))
                with widened:
                    own(calls, x.to(copy.device), y.to(copy.device))
                one_call = one_call or tuple(e for e in events.all if e.ours)
                calls += 1
                done = sum(e.name == "step" and e.ours for e in events.all)
                late = calls >= 3 and time.perf_counter() - began > SECONDS
                if late or calls >= min(MOST if done else MANY, setup.steps) or (calls >= FEWEST and done >= ENOUGH):
                    break
        handle.remove()
    after = dict(copy.model.named_parameters())
    trainable = [name for name, (p, _) in before.items() if p.requires_grad]
    moved = _movement(before)
    others = _changed(original, list(setup.model.parameters()))
    foreign = sum(e.name == "step" and not e.ours for e in events.all)
    return LoopReading(
        calls=calls,
        **_habits(events.groups[:-1], list(events.all), one_call),
        foreign_steps=foreign,
        thrown=waste.share,
        widened=widened.seen,
        shuffled=bool(entered) and _shuffled(setup, entered[0], batch, first),
        given=len(given),
        used=len(used),
        again=_among(used, given),
        mode_matters=any(isinstance(m, _MODAL) for m in copy.model.modules()),
        moved=moved,
        elsewhere=moved == 0 and (others or foreign > 0),
        replaced=tuple(name for name, p in after.items() if name in before and before[name][0] is not p),
        silent=tuple(n for n in trainable if n not in reached and after.get(n) is before[n][0]) if reached else (),
        alignment=_cosine(expected, first) * (-1 if _maximizes(copy.optimizer) else 1),
    )


def scheduled_lrs(optimizer: Any) -> tuple[float, ...]:
    """Each group's learning rate, or where a schedule moves it, the one it rises to or falls from.

    Example:
        >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.5)
        >>> warm_up = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step / 10)
        >>> optimizer.param_groups[0]["lr"], scheduled_lrs(optimizer)
        (0.0, (0.5,))
    """
    names = ("max_lr", "initial_lr", "lr")
    found = ([group[name] for name in names if name in group] for group in optimizer.param_groups)
    return tuple(float(values[0]) if values else math.nan for values in found)


class _Widened(TorchFunctionMode):
    """Whether a column (N, 1) and a row (N,) met in one operation, one of which depends on the model: (N, N) comes out."""

    SCALARS = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")

    def __init__(self) -> None:
        super().__init__()
        self.seen = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        two = args[:2]
        if len(two) == 2 and all(isinstance(t, Tensor) for t in two):
            a, b = sorted(two, key=lambda t: t.ndim)
            n = a.numel()
            if n > 1 and a.shape == (n,) and b.shape == (n, 1) and a.requires_grad != b.requires_grad:
                wide = isinstance(result, Tensor) and result.shape == (n, n)
                self.seen |= wide or getattr(func, "__name__", "") in self.SCALARS
        return result


def _shuffled(setup: Setup, entered: Tensor, batch: tuple[Tensor, Tensor], first: dict[str, Tensor]) -> bool:
    """Whether the model got a batch's rows in another order than the batch has them, and the labels in the old one.

    Rows may be augmented on the way; each is known by the nearest. The gradient that the step had is then the own loss's on
    the shuffled inputs beside the labels as they stand, and not beside the labels that belong to them.
    """
    x, y = (t.to(entered.device) for t in batch)
    if entered.shape != x.shape or not (entered.is_floating_point() and x.is_floating_point()) or len(x) < 2:
        return False
    order = torch.cdist(entered.flatten(1).double(), x.flatten(1).double()).argmin(1)
    if len(order.unique()) < len(x) or torch.equal(order, order.sort().values):
        return False
    copy = setup.clone()
    copy.model.train()
    beside = _cosine(_own_gradient(copy, entered, y), first)
    mended = _cosine(_own_gradient(copy, entered, y[order]), first)
    return abs(beside) > SAME > abs(mended)


_MODAL = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm)


class _Waste:
    """Backwards whose gradient nobody used: cleared before a step, while no weight changed.

    A weight that changes between the two (an ascent step of sharpness-aware training, an update written by hand) is a
    use. What follows the last step may still be used.
    """

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        self.parameters = parameters
        self.waiting: list[tuple[list[int], list[float]]] = []
        self.used = self.lost = 0
        self.at_last_step = (0, 0)

    def see(self, event: Event) -> None:
        if event.name == "backward" and event.reached:
            self.waiting.append(self._weights())
        elif event.name in ("step", "skip"):
            self.used += len(self.waiting)
            self.waiting = []
            self.at_last_step = (self.used, self.lost)
        elif event.name == "clear" and self.waiting:
            now = self._weights()
            lost = sum(then == now for then in self.waiting)
            self.lost, self.used = self.lost + lost, self.used + len(self.waiting) - lost
            self.waiting = []

    @property
    def share(self) -> float:
        """Of the backwards up to the last step."""
        used, lost = self.at_last_step
        return lost / (used + lost) if used + lost else 0.0

    def _weights(self) -> tuple[list[int], list[float]]:
        norms = torch._foreach_norm([p.detach() for p in self.parameters]) if self.parameters else []
        return [p._version for p in self.parameters], [float(n) for n in norms]


def inner(model: nn.Module) -> nn.Module:
    """What a user's step is given: the module itself where an output is chosen from it."""
    return model.model if isinstance(model, OutputOf) else model


def _print(given: Sequence[object]) -> tuple[float, ...]:
    """A few numbers that a batch has in whichever order its samples come: moments of its rows."""
    numbers: list[float] = []
    for t in given:
        if isinstance(t, Tensor) and t.numel() and not t.is_complex() and not t.is_sparse:
            rows = t.detach().double().reshape(len(t), -1) if t.ndim else t.detach().double().reshape(1, 1)
            weights = torch.linspace(1, 2, rows.shape[1], dtype=torch.float64, device=rows.device)
            sums = rows @ weights
            numbers += [float(f"{float(v):.9g}") for v in (sums.sum(), sums.square().sum(), sums.pow(3).sum())]
            numbers.append(float(len(rows)))
    return tuple(numbers)  # MOMENTS of each tensor


def _among(used: Collection[tuple[float, ...]], given: Collection[tuple[float, ...]]) -> bool:
    """Whether everything used is a batch that was given, or has as many samples as one."""
    rows = {g[-1] for g in given if g}
    parts = [{u[i : i + MOMENTS] for i in range(0, len(u), MOMENTS)} for u in used]
    return all(part & set(given) or {p[-1] for p in part} & rows for part in parts)


def _habits(
    stepped: Sequence[tuple[Event, ...]], everything: Sequence[Event], one_call: tuple[Event, ...]
) -> dict[str, Any]:
    """What the events of several optimizer steps have in common."""
    backwards = [e for e in everything if e.name == "backward"]
    forwards = [e for e in everything if e.name == "forward" and e.recorded]
    stale = [
        before[-1].reached > 0 and now[-1].reached > 0 and not any(e.name in ("clear", "skip") for e in now)
        for before, now in pairwise(stepped)
    ]
    emptied = [now[-1].reached == 0 and _cleared_after_backward(now) for now in stepped]
    order = Counter(map(_names, stepped)).most_common(1)
    return {
        "order": order[0][0] if order else _names(one_call),
        "steps": len(stepped),
        "skipped": sum(e.name == "skip" for e in everything),
        "backwards": len(backwards),
        "reaching": sum(e.reached > 0 for e in backwards),
        "rootless": sum(not e.history for e in backwards),
        "manual": sum(e.name == "grad" and e.ours for e in everything),
        "accumulated": sum(e.name == "backward" for g in stepped for e in g) / len(stepped) if stepped else math.nan,
        "stale": sum(stale) / len(stale) if stale else 0.0,
        "emptied": sum(emptied) / len(emptied) if emptied else 0.0,
        "evaluating": sum(not e.training for e in forwards) / len(forwards) if forwards else 0.0,
    }


def _names(group: tuple[Event, ...]) -> tuple[str, ...]:
    return tuple(e.name for e in group if e.name != "forward" or e.recorded)


def _cleared_after_backward(group: tuple[Event, ...]) -> bool:
    reaching = [i for i, e in enumerate(group) if e.name == "backward" and e.reached]
    return bool(reaching) and any(e.name == "clear" for e in group[reaching[-1] :])


def _own_gradient(setup: Setup, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """The gradient of the Setup's own loss on a batch, with the draws that the step is about to make; no trace."""
    named = {name: p for name, p in setup.model.named_parameters() if p.requires_grad}
    buffers = [(b, b.clone()) for b in setup.model.buffers()]
    try:
        with random_state_kept(), torch.enable_grad():
            output = forward(setup.model, x)
            loss = evaluate(setup.loss_fn, output, y) if bool(torch.isfinite(output).all()) else None
            if loss is None or not loss.requires_grad:
                return {}
            gradients = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    finally:
        with torch.no_grad():
            for buffer, kept in buffers:
                buffer.copy_(kept)
    return {name: g for name, g in zip(named, gradients, strict=True) if g is not None}


def _cosine(one: dict[str, Tensor], two: dict[str, Tensor]) -> float:
    shared = [name for name in one if name in two and not (one[name].is_sparse or two[name].is_sparse)]
    product = sum(float((one[n].double() * two[n].double()).sum()) for n in shared)
    sizes = [math.sqrt(sum(float(g[n].double().square().sum()) for n in shared)) for g in (one, two)]
    return product / (sizes[0] * sizes[1]) if sizes[0] * sizes[1] > 0 else math.nan


def _movement(before: dict[str, tuple[nn.Parameter, Tensor]]) -> float:
    moved = sum(float((p.detach().double() - old.double()).square().sum()) for p, old in before.values())
    size = sum(float(old.double().square().sum()) for _, old in before.values())
    return math.sqrt(moved / size) if size > 0 else (math.inf if moved else 0.0)


def _changed(before: Sequence[Tensor], now: Sequence[Tensor]) -> bool:
    return any(not torch.equal(a, b) for a, b in zip(before, now, strict=True))


def _maximizes(optimizer: object) -> bool:
    return any(group.get("maximize", False) for group in getattr(optimizer, "param_groups", ()))
