"""The first batches of a live loop: what goes into the model, what comes out, and what the loss compares it with."""

from __future__ import annotations

import copy
import math
import types
import warnings
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import _get_current_function_mode_stack

from trainability.doctor.probes.recorder import Call
from trainability.setup.loss_family import Family
from trainability.setup.private import known, private
from trainability.setup.untouched import random_state_kept
from trainability.watch.between import Between, Loss, remove
from trainability.watch.unwrap import anything_compiled, compiled_calls, unwrapped

BATCHES, VALUES = 8, 1_000_000  # kept; a batch is cut to so many values
SAME, PARTS = 1e-4, 64  # relative; in how many parts a gradient may be accumulated


@dataclass(frozen=True, eq=False)
class Batch:
    """One batch as the loop had it.

    Args:
        step: its number, from 1.
        inputs: the first tensor that the model was given; None where there was none.
        output, target: what the loss compared; None where that was not seen.
        factor: the loss that went backward over the loss function's value; nan where they are not the same thing.
        rows: of the target, before it was cut.
    """

    step: int
    inputs: Tensor | None = None
    output: Tensor | None = None
    target: Tensor | None = None
    factor: float = math.nan
    rows: int = 0


@dataclass(frozen=True, eq=False)
class Answer:
    """The model's answers in one look: the outputs, the activation they end with, and the loss's gradient at them."""

    step: int
    output: Tensor
    ending: Call | None
    calls: int
    gradient: list[Tensor] = field(default_factory=list)


