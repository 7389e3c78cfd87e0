"""A Setup: everything that decides a training run."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from trainability.errors import SetupError, TrainabilityError
from trainability.setup.batches import Batches, batches
from trainability.setup.clone import clone_parts
from trainability.setup.facts import Facts, device_of, facts
from trainability.setup.output import Choice, OutputOf
from trainability.setup.own_step import Bound, check_step
from trainability.setup.private import private
from trainability.setup.resample import resample
from trainability.setup.run import Run
from trainability.setup.score import score
from trainability.setup.task import TASKS, Task
from trainability.setup.train import fit, predict
from trainability.setup.untouched import random_state_kept, seed_everything, untouched


@dataclass(frozen=True, eq=False)
class Setup:
    """Model, loss function, optimizer, data and budget of a training run.

    Args:
        model: any `nn.Module` that maps a batch of inputs to one tensor (see `output` for others); of a compiled one,
            the module behind it.
        loss_fn: `(output, target) -> scalar tensor`.
        optimizer: a `torch.optim.Optimizer` over the model's parameters, or a function from
            `model.parameters()` to one.
        data: `(X, y)` tensors with samples first, a `Dataset` of (input, target), or a `DataLoader`.
        batch_size: samples per step, reshuffled every epoch; None for all at once. A DataLoader keeps its own.
        epochs: passes over the data: the budget.
        validation: data in any of the same forms, never trained on.
        task: "regression", "binary", "multi-class" or "multi-label"; None infers it (see `task_reason`).
        target: the training loss at which the problem counts as learned; None takes half the loss of the
            best constant answer.
        name: what reports call it.
        step: the user's own training step, `step(model, batch, optimizer) -> loss` with batch = `(x, y)`, called once
            per batch in place of the standard one (clear, forward, loss, backward, step), so that a fault in it is
            seen. It may return the loss as a tensor or a number, or None. Whatever it optimises, runs are judged by
            `loss_fn`. What it remembers (a counter, a scheduler, a GradScaler) starts anew with every run.
        output: which part of the model's output `loss_fn` takes, where that is no tensor: a key or attribute
            ("logits"), a position (0), or a function. A `step` gets the model as it is.
        origin: how a Setup with fresh weights is made from a seed; None permutes each weight's own values.

    Raises:
        SetupError: an argument of another type or range, or data without samples.

    Example:
        >>> X = torch.randn(64, 2)
        >>> model = nn.Linear(2, 1)
        >>> setup = Setup(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1), (X, X[:, :1]))
        >>> setup.task, setup.steps, setup.train(seed=0).outcome
        ('regression', 20, 'trained')
    """

    model: nn.Module
    loss_fn: Callable[..., Any]
    optimizer: Optimizer
    data: Any
    batch_size: int | None = 32
    epochs: int = 10
    validation: Any = None
    task: Task | None = None
    target: float | None = None
    name: str = ""
    step: Callable[..., Any] | None = field(default=None, kw_only=True)
    output: Choice | None = field(default=None, kw_only=True)
    origin: Callable[[int], Setup] | None = field(default=None, repr=False, kw_only=True)
    task_reason: str = field(default="", init=False, repr=False)
    bound: Bound = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.model, nn.Module):
            raise SetupError(f"model is a {type(self.model).__name__}; needed is a torch.nn.Module.")
        if isinstance(getattr(self.model, "_orig_mod", None), nn.Module):  # hooks never fire in a compiled module
            object.__setattr__(self, "model", self.model._orig_mod)
        if self.output is not None and not isinstance(self.model, OutputOf):
            object.__setattr__(self, "model", OutputOf(self.model, self.output))
        if self.step is not None:
            check_step(self.step)
        if any(isinstance(p, nn.UninitializedParameter) for p in self.model.parameters()):
            raise SetupError(
                "the model has lazy layers whose shapes are not known yet; run one batch through it first."
            )
        if not callable(self.loss_fn):
            raise SetupError(
                f"loss_fn is a {type(self.loss_fn).__name__}; needed is a function (output, target) -> loss."
            )
        if not hasattr(self.optimizer, "param_groups"):
            object.__setattr__(self, "optimizer", _built_optimizer(self.optimizer, self.model))
        if self.batch_size is not None and not _whole(self.batch_size):
            raise SetupError(f"batch_size is {self.batch_size!r}; needed is a whole number from 1, or None for all.")
        if not _whole(self.epochs):
            raise SetupError(f"epochs is {self.epochs!r}; needed is a whole number from 1.")
        if self.task is not None and self.task not in TASKS:
            raise SetupError(f"task is {self.task!r}; needed is one of {', '.join(TASKS)}, or None to infer it.")
        lrs = tuple(float(group.get("lr", 0.0)) for group in self.optimizer.param_groups)
        object.__setattr__(self, "bound", Bound(self.model, self.optimizer, self.loss_fn, lrs))
        _ = self.batches, self.validation_batches
        stated = self.task
        if stated is not None:
            object.__setattr__(self, "task_reason", "stated")
            return
        with contextlib.suppress(
            TrainabilityError, torch.OutOfMemoryError
        ):  # said again, to the user, by whoever needs the facts
            object.__setattr__(self, "task", self.facts.task)
            object.__setattr__(self, "task_reason", self.facts.reason)

    @classmethod
    def from_function(cls, build: Callable[[], Setup]) -> Setup:
        """The Setup that `build()` returns, with fresh seeds made by calling it again.

        Where two calls give the same weights (the function seeds itself, or returns one global model),
        fresh seeds permute each weight's own values instead.

        Args:
            build: takes nothing, builds everything anew and returns a Setup.

        Returns:
            Setup.

        Raises:
            SetupError: `build` raises or returns something else.
        """
        first = _called(build, 0)
        second = _called(build, 1, quiet=True)
        if second.model is first.model or _same_weights(first.model, second.model):
            return first

        def origin(seed: int) -> Setup:
            fresh = _called(build, seed, quiet=True)
            return fresh.replaced(data=first.data, validation=first.validation)

        return first.replaced(origin=origin)

    @cached_property
    def batches(self) -> Batches:
        """The training data as mini-batches."""
        return batches(self.data, self.batch_size)

    @cached_property
    def validation_batches(self) -> Batches | None:
        """The validation data, None without."""
        return None if self.validation is None else batches(self.validation, self.batch_size)

    @cached_property
    def facts(self) -> Facts:
        """What one batch shows: loss family, output form, task. SetupError where model and loss do not fit."""
        with untouched(self.model):
            found = facts(self.model, self.loss_fn, self.batches, self.task)
        return replace(found, reason=self.task_reason) if self.task_reason else found

    @property
    def steps(self) -> int:
        """Optimizer steps in the whole budget."""
        return self.epochs * self.batches.steps_per_epoch

    @property
    def device(self) -> torch.device:
        """Where the model's parameters are."""
        return device_of(self.model)

    def train(
        self,
        *,
        seed: int | None = None,
        steps: int | None = None,
        order: int | None = None,
        observe: Mapping[int, Callable[[], None]] | None = None,
    ) -> Run:
        """Train this Setup's model in place, from its start, with its own optimizer.

        Every call starts afresh: from the weights the Setup was built with (`seed=None`) or from fresh ones
        drawn with `seed`, and with an optimizer without memory. The same seed gives the same run.

        Args:
            seed: decides weights, data order and random layers.
            steps: optimizer steps; None for the whole budget (`self.steps`).
            order: seed of data order and random layers, where it is not to be `seed`.
            observe: functions to call before the step of that number; for probes.

        Returns:
            Run, with its outcome.

        Raises:
            SetupError: the model and the loss do not fit, or `steps` is below 1.
        """
        if steps is not None and not _whole(steps):
            raise SetupError(f"steps is {steps!r}; needed is a whole number from 1.")
        _ = self.facts
        start = self._start
        if seed is not None:
            self.model.load_state_dict(self.seeded(seed).model.state_dict())
        else:
            self.model.load_state_dict(start)
        self.optimizer.state.clear()
        return fit(
            self,
            seed=next((s for s in (order, seed) if s is not None), 0),
            steps_wanted=steps or self.steps,
            label=seed,
            observe=observe,
        )

    def score(self, X: Tensor, y: Tensor) -> float:
        """Accuracy (classification) or R2 (regression) of the model as it is now.

        Args:
            X: (N, ...), inputs as the model takes them.
            y: (N, ...), targets as the loss takes them.

        Returns:
            A share in [0, 1] for accuracy, R2 in (-inf, 1]; nan where outputs are not finite.
        """
        where = self.device
        x, y = torch.as_tensor(X).to(where), torch.as_tensor(y).to(where)
        return score(predict(self.model, x), y, self.facts.task, logits=self.facts.logits)

    def seeded(self, seed: int) -> Setup:
        """A new Setup with fresh weights drawn with `seed`; this one stays as it is."""
        if self.origin is not None:
            return self.origin(seed)
        fresh = self.clone()
        resample(fresh.model, torch.Generator().manual_seed(seed))
        return fresh

    def clone(self) -> Setup:
        """A private copy at its start: the weights it was built with, an optimizer without memory."""
        return self._copied({})

    def on_cpu(self) -> Setup:
        """A private copy on the CPU, also of every Setup with fresh weights; takes no GPU memory to make.

        Example:
            >>> net = nn.Linear(1, 1)
            >>> opt = torch.optim.SGD(net.parameters(), lr=0.1)
            >>> Setup(net, nn.MSELoss(), opt, (torch.ones(4, 1), torch.ones(4, 1))).on_cpu().device
            device(type='cpu')
        """
        memo: dict[Any, Any] = {}
        for module in (self.model, self.loss_fn):
            if isinstance(module, nn.Module):
                for p in module.parameters():
                    memo[id(p)] = nn.Parameter(p.detach().to("cpu", copy=True), requires_grad=p.requires_grad)
                memo |= {id(b): b.detach().to("cpu", copy=True) for b in module.buffers()}
        for state in self.optimizer.state.values():  # is forgotten in a copy
            memo |= {id(v): torch.empty(0) for v in dict(state).values() if isinstance(v, Tensor)}
        origin = self.origin
        moved = self._copied(memo)
        moved.__dict__.pop("facts", None)
        return moved if origin is None else moved.replaced(origin=lambda seed: origin(seed).on_cpu())

    def _copied(self, memo: dict[Any, Any]) -> Setup:
        model, optimizer, loss_fn = clone_parts(self.model, self.optimizer, self.loss_fn, memo)
        if "_start" in self.__dict__:
            model.load_state_dict(self._start)
        parts: dict[str, Any] = {"model": model, "optimizer": optimizer, "loss_fn": loss_fn}
        if self.step is not None:  # what it may refer to: the parts it was written beside
            old = self.bound
            pairs = ((old.model, model), (old.optimizer, optimizer), (old.loss_fn, loss_fn))
            beside = [memo.setdefault(id(was), now) for was, now in pairs]
            bound = Bound(beside[0], beside[1], beside[2], old.lrs)
            parts |= {"step": private(self.step, memo), "bound": bound}
        return self.replaced(**parts, keep_facts=True)

    @cached_property
    def _start(self) -> dict[str, Any]:
        return {
            name: value.detach().clone() if isinstance(value, Tensor) else value
            for name, value in self.model.state_dict().items()
        }

    def replaced(self, *, keep_facts: bool = False, **changes: Any) -> Setup:
        """A Setup with some fields replaced and not checked again; the task stays as it was inferred.

        Args:
            keep_facts: keep what one batch showed, where neither model, loss nor data were changed in kind.
            changes: fields and their new values.

        Returns:
            A new Setup that shares everything else with this one.

        Example:
            >>> net = nn.Linear(1, 1)
            >>> opt = torch.optim.SGD(net.parameters(), lr=0.1)
            >>> one = Setup(net, nn.MSELoss(), opt, (torch.ones(4, 1), torch.ones(4, 1)))
            >>> one.replaced(epochs=3).epochs
            3
        """
        new = object.__new__(Setup)
        new.__dict__.update({k: v for k, v in self.__dict__.items() if k not in _CACHED})
        new.__dict__.update(changes)
        if keep_facts and "facts" in self.__dict__:
            new.__dict__["facts"] = self.facts
        if not {"data", "batch_size", "validation"} & changes.keys():
            new.__dict__.update({k: self.__dict__[k] for k in _DATA if k in self.__dict__})
        return new


