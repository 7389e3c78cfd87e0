"""Sweeps over a Setup: any `nn.Module`, with the loss, the optimizer and the data of the user."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from trainability import initializers, optimizers
from trainability.errors import TrainabilityError
from trainability.lab.ensemble import Data
from trainability.lab.sweep import fields
from trainability.lab.sweep.structure import Parts, numbers
from trainability.optimizers import Rule
from trainability.setup import Setup, as_setup

if TYPE_CHECKING:
    from trainability.lab.sweep.sweep import Sweep

SPLIT = ("initializer", "bias", "loss", "optimizer", "batch_size", "scale")
TOGETHER = 64


@dataclass(frozen=True, eq=False)
class SetupProblem:
    """A Setup as the problem of a sweep.

    Args:
        setup: whose data are a pair of tensors.
        rule: what its optimizer does; None where no update rule here does the same.

    Raises:
        ValueError: data in another form, or parameter groups with hyper-parameters of their own.
    """

    setup: Setup
    rule: Rule | None

    @classmethod
    def of(cls, given: Any) -> SetupProblem:
        """From a Setup or a function that builds one."""
        try:
            setup = as_setup(given)
        except TrainabilityError as error:
            raise ValueError(str(error)) from error
        data = setup.data
        if not (isinstance(data, (tuple, list)) and len(data) == 2 and all(isinstance(t, Tensor) for t in data)):
            raise ValueError("given a Setup with a data set or a loader, needed one whose data are a pair (X, y).")
        groups = [{k: v for k, v in g.items() if k != "params"} for g in setup.optimizer.param_groups]
        if any(group != groups[0] for group in groups):
            raise ValueError("given an optimizer whose parameter groups differ, needed one group or equal ones.")
        for name, values in zip("Xy", data, strict=True):
            bad = (~values.isfinite()).nonzero() if values.is_floating_point() else values.new_zeros(0)
            if len(bad):
                raise ValueError(
                    f"given {len(bad)} numbers in {name} that are not finite, the first in row {int(bad[0][0])}, needed "
                    "all finite. Leave these samples out or fill them in."
                )
        return cls(setup, optimizers.of(setup.optimizer))

    @property
    def optimizer(self) -> str | None:
        """The name of its update rule."""
        return None if self.rule is None else type(self.rule).__name__

    @property
    def digest(self) -> str:
        """A hash of data, model, loss and optimizer, by which a change is noticed."""
        found = hashlib.sha256()
        loss = self.setup.loss_fn
        told = repr(loss) if isinstance(loss, nn.Module) else getattr(loss, "__qualname__", type(loss).__name__)
        found.update(f"{self.setup.model!r}{told}{self.rule!r}{self.setup.batch_size}".encode())
        for values in (*self.setup.data, *self.setup.seeded(0).model.state_dict().values()):
            found.update(f"{tuple(values.shape)} {values.dtype}".encode() + values.cpu().contiguous().numpy().tobytes())
        return found.hexdigest()[:16]

    def names(self) -> tuple[str, ...]:
        """What a sweep over it can vary."""
        of_networks = {"activation", "depth", "width", "negative_slope", "input_scale"}
        return tuple(name for name in fields.known() if name not in of_networks)

    def split(self) -> tuple[str, ...]:
        """What its members cannot be advanced in one step with: everything that decides how weights are drawn."""
        return (*SPLIT, *sorted({name for names in fields.options().values() for name in names}))


@dataclass(frozen=True)
class ModuleStructure:
    """What modules trained in one step have in common; None keeps the Setup's own.

    Args:
        values: (field, value) pairs.
    """

    values: tuple[tuple[str, Any], ...]

    def get(self, name: str) -> Any:
        """One value."""
        return dict(self.values).get(name)

    def told(self) -> str:
        """In words, for a message."""
        said = [f"{name} {value}" for name, value in self.values if value is not None]
        return f"the Setup with {' and '.join(said) or 'its own parts'}"

    def small(self) -> ModuleStructure:
        """The same without what always fits."""
        return ModuleStructure(tuple((n, v) for n, v in self.values if n not in ("batch_size", "scale")))

    def build(self, sweep: Sweep, runs: np.ndarray) -> Parts:
        """What the ensemble engine takes, for some runs of this structure."""
        problem = sweep.module
        assert problem is not None
        setup = problem.setup
        optimizer, hyper = fields.called(self.get("optimizer"))
        hyper |= numbers(sweep, fields.hyper_parameters()[optimizer], runs)
        own = problem.rule is not None and "optimizer" not in {*sweep.axes, *sweep.fixed}
        rule: Any = replace(problem.rule, **hyper) if own else optimizers.get(optimizer)(**hyper)  # type: ignore[type-var]
        size = self.get("batch_size")
        X, y = setup.data
        size = len(X) if size == fields.FULL else setup.batch_size if size is None else size
        used = [n for n in problem.split() if n not in SPLIT and self.get(n) is not None]
        start = partial(
            _start,
            setup=setup,
            initializer=self.get("initializer"),
            bias=self.get("bias"),
            options={n: self.get(n) for n in used},
            scale=self.get("scale"),
        )
        loss = self.get("loss") or setup.loss_fn
        data = Data(X, y, None if size is None else min(size, len(X)), order=sweep.order)
        return Parts(start, rule, data, loss, setup.task)

    def together(self, sweep: Sweep) -> int:
        """How many are advanced in one step."""
        return TOGETHER

    def seconds(self, sweep: Sweep) -> float:
        """About how long one run takes on one core; only the size of chunks rests on it."""
        assert sweep.module is not None
        setup = sweep.module.setup
        weights = sum(p.numel() for p in setup.model.parameters())
        return sweep.steps * (6 * weights * (setup.batch_size or len(setup.data[0])) / 5e9 + 2e-4)


def _start(
    seed: int, *, setup: Setup, initializer: str | None, bias: str | None, options: dict[str, Any], scale: float | None
) -> nn.Module:
    """The Setup's model with fresh weights, drawn anew where the sweep says how."""
    model = setup.seeded(seed).model
    if initializer is not None:
        name, inline = fields.called(initializer)
        kept: dict[str, Any] = {} if bias is None else {"bias": bias}
        generator = torch.Generator().manual_seed(seed)
        initializers.initialize(model, name, generator=generator, **kept, **inline, **options)
    if scale is not None:
        with torch.no_grad():
            for p in model.parameters():
                if p.ndim > 1:
                    p.mul_(scale)
    return model
