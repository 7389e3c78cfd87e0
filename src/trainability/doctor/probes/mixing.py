"""Whether samples of a batch are mixed: exchange some of them, and look at the answers to the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from trainability.doctor.readings.graph import MixingReading
from trainability.setup import Setup
from trainability.setup.facts import forward
from trainability.setup.untouched import seed_everything

SAMPLES, CHANGED = 14, 1e-3  # of the outputs' spread; rounding that depends on the batch stays below 1e-5


def mixing_reading(setup: Setup) -> MixingReading:
    """Answer a batch, then the same with half of its samples exchanged, in eval mode.

    Args:
        setup: stays as it is.

    Returns:
        MixingReading; `change` is nan where there are too few samples, or the same batch gets two answers.
    """
    copy = setup.clone()
    model = copy.model.eval()
    x = copy.batches.sample(4 * SAMPLES)[0].to(copy.device)
    n = SAMPLES
    while n in x.shape[1:]:  # a batch that is taken for another dimension has to be told from it
        n += 2
    if len(x) < 2 * n:
        return MixingReading()
    half, one, other = n // 2, x[:n], x[n : 2 * n]
    first = torch.cat([one[:half], other[half:]])
    second = torch.cat([other[:half], one[half:]])
    with torch.no_grad():
        answers = [_answer(model, batch, n) for batch in (one, one, first, second)]
    outputs = [output for output, _, _ in answers]
    if len(outputs[0]) != n or not all(bool(torch.isfinite(o).all()) for o in outputs):
        return MixingReading()
    spread = float(outputs[0].double().std(0, correction=0).square().mean().sqrt())
    if not spread > 0 or not torch.allclose(outputs[0], outputs[1], rtol=1e-5, atol=1e-5 * spread):
        return MixingReading()
    kept = slice(0, half), slice(half, n)
    change = max(_rms(outputs[0][k] - o[k]) for k, o in zip(kept, outputs[2:], strict=True)) / spread
    if not change > CHANGED:
        return MixingReading(change=change, samples=n)
    name, kind = _first(answers[0][1], [(answers[2][1], kept[0]), (answers[3][1], kept[1])], n)
    return MixingReading(change=change, samples=n, module=name, kind=kind, swapped=answers[0][2])


Seen = list[tuple[str, str, Tensor]]


def _answer(model: nn.Module, x: Tensor, n: int) -> tuple[Tensor, Seen, tuple[str, ...]]:
    """The output, each leaf module's own, and the modules that take the batch for time."""
    seen: Seen = []
    swapped: list[str] = []
    handles = []

    def after(name: str, module: nn.Module) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            value = output[0] if isinstance(output, tuple) and output else output
            if isinstance(value, Tensor) and value.is_floating_point():
                seen.append((name, type(module).__name__, value.detach().clone()))

        return hook

    def before(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, kwargs: Any) -> None:
            given = next((a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)), None)
            if given is not None and given.ndim == 3 and given.shape[0] == n and given.shape[1] != n:
                swapped.append(name)

        return hook

    try:
        for name, module in model.named_modules():
            if not any(module.children()) or isinstance(module, nn.MultiheadAttention):
                handles.append(module.register_forward_hook(after(name, module)))
            if getattr(module, "batch_first", True) is False:
                handles.append(module.register_forward_pre_hook(before(name), with_kwargs=True))
        seed_everything(0)
        with torch.enable_grad():  # without it, transformers take a path of their own that calls no hooks
            output = forward(model, x).detach()
    finally:
        for handle in handles:
            handle.remove()
    return output, seen, tuple(dict.fromkeys(swapped))


def _first(base: Seen, changed: list[tuple[Seen, slice]], n: int) -> tuple[str, str]:
    """The first module whose rows for samples that stayed are others, with its class; ("", "") for none."""
    for i, (name, kind, value) in enumerate(base):
        for seen, kept in changed:
            if i >= len(seen) or seen[i][0] != name or seen[i][2].shape != value.shape or not value.numel():
                continue
            other = seen[i][2]
            if value.ndim and value.shape[0] % n == 0:
                each = value.shape[0] // n
                rows = slice(kept.start * each, kept.stop * each)
                now, then = other[rows], value[rows]
            elif value.ndim > 1 and value.shape[1] == n:
                now, then = other[:, kept], value[:, kept]
            else:
                continue
            if _rms(now - then) > CHANGED * _rms(then - then.mean()):
                return name, kind
    return "", ""


def _rms(x: Tensor) -> float:
    return float(x.double().square().mean().sqrt())
