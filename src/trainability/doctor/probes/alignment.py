"""Whether the loss compares each target with its own output: change one target and see where the gradient changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import torch
from torch import Tensor

from trainability.doctor.readings.graph import AlignmentReading
from trainability.setup import Setup
from trainability.setup.facts import evaluate, forward

SAMPLES, PLACES, SHUFFLED, HALF = 5, 8, 3, 0.5
ZERO = 1e-6  # of the largest change of the gradient


def alignment_reading(setup: Setup) -> AlignmentReading:
    """Change single targets of a small batch and look where the gradient at the output changes.

    Targets and outputs are laid beside each other in every order of dimensions in which they fit, the output with one
    dimension more for classes; a place is misplaced if no order finds a change there.

    Args:
        setup: stays as it is.

    Returns:
        AlignmentReading; no `places` where targets and outputs do not fit in any order.
    """
    copy = setup.clone()
    x, y = (t.to(copy.device) for t in copy.batches.sample(256))
    n = SAMPLES
    with torch.no_grad():
        shape = forward(copy.model.eval(), x[: min(n, len(x))]).shape
    while n in (*shape[1:], *y.shape[1:]):
        n += 1
    if len(x) < n:
        return AlignmentReading()
    with torch.no_grad():
        output = forward(copy.model, x[:n]).detach()
    places, misplaced, stayed = _misplaced(copy.loss_fn, output, y, n)
    repair: tuple[int, ...] = ()
    if places and misplaced >= HALF * places and output.ndim > 1:
        repair = _repair(copy.loss_fn, output, y, n)
    return AlignmentReading(
        places=places,
        misplaced=misplaced,
        same_sample=sum(stayed) / len(stayed) if stayed else float("nan"),
        output_shape=tuple(output.shape),
        target_shape=tuple(y[:n].shape),
        repair=repair,
    )


def _repair(loss_fn: Callable[..., Any], output: Tensor, y: Tensor, n: int) -> tuple[int, ...]:
    """The first order of the output's dimensions that brings every target to its place; ()."""
    if output.ndim > 4:
        return ()
    tried = sorted(permutations(range(output.ndim)), key=lambda order: order != (0, *range(2, output.ndim), 1))
    for order in tried:
        if order == tuple(range(output.ndim)):
            continue

        def turned(o: Tensor, t: Tensor, order: tuple[int, ...] = order) -> Any:
            return loss_fn(o.permute(order).contiguous(), t)

        try:
            places, misplaced, _ = _misplaced(turned, output, y, n)
        except Exception:  # a loss that does not take this shape
            continue
        if places and not misplaced:
            return order
    return ()


def _misplaced(loss_fn: Callable[..., Any], output: Tensor, y: Tensor, n: int) -> tuple[int, int, list[float]]:
    """(places that were judged, those misplaced, shares of the change that stayed in the sample for those).

    A place counts as misplaced only where the gradient changes at the same other places for other outputs too: a loss
    that sorts or matches goes by the values, one that turns dimensions does not. Places that are all off by one and the
    same step are none either: a sequence model's loss compares an output with the token after it.
    """
    target = y[:n].clone()
    fits = orders(tuple(output.shape), tuple(target.shape))
    if not fits or not target.numel():
        return 0, 0, []
    draw = torch.Generator().manual_seed(0)
    others = [
        output.flatten()[torch.randperm(output.numel(), generator=draw).to(output.device)].reshape(output.shape)
        for _ in range(SHUFFLED)
    ]
    bases = [(o, _gradient(loss_fn, o, target)) for o in (output, *others)]
    places, stayed = 0, []
    offsets: dict[tuple[int, ...], set[tuple[int, ...]]] = {order: set() for order in fits}
    for _ in range(3 * PLACES):
        if places >= PLACES:
            break
        at = tuple(int(torch.randint(size, (), generator=draw)) for size in target.shape)
        other = _another(target[at], y, draw)
        if other is None:
            continue
        changed = target.clone()
        changed[at] = other
        moves = [(_gradient(loss_fn, o, changed) - base).abs() for o, base in bases]
        if not all(
            float(m.max()) > ZERO * max(float(b.abs().max()), 1e-12) for m, (_, b) in zip(moves, bases, strict=True)
        ):
            continue
        places += 1
        hits = [m > ZERO * m.max() for m in moves]
        if any(bool(hits[0][_index(order, at, output.ndim)].any()) for order in fits):
            continue
        if any(float((hits[0] & hit).sum()) < HALF * float((hits[0] | hit).sum()) for hit in hits[1:]):
            continue
        stayed.append(float(moves[0][at[0]].sum() / moves[0].sum()) if len(output) == n else float("nan"))
        top = torch.unravel_index(moves[0].argmax(), output.shape)
        for order in fits:
            offsets[order].add(tuple(int(top[d]) - a for d, a in zip(order, at, strict=True) if d >= 0))
    if len(stayed) > 1 and any(len(steps) == 1 for steps in offsets.values()):
        return places, 0, []
    return places, len(stayed), stayed


def orders(output: Sequence[int], target: Sequence[int]) -> list[tuple[int, ...]]:
    """For each dimension of the target, the output's dimension that it may stand for, in every way that sizes allow.

    The output may have one dimension more, of classes; dimensions of size 1 stand for nothing (-1).

    Args:
        output, target: shapes.

    Example:
        >>> orders((7, 3, 4, 4), (7, 4, 4)), orders((7, 1), (7,)), orders((7, 3), (5, 3))
        ([(0, 2, 3), (0, 3, 2)], [(0,)], [])
    """
    dims = [d for d, size in enumerate(output) if size > 1]
    own = [d for d, size in enumerate(target) if size > 1]
    if not own or not 0 <= len(dims) - len(own) <= 1:
        return []
    found = []
    for chosen in permutations(dims, len(own)):
        if all(output[d] == target[t] for d, t in zip(chosen, own, strict=True)):
            there = dict(zip(own, chosen, strict=True))
            found.append(tuple(there.get(t, -1) for t in range(len(target))))
    return found


def _index(order: tuple[int, ...], at: tuple[int, ...], ndim: int) -> tuple[Any, ...]:
    index: list[Any] = [slice(None)] * ndim
    for dimension, place in zip(order, at, strict=True):
        if dimension >= 0:
            index[dimension] = place
    return tuple(index)


def _another(value: Tensor, pool: Tensor, draw: torch.Generator) -> Tensor | None:
    """Another target that occurs; None where this one stands apart (a label below 0 is ignored by many losses)."""
    values = pool.flatten()[:4096].unique()
    if not value.is_floating_point():
        if value.dtype != torch.bool and int(value) < 0:
            return None
        values = values[values >= 0] if value.dtype != torch.bool else values
    values = values[values != value]
    return values[int(torch.randint(len(values), (), generator=draw))] if len(values) else None


def _gradient(loss_fn: Callable[..., Any], output: Tensor, target: Tensor) -> Tensor:
    leaf = output.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(evaluate(loss_fn, leaf, target), [leaf])
    return gradient.detach()
