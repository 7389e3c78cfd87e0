"""Which loss this is, found by calling it: `((o - t) ** 2).mean()` in a lambda is as good as `nn.MSELoss`."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Family = Literal[
    "mse", "l1", "huber", "cross-entropy", "nll", "nll-of-probabilities", "bce", "bce-with-logits", "custom"
]


@dataclass(frozen=True)
class LossFamily:
    """What a loss does, whatever it is called.

    Args:
        name: the family, "custom" where none fits.
        factor: how many times the family's mean-reduced loss it is; nan for "custom". Negative when flipped.
        offset: what it adds that does not depend on the output (a penalty on the weights, say).
        broadcasts: output and target have different shapes and the loss compares all pairs of them.
        one_hot: it compares the output with the one-hot form of class indices.
        sums: it grows with the batch size (reduction by sum).
    """

    name: Family
    factor: float = math.nan
    offset: float = 0.0
    broadcasts: bool = False
    one_hot: bool = False
    sums: bool = False


Reference = Callable[[Tensor, Tensor], Tensor]


def loss_family(loss_fn: Callable[..., Any], output: Tensor, target: Tensor) -> LossFamily:
    """Recognise `loss_fn` by its values on a few made-up outputs.

    A family fits when, over outputs drawn from (0.05, 0.95), `loss_fn = factor * family + offset` with one
    factor and one offset to a relative 1e-3. Weighted forms (class weights, label smoothing) are
    recognised by their type alone.

    Args:
        loss_fn: (output, target) -> scalar.
        output: (N, ...), one batch of the model's outputs; only shape, dtype and device are used.
        target: (N, ...), the targets of that batch.

    Returns:
        LossFamily.

    Example:
        >>> y = torch.tensor([0, 2, 1, 1])
        >>> loss_family(lambda o, t: 3 * F.cross_entropy(o, t), torch.zeros(4, 3), y).name
        'cross-entropy'
        >>> loss_family(lambda o, t: ((o - t) ** 2).sum(), torch.zeros(4, 1), torch.randn(4, 1)).sums
        True
    """
    output, target = output[:8].detach(), target[:8]
    generator = torch.Generator().manual_seed(0)
    trials = [
        (0.05 + 0.9 * torch.rand(output.shape, generator=generator)).to(output.dtype).to(output.device)
        for _ in range(5)
    ]
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        given = _values(loss_fn, trials, target)
        if given is None:
            return LossFamily(_by_type(loss_fn) or "custom")
        sums = _sums(loss_fn, trials[0], target)
        for name, reference, broadcasts, one_hot in _references(output, target):
            fit = _fit(given, _values(reference, trials, target))
            if fit is not None:
                return LossFamily(name, *fit, broadcasts=broadcasts, one_hot=one_hot, sums=sums)
        known = _by_type(loss_fn)
        if known is None and _shift_invariant(loss_fn, trials, target) and _curved(loss_fn, trials, target):
            known = "cross-entropy"
    return LossFamily(known or "custom", sums=sums)


def _references(output: Tensor, target: Tensor) -> Iterator[tuple[Family, Reference, bool, bool]]:
    index = not target.is_floating_point() and not target.is_complex()
    classes = output.shape[1] if output.ndim > 1 else 1
    squeezed = target.squeeze(-1) if target.ndim == output.ndim and target.shape[-1] == 1 else target
    if classes > 1:
        yield "cross-entropy", lambda o, t: F.cross_entropy(o, squeezed), False, False
        yield "nll-of-probabilities", lambda o, t: F.nll_loss(o.log(), squeezed), False, False
        yield "nll", lambda o, t: F.nll_loss(o, squeezed), False, False
        if not index and target.shape == output.shape:
            yield "nll-of-probabilities", lambda o, t: -(t * o.log()).sum(1).mean(), False, False
    pointwise: tuple[tuple[Family, Reference], ...] = (
        ("mse", F.mse_loss),
        ("bce", _cross_entropy),
        ("bce-with-logits", F.binary_cross_entropy_with_logits),
        ("l1", F.l1_loss),
        ("huber", F.smooth_l1_loss),
    )
    for name, reference in pointwise:
        if target.numel() == output.numel():
            yield name, _aligned(reference), False, False
        if target.shape != output.shape:
            yield name, _broadcast(reference), True, False
        if index and classes > 1 and target.numel() == output.shape[0]:
            yield name, _one_hot(reference, classes), False, True


def _cross_entropy(p: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy by its formula, which does not refuse targets outside [0, 1], as hand-written ones do not."""
    return -(target * p.log() + (1 - target) * torch.log1p(-p)).mean()


