"""Autograd's gradient beside the loss's own derivatives, by central differences in double precision."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from trainability.doctor.probes._lines import own_line
from trainability.doctor.readings.graph import CutReading
from trainability.setup import Setup
from trainability.setup.facts import evaluate, forward
from trainability.setup.large import is_large
from trainability.setup.untouched import seed_everything

SAMPLE, DIRECTIONS, MOST = 32, 3, 48
STEP, JITTER, FLOOR = 1e-5, 1e-2, 1e-3  # of a weight's size; the size that a tensor of zeros is given
CONVERGED, SOME, WRONG = 0.02, 0.03, 0.1
SMALL = 1e-3  # of the whole derivative; a tensor with less is not judged


def cut_reading(setup: Setup) -> CutReading:
    """Compare directional derivatives of the loss with autograd's, all tensors together and then one by one.

    In eval mode, so that batch normalisation uses its running values on both sides, with every random draw repeated.
    A derivative counts where half the step gives the same within 2%, so that steps of a threshold and kinks do not.

    Args:
        setup: stays as it is.

    Returns:
        CutReading; `error` is nan for a large model and for one whose loss is not the same twice.
    """
    if is_large(setup.model) or not setup.facts.differentiable:
        return CutReading()
    copy = setup.clone()
    model, loss_fn = copy.model.double().eval(), copy.loss_fn
    if isinstance(loss_fn, nn.Module):
        loss_fn = loss_fn.double()
    x, y = (_double(t).to(copy.device) for t in copy.batches.sample(min(SAMPLE, max(copy.batches.batch_size, 2))))
    buffers = [(b, b.clone()) for b in model.buffers()]
    wanted = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    cuts, draw = _Detached(), torch.Generator().manual_seed(0)
    with torch.no_grad():  # biases of 0 over empty places put units exactly on their kink, where no derivative is
        for p in model.parameters():
            p.add_(JITTER * _size(p) * torch.randn(p.shape, generator=draw, dtype=p.dtype).to(p.device))

    def value() -> Tensor:
        seed_everything(0)
        with torch.backends.cudnn.flags(enabled=False), cuts:
            loss = evaluate(loss_fn, forward(model, x), y)
        cuts.done = True
        with torch.no_grad():
            for buffer, kept in buffers:
                if not torch.equal(buffer, kept):  # a write would spoil the graph that holds them
                    buffer.copy_(kept)
        return loss

    loss = value()
    if not bool(torch.isfinite(loss)) or not torch.equal(loss.detach(), value().detach()):
        return CutReading()
    gradients = torch.autograd.grad(loss, [p for _, p in wanted], allow_unused=True)
    padding, scaled = _embeddings(model)
    have = [
        (n, p, g)
        for (n, p), g in zip(wanted, gradients, strict=True)
        if g is not None and not g.is_sparse and id(p) not in scaled
    ]
    scale = math.sqrt(sum((_size(p) * float(g.norm())) ** 2 for _, p, g in have))
    together = [_compared([p for _, p, _ in have], [g for *_, g in have], value, draw, padding) for _ in range(2)]
    if not scale > 0 or any(math.isnan(d) for d, _ in together):
        return CutReading()
    error = max(abs(d - a) / max(abs(d), scale) for d, a in together)
    if error <= SOME:
        return CutReading(error=error, calls=cuts.count, line=cuts.line)
    errors: dict[str, float] = {}
    whole = max(scale, *(abs(d) for d, _ in together))
    for name, p, g in have[:MOST]:
        pairs = [_compared([p], [g], value, draw, padding) for _ in range(DIRECTIONS)]
        size = math.sqrt(sum(d * d for d, _ in pairs) / DIRECTIONS)
        if size > SMALL * whole:  # nan is not
            errors[name] = math.sqrt(sum((d - a) ** 2 for d, a in pairs) / DIRECTIONS) / size
    wrong = tuple(name for name, e in errors.items() if e > WRONG)
    return CutReading(
        tensors=wrong,
        error=max(errors.values(), default=math.nan),
        checked=len(errors),
        in_loss=bool(wrong) and _in_loss(copy, loss_fn, model, x, y, draw),
        calls=cuts.count,
        line=cuts.line,
    )


def _compared(
    tensors: Sequence[Tensor],
    gradients: Sequence[Tensor],
    value: Callable[[], Tensor],
    draw: torch.Generator,
    padding: Mapping[int, int],
) -> tuple[float, float]:
    """(derivative by differences, by autograd) along one random direction; nan where half the step gives another."""
    along = [torch.randn(t.shape, generator=draw, dtype=t.dtype).to(t.device) * _size(t) for t in tensors]
    for t, v in zip(tensors, along, strict=True):
        if id(t) in padding:
            v[padding[id(t)]] = 0
    by_autograd = sum(float((g * v).sum()) for g, v in zip(gradients, along, strict=True))
    found = []
    for step in (STEP, STEP / 2):
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                for t, v in zip(tensors, along, strict=True):
                    t += sign * step * v
            ends.append(float(value().detach()))
            with torch.no_grad():
                for t, v in zip(tensors, along, strict=True):
                    t -= sign * step * v
        found.append((ends[0] - ends[1]) / (2 * step))
    scale = max(abs(found[1]), abs(by_autograd))
    return (found[1] if abs(found[0] - found[1]) <= CONVERGED * scale else math.nan), by_autograd


def _embeddings(model: nn.Module) -> tuple[dict[int, int], set[int]]:
    """Rows that an embedding keeps as they are (padding), and embeddings whose gradient is scaled on purpose, by id."""
    padding, scaled = {}, set()
    for module in model.modules():
        if isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
            if module.padding_idx is not None:
                padding[id(module.weight)] = module.padding_idx
            if module.scale_grad_by_freq or module.max_norm is not None:
                scaled.add(id(module.weight))
    return padding, scaled


def _in_loss(setup: Setup, loss_fn: Any, model: nn.Module, x: Tensor, y: Tensor, draw: torch.Generator) -> bool:
    """Whether the loss's own gradient at the model's output differs from its derivatives."""
    seed_everything(0)
    with torch.backends.cudnn.flags(enabled=False):
        output = forward(model, x).detach().requires_grad_()

    def value() -> Tensor:
        seed_everything(0)
        return evaluate(loss_fn, output, y)

    loss = value()
    if not loss.requires_grad:
        return True
    (gradient,) = torch.autograd.grad(loss, [output], allow_unused=True)
    if gradient is None:
        return True
    scale = _size(output) * float(gradient.norm())
    pairs = [_compared([output], [gradient], value, draw, {}) for _ in range(DIRECTIONS)]
    return any(abs(d - a) > SOME * max(abs(d), scale) for d, a in pairs)


class _Detached(TorchFunctionMode):
    """Counts how often, in the first pass, a tensor is taken out of the graph by lines of the user's own."""

    def __init__(self) -> None:
        super().__init__()
        self.count, self.line, self.done = 0, "", False

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        off = func is torch._C._set_grad_enabled and args[:1] == (False,)
        if self.done:
            return func(*args, **(kwargs or {}))
        if off or (func in DETACHING and args and isinstance(args[0], Tensor) and args[0].grad_fn is not None):
            line = own_line(traceback.format_stack()[:-1])
            self.count += bool(line)
            self.line = self.line or line
        return func(*args, **(kwargs or {}))


DETACHING = (Tensor.detach, Tensor.detach_, torch.detach, torch.detach_, Tensor.data.__get__)  # type: ignore[attr-defined]


def _double(x: Tensor) -> Tensor:
    return x.double() if x.is_floating_point() else x


def _size(x: Tensor) -> float:
    return max(float(x.detach().square().mean().sqrt()), FLOOR) if x.numel() else FLOOR