_DATA = ("batches", "validation_batches")
_CACHED = (*_DATA, "facts", "_start")


def as_setup(given: object) -> Setup:
    """A Setup from a Setup or from a function that builds one.

    Raises:
        SetupError: anything else.
    """
    if isinstance(given, Setup):
        return given
    if callable(given) and not isinstance(given, (type, nn.Module)):
        return Setup.from_function(given)
    raise SetupError(
        f"given is a {type(given).__name__}; needed is a trainability.Setup or a function that takes nothing and "
        "returns one."
    )


def _called(build: Callable[[], Setup], seed: int, *, quiet: bool = False) -> Setup:
    name = getattr(build, "__name__", "the function")
    silence: contextlib.AbstractContextManager[Any] = (
        contextlib.redirect_stdout(io.StringIO()) if quiet else contextlib.nullcontext()
    )
    try:
        with random_state_kept(), silence:
            seed_everything(seed)
            setup = build()
    except TrainabilityError:
        raise
    except Exception as error:
        raise SetupError(
            f"{name}() raised {type(error).__name__}: {error}. Needed is a function that runs and returns a "
            "trainability.Setup; try calling it alone first."
        ) from error
    if not isinstance(setup, Setup):
        raise SetupError(
            f"{name}() returned a {type(setup).__name__}; needed is a trainability.Setup: "
            "return trainability.Setup(model=..., loss_fn=..., optimizer=..., data=(X, y))."
        )
    return setup


def _same_weights(one: nn.Module, two: nn.Module) -> bool:
    pairs = zip(one.parameters(), two.parameters(), strict=True)
    return all(a.shape == b.shape and torch.equal(a, b) for a, b in pairs)


def _built_optimizer(given: object, model: nn.Module) -> Optimizer:
    if not callable(given):
        raise SetupError(
            f"optimizer is a {type(given).__name__}; needed is a torch.optim.Optimizer, or a function from "
            "parameters to one."
        )
    try:
        built = given(model.parameters())
    except Exception as error:
        raise SetupError(
            f"optimizer, called with the model's parameters, raised {type(error).__name__}: {error}. Give "
            "torch.optim.SGD(model.parameters(), lr=...) or a function from parameters to an optimizer."
        ) from error
    if not hasattr(built, "param_groups"):
        raise SetupError(f"optimizer, called with the model's parameters, gave a {type(built).__name__}.")
    return built


def _whole(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= 1)
