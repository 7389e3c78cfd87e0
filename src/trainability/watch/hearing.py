"""What a watch hears of every backward pass: the loss, and where the looks and the sharpness begin."""

from __future__ import annotations

import math
import weakref
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from trainability.watch.losses import Losses
from trainability.watch.origin import nonfinite_origin
from trainability.watch.unwrap import unwrapped

if TYPE_CHECKING:
    from trainability.watch.live import Watch

HELD = 64  # losses that wait on an accelerator before they are fetched
STARVED = 102  # backward passes without a step before the order is judged all the same


class Hearing:
    """The listener that `watch.patch` calls; it does not keep its watch alive.

    Args:
        watch: whose it is.
        losses: takes every loss.
    """

    def __init__(self, watch: Watch, losses: Losses) -> None:
        self._watch, self.losses = weakref.ref(watch), losses
        self.wants_end = True
        self.quick = False  # nothing but the loss is wanted of the next backward
        self.told = False  # losses are said by hand
        self.scaler = False  # a GradScaler was seen
        self.origin = ""  # of a loss that was not finite
        self.sentinels: list[Tensor] = []
        self._scaled: tuple[Any, Any] | None = None
        self._value: Any = None
        self._marks: tuple[Any, ...] = ()
        self._starved = 0

    def begin(self, parameters: list[Tensor]) -> None:
        """Whose gradients tell whether a backward was the model's own: those of a few parameters."""
        self.sentinels = [parameters[i] for i in sorted({0, len(parameters) // 2, len(parameters) - 1}) if parameters]

    def off(self) -> None:
        """Let go of what was heard last."""
        self.quick = False
        self._scaled = self._value = None

    def on_cpu(self) -> bool:
        """Whether reading a loss waits for nothing."""
        return all(p.device.type == "cpu" for p in self.sentinels)

    def scaled(self, result: Any, given: Any) -> None:
        """A GradScaler multiplied a loss."""
        if isinstance(given, Tensor) and result is not given:
            self._scaled, self.quick, self.scaler = (result, given), False, True

    def backward_begins(self, root: Any) -> None:
        """A backward pass is about to start at `root`."""
        if self.quick:  # nearly every step: the one thing to do is to read the loss
            try:
                value = root.item()
                if value - value == 0.0:
                    self.losses.parts.append(value)
                    return
            except (AttributeError, RuntimeError, ValueError):
                pass
        watch = self._watch()
        if watch is None:
            return
        try:
            self._value = None
            loss = self._unscaled(root)
            watch.looker.backward_begins(loss, watch.step + 1)
            if loss is None:
                return
            if not self.told:
                self._value = loss
                self._find_origin(loss, watch)
            watch.measure_sharpness(loss)
            if self.wants_end:
                self._marks = self._gradients()
            else:
                self._keep_value(watch)
        except Exception as error:
            watch.fail(error)

    def backward_ended(self, root: Any) -> None:
        """A backward pass is over."""
        watch = self._watch()
        if watch is None:
            return
        try:
            if self._gradients() != self._marks:  # else it was another model's
                self._keep_value(watch)
            self._value = self._scaled = None
            if watch.step == 0:
                self._starved += 1
                if self._starved == STARVED:
                    watch.starved()
        except Exception as error:
            watch.fail(error)

    def add(self, loss: Tensor, watch: Watch) -> None:
        """Take one loss."""
        if loss.device.type == "cpu":
            value = float(loss.detach())
            self.losses.parts.append(value)
            if not math.isfinite(value):
                watch.attend_next()
        elif self.losses.wait(loss) >= HELD:
            watch.attend_next()

    def _keep_value(self, watch: Watch) -> None:
        if self._value is not None:
            self.add(self._value, watch)
            self._value = None

    def _find_origin(self, loss: Tensor, watch: Watch) -> None:
        on_cpu = loss.device.type == "cpu"
        if on_cpu and not self.losses.seen_nonfinite and not self.origin and not math.isfinite(loss.item()):
            own = unwrapped(watch.model)
            self.origin = nonfinite_origin(loss, [*own.parameters(), *own.buffers()])

    def _gradients(self) -> tuple[Any, ...]:
        """Which gradients there are at a few parameters, and how often each was changed."""
        return tuple([None if g is None else (id(g), g._version) for g in (p.grad for p in self.sentinels)])

    def _unscaled(self, root: Any) -> Tensor | None:
        if isinstance(root, (tuple, list)) and len(root) == 1:
            root = root[0]
        if self._scaled is not None and root is self._scaled[0]:
            root = self._scaled[1]
        return root if isinstance(root, Tensor) and root.numel() == 1 else None


def rank() -> int:
    """Of this process in its group; 0 without one."""
    distributed = torch.distributed
    return distributed.get_rank() if distributed.is_available() and distributed.is_initialized() else 0
