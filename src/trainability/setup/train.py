"""Train a Setup: its own optimizer, its own loss or step, mini-batches in a seeded order."""

from __future__ import annotations

import inspect
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from trainability.errors import SetupError
from trainability.measures.outcome import default_target, outcome
from trainability.setup.averages import losses_by_statistics
from trainability.setup.batches import Batches, steps
from trainability.setup.constant_answer import constant_answer
from trainability.setup.facts import SAMPLE, Facts, device_of, evaluate, forward, penalty
from trainability.setup.own_step import OwnStep
from trainability.setup.run import Run
from trainability.setup.score import constant_score, score
from trainability.setup.untouched import random_state_kept, seed_everything

if TYPE_CHECKING:
    from trainability.setup.setup import Setup

LOGARITHMIC = ("cross-entropy", "nll", "nll-of-probabilities", "bce", "bce-with-logits")
SOLVED = 1e-3  # nats; one class or one sample: a constant answer is right, and there is nothing for it to leave open
ZERO_SAMPLE = 128  # inputs that show whether a model still answers
LOST = 20  # a loss that was not finite for so many steps in a row does not come back


def fit(
    setup: Setup,
    *,
    seed: int,
    steps_wanted: int,
    label: int | None,
    observe: Mapping[int, Callable[[], None]] | None = None,
) -> Run:
    """Train `setup.model` in place with `setup.optimizer` for `steps_wanted` steps, or calls of the Setup's own step.

    Args:
        setup: trained as it stands; weights are not drawn here.
        seed: decides the data order and every random draw of the training.
        steps_wanted: optimizer steps, at least 1.
        label: the seed that the Run reports.
        observe: called before the step of that number (0 is before the first; `steps_wanted` after the last).

    Returns:
        Run. After an own step the optimizer's options are put back, since a schedule may have moved them. A loss that
        is no longer finite ends the loop early; the Run says so as an outcome.
    """
    model, optimizer, loss_fn = setup.model, setup.optimizer, setup.loss_fn
    facts, observe = setup.facts, observe or {}
    where, began = device_of(model), time.perf_counter()
    losses = np.full(steps_wanted, np.nan)
    at = set(np.unique(np.linspace(0, steps_wanted - 1, 60).astype(int)).tolist())
    norms: list[tuple[int, float]] = []
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    closure_needed = _needs_closure(optimizer)
    with random_state_kept(), warnings.catch_warnings(), _options_kept(optimizer, setup.step is not None):
        warnings.filterwarnings("ignore", message="Using a target size")
        warnings.filterwarnings("ignore", message="Seems like `optimizer.step..` has been overridden")
        seed_everything(seed)
        own = OwnStep(setup) if setup.step is not None else None
        model.train()
        answer = constant_answer(loss_fn, facts.output, facts.target, facts.family, facts.form)
        start_loss, constant = before_training(setup, answer, where)
        constant -= penalty(loss_fn, facts)  # a constant answer needs no weights
        if facts.family.name in LOGARITHMIC and constant < SOLVED:
            constant = 0.0
        lost = 0
        for step, (x, y) in zip(range(steps_wanted), steps(setup.batches, seed), strict=False):
            if step in observe:
                observe[step]()
            x, y = x.to(where), y.to(where)
            if own is not None:
                with _norm_before_step(optimizer, step in at) as seen:
                    losses[step] = value = own(step, x, y, check=step in at)
                norms += [(step, norm) for norm in seen]
                lost = 0 if math.isfinite(value) else lost + 1
                if lost >= LOST:
                    break
                continue

            def closure(x: Tensor = x, y: Tensor = y) -> Tensor:
                optimizer.zero_grad()
                loss = _loss(loss_fn, forward(model, x), y)
                if loss.requires_grad:
                    loss.backward()
                return loss

            loss = closure()
            losses[step] = value = float(loss.detach())
            if step in at:
                norms.append((step, _norm(parameters)))
            optimizer.step(closure if closure_needed else None)  # type: ignore[arg-type]
            lost = 0 if math.isfinite(value) else lost + 1
            if lost >= LOST:
                break
        if steps_wanted in observe:
            observe[steps_wanted]()
    target = setup.target if setup.target is not None else default_target(start_loss, constant)
    if setup.target is None and bottomless(facts):
        target = -math.inf  # it falls for ever: how far says nothing
    x, y = setup.batches.sample(SAMPLE)
    train_score = setup.score(x, y)
    val_loss, val_constant, val_score = validated(setup, answer, where)
    by_batch, by_averages = losses_by_statistics(setup)
    return Run(
        outcome=outcome(losses.tolist(), start_loss, constant, target),
        losses=losses,
        start_loss=start_loss,
        constant_loss=constant,
        target=target,
        score=train_score,
        constant_score=constant_score(y, facts.task),
        validation_loss=val_loss,
        validation_constant_loss=val_constant,
        validation_score=val_score,
        seed=label,
        steps=steps_wanted,
        seconds=time.perf_counter() - began,
        gradient_norms=np.array(norms).reshape(-1, 2),
        by_batch_loss=by_batch,
        by_averages_loss=by_averages,
        validation_constant_score=_validation_constant_score(setup),
        answers_zero=answers_zero(setup),
    )


