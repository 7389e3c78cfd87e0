"""The cells of a map over a user's Setup: each axis changes one thing, each run trains it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np
import torch

from trainability.errors import SetupError, UnknownNameError
from trainability.lab.executor import run_all
from trainability.lab.phase.axes import Axis, AxisError
from trainability.lab.phase.explore import OUTCOMES
from trainability.setup import Setup, as_setup
from trainability.setup.batches import TensorBatches

SCALE, BATCH = "scale", "batch_size"
BETAS = ("beta1", "beta2")
BELOW_ONE = ("momentum", "alpha", "rho", *BETAS)
ANY_SIGN = ("dampening",)

Given = Setup | Callable[..., Setup]


@dataclass(frozen=True, eq=False)
class Cells:
    """What the axes mean for one Setup, and the training of its cells.

    An axis is, in this order: a parameter of the function that builds the Setup; "scale", a factor on every weight with
    two dimensions or more; "batch_size"; or a number in the optimizer's first group (lr, momentum, weight_decay, ...;
    beta1 and beta2 for a pair of betas), set in every group, the lr of other groups in proportion.

    Args:
        given: a Setup, or a function that builds one; all its parameters that are no axis need defaults.
        axes: along x, and y if there are two.
        steps: optimizer steps of each run; None for the Setup's budget.
        workers: processes; None for one per core.
        done: called as each cell of a batch finishes, with the number of runs it had.

    Raises:
        UnknownNameError: no axis has that name; the message gives the nearest.
        AxisError: an axis that the Setup cannot take.
        SetupError: the Setup cannot be built.
    """

    given: Given
    axes: tuple[Axis, ...]
    steps: int | None = None
    workers: int | None = None
    done: Callable[[int], None] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        names = [a.name for a in self.axes]
        if len(set(names)) < len(names):
            raise AxisError(f"both axes are {names[0]}; needed two different ones.")
        if self.steps is not None and (isinstance(self.steps, bool) or self.steps < 1):
            raise AxisError(
                f"steps is {self.steps!r}; needed is a whole number from 1, or None for the Setup's budget."
            )
        for one in self.axes:
            if one.name not in self.parameters:
                self._check(one)
        for end in ("low", "high"):  # both corners are built before anything is trained
            self.at({a.name: getattr(a, end) for a in self.axes})

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of the building function's parameters."""
        return tuple(_parameters(self.given))

    @cached_property
    def base(self) -> Setup:
        """The Setup at the low end of the axes that are parameters."""
        return self._built({a.name: a.low for a in self.axes})

    def _built(self, values: Mapping[str, float]) -> Setup:
        mine = {name: self._value(name, v) for name, v in values.items() if name in self.parameters}
        if mine and not isinstance(self.given, Setup):
            return as_setup(partial(self.given, **mine))
        return as_setup(self.given)

    def _value(self, name: str, value: float) -> float | int:
        """A whole number where the axis or the parameter's default is one."""
        if any(a.whole for a in self.axes if a.name == name):
            return round(value)
        return float(value)

    @cached_property
    def options(self) -> tuple[str, ...]:
        """Names of the optimizer's numbers."""
        group = self.base.optimizer.param_groups[0]
        found = [
            name
            for name, value in group.items()
            if not isinstance(value, bool) and (isinstance(value, (int, float)) or name == "lr")
        ]
        return (*found, *(BETAS if "betas" in group else ()))

    def _check(self, one: Axis) -> None:
        name, low, high = one.name, one.low, one.high
        known = [*self.parameters, *self.options, SCALE, BATCH]
        if name not in known:
            raise UnknownNameError("axis", name, known)
        if name == SCALE and not any(p.ndim >= 2 for p in self.base.model.parameters()):
            raise AxisError("axis scale: the model has no weights with two dimensions or more to scale.")
        if name == BATCH:
            if not isinstance(self.base.batches, TensorBatches) or not isinstance(self.base.data, (tuple, list)):
                raise AxisError(
                    f"axis batch_size: the data are a {type(self.base.data).__name__}, which keeps its own batch size; "
                    "needed is a pair of tensors (X, y)."
                )
            if low < 1:
                raise AxisError(f"axis batch_size: given {low:g} to {high:g}, needed 1 or more.")
        if name in self.options:
            if low < 0 and name not in ANY_SIGN:
                raise AxisError(f"axis {name}: given {low:g} to {high:g}, needed 0 or more.")
            if high >= 1 and name in BELOW_ONE:
                raise AxisError(f"axis {name}: given {low:g} to {high:g}, needed below 1, as in {name}=0:0.99.")

    def at(self, values: Mapping[str, float], seed: int | None = None) -> Setup:
        """A private Setup with these values on the axes.

        Args:
            values: name of an axis -> value.
            seed: of its weights; None for those it was built with.
        """
        own = any(name in self.parameters for name in values)
        base = self._built(values) if own else self.base
        setup = base.clone() if seed is None else base.seeded(seed)
        for name, value in values.items():
            if name in self.parameters:
                continue
            if name == SCALE:
                with torch.no_grad():
                    for parameter in setup.model.parameters():
                        if parameter.ndim >= 2:
                            parameter.mul_(value)
            elif name == BATCH:
                setup = setup.replaced(batch_size=max(1, min(round(value), len(setup.data[0]))))
            else:
                _set_option(setup, name, float(value))
        return setup

    def run(self, values: Mapping[str, float], seed: int) -> int:
        """The outcome code of one training."""
        setup = self.at(values, seed)
        steps = self.steps
        if steps is None and BATCH in values:
            steps = self.base.steps  # the same number of steps whatever the batch size
        return OUTCOMES.index(setup.train(order=seed, steps=steps).outcome)

    def __call__(self, x: np.ndarray, y: np.ndarray, seed: np.ndarray) -> np.ndarray:
        """Outcome codes of runs, trained on every core."""
        names = [a.name for a in self.axes]
        points = list(zip(x.tolist(), y.tolist(), strict=True))
        groups: dict[tuple[float, float], list[int]] = {}
        for i, point in enumerate(points):
            groups.setdefault(point, []).append(i)

        def job(point: tuple[float, float], runs: list[int]) -> list[int]:
            values = dict(zip(names, point, strict=False))
            return [self.run(values, int(seed[i])) for i in runs]

        jobs = [partial(job, point, runs) for point, runs in groups.items()]
        sizes = [len(runs) for runs in groups.values()]
        done = self.done
        found = run_all(jobs, workers=self.workers, done=None if done is None else (lambda i: done(sizes[i])))
        codes = np.empty(len(points), dtype=np.int64)
        for runs, outcomes in zip(groups.values(), found, strict=True):
            codes[runs] = outcomes
        return codes