class BatchProbe:
    """Listens to a pass of the user's own and to the loss made of it; calls nothing but the loss function, on copies.

    Between the end of the model's pass and the backward a function mode sees which tensors meet in which loss. It is not
    used inside somebody else's mode nor where anything was compiled, and is gone before the step.

    Args:
        model: the user's.
        loss_fn: (output, target) -> loss, where the user gave it; functions of `torch.nn.functional` are known without.
        optimizer: the user's, which a loss function may refer to.
    """

    def __init__(self, model: nn.Module, loss_fn: Any = None, optimizer: Any = None) -> None:
        self.outer, self.model, self._own, self._optimizer = model, unwrapped(model), loss_fn, optimizer
        self._up = any(group.get("maximize") for group in getattr(optimizer, "param_groups", ()))
        self.batches: list[Batch] = []
        self.loss_fn: Loss | None = None
        self.family: Family = "custom"  # by the name of the function that was called
        self.first: Answer | None = None
        self.last: Answer | None = None
        self.same, self.same_inputs = 0, 0  # looks in a row with one answer for inputs that differ, and how many inputs
        self._hooks: list[Any] = []
        self._taken = False
        self._mode: Between | None = None
        self._pass: tuple[Any, Any] = (None, None)
        self._private: Loss | None = None

    @property
    def wanted(self) -> bool:
        """Whether more batches are kept."""
        return len(self.batches) < BATCHES

    def attach(self) -> None:
        """Be ready for the next pass."""
        self.detach()
        self._taken = False
        if not compiled_calls(self.outer):
            self._hooks = [self.model.register_forward_hook(self._passed, with_kwargs=True)]

    def detach(self) -> None:
        """Take everything off."""
        for hook in self._hooks:
            hook.remove()
        self._hooks, self._pass = [], (None, None)
        self.close()

    def _passed(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        self.close()  # of a step that never came
        if self._taken or not torch.is_grad_enabled() or torch.compiler.is_compiling():
            return
        given = next((a for a in (*args, *kwargs.values()) if isinstance(a, Tensor) and a.ndim), None)
        self._pass = (given, _tensor(output))
        if self.wanted and self._mode is None and not anything_compiled() and not _get_current_function_mode_stack():
            self._mode = Between()
            self._mode.__enter__()

    def close(self) -> None:
        """Take the function mode away; in `loss.backward()` it is not in place, and comes back after it."""
        if self._mode is not None:
            self._mode.over = True
            if remove(self._mode):
                self._mode = None

    def backward_begins(self, loss: Tensor, step: int, ending: Call | None, calls: int) -> None:
        """The loss is known: keep the batch it was made of.

        Args:
            loss: that backward is called on.
            step: of the batch, from 1.
            ending: the last activation that was called in the pass; calls: how often one of its kind was.
        """
        mode, (inputs, output) = self._mode, self._pass
        self.close()
        self._pass = (None, None)
        if self._taken or (inputs is None and output is None):
            return
        self._taken = True
        self._compare(inputs, output)
        compared, target, factor = output, None, math.nan
        if mode is not None:
            pair = self._pair(mode, output, loss)
            if pair is not None:
                compared, target, factor = pair
        if compared is not None and compared.ndim and compared.numel():
            ends = ending is not None and _equal(compared, ending.output)
            answer = Answer(step, _cut(compared), ending if ends else None, calls if ends else 0)
            if compared.requires_grad:
                compared.register_hook(lambda g: answer.gradient.append(_cut(g)))
            self.first, self.last = self.first or answer, answer
        if self.wanted and mode is not None:
            x = None if inputs is None else _cut(inputs)
            o, y = (None, None) if compared is None or target is None else (_cut(compared), _cut(target))
            rows = len(target) if target is not None and target.ndim else 0
            self.batches.append(Batch(step, x, o, y, factor, rows))

    def _compare(self, inputs: Tensor | None, output: Tensor | None) -> None:
        """Count looks in which inputs differed and answers did not."""
        if inputs is None or output is None or len(inputs) != len(output) or len(inputs) < 2:
            return
        x, y = inputs.detach(), output.detach()
        if not bool((x != x[:1]).any()):
            return
        alike = bool((y == y[:1]).all())  # a NaN is unlike itself
        self.same, self.same_inputs = (self.same + 1, self.same_inputs + len(x)) if alike else (0, 0)

    def _pair(self, mode: Between, output: Tensor | None, loss: Tensor) -> tuple[Tensor, Tensor, float] | None:
        """(output, target, factor) as the loss had them."""
        value = -float(loss.detach()) if self._up else float(loss.detach())
        own = self._copy()
        known_calls = [c for c in mode.losses if c.output.requires_grad]
        if own is not None and output is not None:
            for target in [*(c.target for c in known_calls), *mode.candidates]:
                factor = _factor(value, _call(own, output, target))
                if factor == factor:
                    self.loss_fn = own
                    return output, target, factor
        same = [c for c in known_calls if _factor(value, c.value) == 1.0] or known_calls
        if len(same) != 1:
            return None  # several losses at once: none of them is the loss
        self.loss_fn, self.family = same[0].again, same[0].family
        return same[0].output, same[0].target, _factor(value, same[0].value)

    def _copy(self) -> Loss | None:
        """The user's loss function with state of its own, so that calling it leaves no trace."""
        if self._private is None and callable(self._own):
            self._private = _without_trace(self._own, self.model, self._optimizer)
        return self._private


def _factor(backward: float, loss: float) -> float:
    """1, or 1 over the number of parts of an accumulated gradient, or minus that; nan for another ratio.

    Example:
        >>> _factor(2.0, 2.0), _factor(0.5, 2.0), _factor(-2.0, 2.0), _factor(0.7, 2.0)
        (1.0, 0.25, -1.0, nan)
    """
    if not (math.isfinite(backward) and math.isfinite(loss)) or loss == 0 or backward == 0:
        return 1.0 if backward == loss else math.nan
    parts = loss / backward
    whole = round(parts)
    return 1 / whole if 1 <= abs(whole) <= PARTS and abs(parts - whole) <= SAME * abs(whole) else math.nan


def _call(loss_fn: Loss, output: Tensor, target: Tensor) -> float:
    try:
        with torch.no_grad(), random_state_kept(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return float(loss_fn(output.detach(), target.detach()))
    except Exception:  # not its target, or a loss that needs more
        return math.nan


def _without_trace(loss_fn: Any, model: nn.Module, optimizer: Any) -> Loss | None:
    if isinstance(loss_fn, nn.Module):
        try:
            return copy.deepcopy(loss_fn)
        except Exception:  # a module that cannot be copied is not called
            return None
    pairs = [(model, model), (optimizer, optimizer)]
    if isinstance(loss_fn, types.FunctionType):  # large things it refers to are shared
        cells = [c.cell_contents for c in loss_fn.__closure__ or () if _filled(c)]
        names = [loss_fn.__globals__.get(name) for name in loss_fn.__code__.co_names]
        pairs += [(m, m) for m in (*cells, *names) if isinstance(m, nn.Module)]
    try:
        found: Loss = private(loss_fn, known(*pairs))
    except Exception:
        return None
    return found


def _filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _cut(x: Tensor) -> Tensor:
    """Its first rows, detached and copied."""
    rows = max(2, VALUES * len(x) // max(x.numel(), 1)) if x.ndim else 1
    return x.detach()[:rows].clone() if x.ndim else x.detach().clone()


def _equal(output: Tensor, other: Tensor) -> bool:
    if output is other:
        return True
    return output.numel() == other.numel() and torch.equal(output.detach().flatten(), other.detach().flatten())


def _tensor(output: Any) -> Tensor | None:
    """What a model gave, where it is a tensor or says which of its parts are the logits."""
    output = output if isinstance(output, Tensor) else getattr(output, "logits", None)
    return output if isinstance(output, Tensor) and output.ndim else None