@contextmanager
def _options_kept(optimizer: torch.optim.Optimizer, wanted: bool) -> Iterator[None]:
    """Put the optimizer's options (lr, momentum, ...) back on the way out."""
    groups = list(optimizer.param_groups)
    options = [{k: v for k, v in group.items() if k != "params"} for group in groups]
    try:
        yield
    finally:
        if wanted:
            for group, before in zip(groups, options, strict=True):
                for name in group.keys() - before.keys() - {"params"}:
                    del group[name]
                group.update(before)


@contextmanager
def _norm_before_step(optimizer: torch.optim.Optimizer, wanted: bool) -> Iterator[list[float]]:
    """The gradient's norm before the first optimizer step inside, if there is one."""
    seen: list[float] = []

    def hook(stepping: torch.optim.Optimizer, args: object, kwargs: object) -> None:
        if not seen:
            seen.append(_norm([p for group in stepping.param_groups for p in group["params"]]))

    if not wanted or not isinstance(optimizer, torch.optim.Optimizer):
        yield seen
        return
    handle = optimizer.register_step_pre_hook(hook)
    try:
        yield seen
    finally:
        handle.remove()


def _loss(loss_fn: Callable[..., Any], output: Tensor, target: Tensor) -> Tensor:
    """The loss; nan where a loss refuses an output that is not finite any more (BCELoss does)."""
    try:
        return evaluate(loss_fn, output, target)
    except SetupError:
        if bool(torch.isfinite(output).all()):
            raise
        return torch.tensor(math.nan)


def bottomless(facts: Facts) -> bool:
    """Whether the loss has no lowest value: a likelihood of what is not normalised, or of targets that are no probabilities."""
    name = facts.family.name
    if name == "nll":
        return facts.form == "values"
    low, high = float(facts.target.min()), float(facts.target.max())
    return name in ("bce", "bce-with-logits") and (low < 0 or high > 1)


def before_training(setup: Setup, answer: Tensor | None, where: torch.device) -> tuple[float, float]:
    """L0 and Lc over the first batches of a fixed pass, in training mode, buffers put back."""
    buffers = [(b, b.clone()) for b in setup.model.buffers()]
    own, constant = [], []
    size = setup.batches.batch_size
    few, many = max(512 // size, 8), max(4 * SAMPLE // size, 8)  # an answer that needs no network costs nothing
    data = zip(range(min(many, 256, setup.batches.steps_per_epoch)), steps(setup.batches, 0), strict=False)
    with torch.no_grad():
        for i, (x, y) in data:
            x, y = x.to(where), y.to(where)
            if i < few:
                own.append(float(_loss(setup.loss_fn, forward(setup.model, x), y)))
            if answer is not None:
                row = answer.expand(len(x), *answer.shape)
                constant.append(float(evaluate(setup.loss_fn, row, y)))
        for buffer, kept in buffers:
            buffer.copy_(kept)
    return float(np.mean(own)), float(np.mean(constant)) if constant else math.nan


def validated(setup: Setup, answer: Tensor | None, where: torch.device) -> tuple[float, float, float]:
    """Loss, a constant answer's loss and score on a sample of the validation data, in eval mode; nan without any."""
    data: Batches | None = setup.validation_batches
    if data is None:
        return math.nan, math.nan, math.nan
    x, y = (t.to(where) for t in data.sample(SAMPLE))
    output = predict(setup.model, x)
    with torch.no_grad():
        loss = float(_loss(setup.loss_fn, output, y))
        constant = math.nan
        if answer is not None:
            constant = float(evaluate(setup.loss_fn, answer.expand(len(x), *answer.shape), y))
    return loss, constant, score(output, y, setup.facts.task, logits=setup.facts.logits)


def answers_zero(setup: Setup) -> bool:
    """Whether a model answers exactly 0 to every input of a sample, as one that ends with a dead ReLU does.

    Example:
        >>> from trainability.problems import get
        >>> answers_zero(get("digits-mlp")())
        False
    """
    output = predict(setup.model, setup.batches.sample(ZERO_SAMPLE)[0].to(setup.device))
    return not bool(output.any())


def _validation_constant_score(setup: Setup) -> float:
    data = setup.validation_batches
    if data is None:
        return math.nan
    try:
        return constant_score(data.sample(SAMPLE)[1], setup.facts.task)
    except (RuntimeError, ValueError):
        return math.nan


def predict(model: nn.Module, inputs: Tensor) -> Tensor:
    """Outputs in eval mode, without gradients, in parts; the model's mode is put back.

    Example:
        >>> predict(nn.Linear(2, 3), torch.zeros(5, 2)).shape
        torch.Size([5, 3])
    """
    modes = [(m, m.training) for m in model.modules()]
    try:
        model.eval()
        with torch.no_grad():
            return torch.cat([forward(model, part) for part in inputs.split(1024)])
    finally:
        for module, mode in modes:
            module.training = mode


def _norm(parameters: list[Any]) -> float:
    squares = [float(p.grad.detach().double().square().sum()) for p in parameters if p.grad is not None]
    return math.sqrt(sum(squares))


def _needs_closure(optimizer: torch.optim.Optimizer) -> bool:
    if isinstance(optimizer, torch.optim.LBFGS):
        return True
    try:
        closure = inspect.signature(optimizer.step).parameters.get("closure")
    except (TypeError, ValueError):
        return False
    return closure is not None and closure.default is inspect.Parameter.empty