def _set_option(setup: Setup, name: str, value: float) -> None:
    groups = setup.optimizer.param_groups
    first = float(groups[0]["lr"])
    for group in groups:
        if name in BETAS:
            betas = list(group["betas"])
            betas[BETAS.index(name)] = value
            group["betas"] = tuple(betas)
        elif name == "lr" and first > 0:
            group["lr"] = value * (float(group["lr"]) / first)
        elif name in group:
            group[name] = value


def _parameters(given: Given) -> dict[str, inspect.Parameter]:
    """The parameters of a building function, by name."""
    if isinstance(given, Setup) or not callable(given):
        return {}
    try:
        every = inspect.signature(given).parameters.values()
    except (TypeError, ValueError):
        return {}
    return {p.name: p for p in every if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}


def fitted(given: Given, one: Axis) -> Axis:
    """The axis, of whole numbers where it is a parameter whose default or annotation is an int.

    >>> fitted(lambda depth=3: None, Axis("depth", 2, 8)).values(99).tolist()
    [2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    """
    parameter = _parameters(given).get(one.name)
    if parameter is None:
        return one
    counted = type(parameter.default) is int or parameter.annotation in (int, "int")
    return replace(one, whole=counted)


def named(given: object) -> tuple[Given, str]:
    """A Setup or the function that builds one, and what to call it.

    Args:
        given: a Setup, a function, or the name of a problem.

    Raises:
        UnknownNameError: no problem has that name.
        SetupError: anything else.

    >>> named("digits-saturated")[1]
    'digits-saturated'
    """
    if isinstance(given, str):
        from trainability import problems

        return problems.get(given), given
    if isinstance(given, Setup):
        return given, given.name
    if callable(given) and not isinstance(given, (type, torch.nn.Module)):
        return given, getattr(given, "__name__", "")
    raise SetupError(
        f"given is a {type(given).__name__}; needed is a trainability.Setup, a function that returns one, or the name of a "
        "problem."
    )