def _aligned(reference: Reference) -> Reference:
    return lambda o, t: reference(o, t.reshape(o.shape).to(o.dtype))


def _broadcast(reference: Reference) -> Reference:
    def loss(o: Tensor, t: Tensor) -> Tensor:
        o, t = torch.broadcast_tensors(o, t.to(o.dtype))
        return reference(o, t)

    return loss


def _one_hot(reference: Reference, classes: int) -> Reference:
    return lambda o, t: reference(o, F.one_hot(t.reshape(-1).long(), classes).to(o.dtype))


def _values(loss_fn: Callable[..., Any], trials: list[Tensor], target: Tensor) -> list[float] | None:
    try:
        return [float(loss_fn(o, target)) for o in trials]
    except Exception:  # a user's loss may raise anything on made-up outputs
        return None


def _fit(given: list[float], reference: list[float] | None) -> tuple[float, float] | None:
    if reference is None or not all(map(math.isfinite, [*given, *reference])):
        return None
    mean_g, mean_r = sum(given) / len(given), sum(reference) / len(reference)
    spread = sum((r - mean_r) ** 2 for r in reference)
    if spread < 1e-12 * max(mean_r**2, 1e-12):
        return None
    pairs = zip(given, reference, strict=True)
    factor = sum((g - mean_g) * (r - mean_r) for g, r in pairs) / spread
    offset = mean_g - factor * mean_r
    error = max(abs(g - factor * r - offset) for g, r in zip(given, reference, strict=True))
    if error > 1e-3 * abs(factor) * math.sqrt(spread / len(given)) or factor == 0:
        return None
    small = 1e-4 * max(abs(mean_g), 1e-12)
    return factor, 0.0 if abs(offset) < small else offset


def _sums(loss_fn: Callable[..., Any], output: Tensor, target: Tensor) -> bool:
    double = _values(loss_fn, [torch.cat([output, output])], torch.cat([target, target]))
    single = _values(loss_fn, [output], target)
    return bool(double and single and single[0] and abs(double[0] / single[0] - 2) < 1e-3)


def _shift_invariant(loss_fn: Callable[..., Any], trials: list[Tensor], target: Tensor) -> bool:
    if trials[0].ndim < 2 or trials[0].shape[1] < 2:
        return False
    plain, moved = _values(loss_fn, trials, target), _values(loss_fn, [o + 3.0 for o in trials], target)
    if plain is None or moved is None or max(plain) - min(plain) < 1e-6:
        return False
    return all(abs(a - b) <= 1e-4 * max(abs(a), 1e-6) for a, b in zip(plain, moved, strict=True))


def _curved(loss_fn: Callable[..., Any], trials: list[Tensor], target: Tensor) -> bool:
    """Whether the loss bends between two outputs that are close: a softmax does, a margin is made of straight lines."""
    a, b = trials[0], 0.9 * trials[0] + 0.1 * trials[1]
    found = _values(loss_fn, [a, (a + b) / 2, b], target)
    return found is not None and abs(found[0] + found[2] - 2 * found[1]) > 1e-6 * max(abs(found[1]), 1e-6)


def _by_type(loss_fn: Callable[..., Any]) -> Family | None:
    types: dict[type, Family] = {
        nn.CrossEntropyLoss: "cross-entropy",
        nn.NLLLoss: "nll",
        nn.BCELoss: "bce",
        nn.BCEWithLogitsLoss: "bce-with-logits",
        nn.MSELoss: "mse",
        nn.L1Loss: "l1",
        nn.SmoothL1Loss: "huber",
        nn.HuberLoss: "huber",
    }
    return next((name for kind, name in types.items() if isinstance(loss_fn, kind)), None)
