"""The loss of the best constant answer: what a network reaches without looking at its input."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from trainability.setup.loss_family import LossFamily
from trainability.setup.output_form import OutputForm

WIDE, NUMBERS = 2**14, 2**22
"""An answer of more numbers than `WIDE` (a row of logits for each token, say) is chosen among the starts, by targets for
which the outputs together hold `NUMBERS` at most."""

Map = Callable[[Tensor], Tensor]


def constant_answer(
    loss_fn: Callable[..., Any], output: Tensor, target: Tensor, family: LossFamily, form: OutputForm = "values"
) -> Tensor | None:
    """The row that, given for every input, makes the loss smallest.

    Starts from the answers that are optimal for the known losses (mean, median, log of the class shares)
    and refines the best of them with L-BFGS on the user's own loss, unless it has more than `WIDE` numbers.
    Where the model gives probabilities, so does the answer: rows that sum to 1, values in (0, 1), or their
    logarithms.

    Args:
        loss_fn: (output, target) -> scalar.
        output: (n, ...), any outputs of the model; gives shape, dtype and device of one row.
        target: (N, ...), the targets to answer.
        family: what the loss was recognised as.
        form: the output's form; decides for a loss that was not recognised.

    Returns:
        A row, output's shape without its first dimension; None where the loss falls without bound or
        cannot be evaluated.

    Example:
        >>> from trainability.setup.loss_family import loss_family
        >>> out, y = torch.zeros(4, 1), torch.tensor([[1.0], [2.0], [3.0], [6.0]])
        >>> constant_answer(F.mse_loss, out, y, loss_family(F.mse_loss, out, y)).tolist()
        [3.0]
    """
    row = output[0].detach()
    squash, unsquash = _squashing(family, form)
    best, best_loss = None, math.inf
    starts = [squash(unsquash(s)) for s in _starts(row, target, family)]
    wide = row.numel() > WIDE
    if wide:
        target = target[: max(NUMBERS // row.numel(), 8)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for start in starts:
            loss = _loss(loss_fn, start, target)
            if loss < best_loss:
                best, best_loss = start, loss
        if best is None:
            return None
        exact = wide or (family.name == "mse" and not family.broadcasts and family.factor > 0)
        if not exact:
            refined, refined_loss = _refine(loss_fn, best, target, squash, unsquash)
            if refined_loss < best_loss:
                best, best_loss = refined, refined_loss
    scale = max(abs(_loss(loss_fn, starts[0], target)), 1.0)
    if best_loss < -1e6 * scale or (math.isfinite(family.factor) and family.factor < 0):
        return None
    return best


def constant_loss(loss_fn: Callable[..., Any], answer: Tensor | None, target: Tensor) -> float:
    """The loss when `answer` is given for every one of `target`; nan for no answer.

    Example:
        >>> constant_loss(F.mse_loss, torch.tensor([3.0]), torch.tensor([[1.0], [5.0]]))
        4.0
    """
    return math.nan if answer is None else _loss(loss_fn, answer, target)


def _loss(loss_fn: Callable[..., Any], row: Tensor, target: Tensor) -> float:
    try:
        with torch.no_grad():
            value = float(loss_fn(row.expand(len(target), *row.shape).contiguous(), target))
    except Exception:  # a user's loss may raise anything
        return math.inf
    return value if math.isfinite(value) else math.inf


def _squashing(family: LossFamily, form: OutputForm) -> tuple[Map, Map]:
    """The map from free numbers to possible answers, and one back."""
    name = family.name
    if name == "nll-of-probabilities" or (name == "custom" and form == "probabilities"):
        return lambda z: z.softmax(0), lambda p: p.clamp_min(1e-6).log()
    if name == "nll" or (name == "custom" and form == "log-probabilities"):
        return lambda z: z.log_softmax(0), lambda p: p
    if name == "bce" or (name == "custom" and form == "independent-probabilities"):
        return torch.sigmoid, lambda p: torch.logit(p.clamp(1e-4, 1 - 1e-4))
    return lambda z: z, lambda z: z


def _starts(row: Tensor, target: Tensor, family: LossFamily) -> list[Tensor]:
    starts = [torch.zeros_like(row), torch.full_like(row, 0.5)]
    y = target.float()
    classes = row.shape[0] if row.ndim else 1
    if target.shape[1:] == row.shape:
        starts += [y.mean(0).to(row), y.median(0).values.to(row)]
    elif target.numel() == len(target) and classes == 1:
        starts += [torch.full_like(row, float(y.mean())), torch.full_like(row, float(y.median()))]
    if classes > 1:
        if target.shape[1:] == row.shape:
            share = y.transpose(0, 1).reshape(classes, -1).mean(1)
        else:
            share = F.one_hot(target.long().flatten().clamp(0, classes - 1), classes).float().mean(0)
        share = share.clamp_min(1e-6).reshape(-1, *[1] * (row.ndim - 1)).expand(row.shape)
        starts += [share.to(row), share.log().to(row)]
    if family.name == "bce-with-logits":
        mean = (y.mean(0) if target.shape[1:] == row.shape else y.mean().expand(row.shape)).clamp(1e-4, 1 - 1e-4)
        starts.append(torch.logit(mean).reshape(row.shape).to(row))
    return starts


def _refine(
    loss_fn: Callable[..., Any], start: Tensor, target: Tensor, squash: Map, unsquash: Map
) -> tuple[Tensor, float]:
    free = unsquash(start).clone().requires_grad_()
    optimizer = torch.optim.LBFGS([free], max_iter=40, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = loss_fn(squash(free).expand(len(target), *start.shape), target)
        if loss.requires_grad:
            loss.backward()
        return loss

    try:
        with torch.enable_grad():
            optimizer.step(closure)
    except Exception:  # a loss that cannot be differentiated keeps its best start
        return start, math.inf
    refined = squash(free).detach()
    return refined, _loss(loss_fn, refined, target)
