"""One look: layers, weights, dead units and the batch, in a step of the user's own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from trainability.watch import records
from trainability.watch.batches import BatchProbe
from trainability.watch.layers import DeadUnits, LayerProbe
from trainability.watch.losses import Losses
from trainability.watch.state import NAN, Sample
from trainability.watch.unwrap import unwrapped
from trainability.watch.updates import UpdateProbe


class Looker:
    """Is armed before a step, sees its passes and its change of the weights, and is gone again after it.

    Args:
        model, optimizer, loss_fn: the user's.
    """

    def __init__(self, model: nn.Module, optimizer: Any, loss_fn: Any) -> None:
        self.optimizer = optimizer
        self.layers = LayerProbe(model)
        self.updates = UpdateProbe(unwrapped(model))
        self.batches = BatchProbe(model, loss_fn, optimizer)
        self.dead = DeadUnits()
        self.first: Sample | None = None
        self.last: Sample | None = None
        self.ratios: deque[float] = deque(maxlen=5)
        self.armed = self.lr_seen = False
        self._before: list[Any] = []
        self._names: Any = None

    def arm(self, before_step: Callable[[Any], Callable[..., None]], watch: Any) -> None:
        """Be ready for the next step.

        Args:
            before_step: makes a hook that calls `step_begins` of what it is given.
            watch: a weak reference to it.
        """
        self.armed = True
        self.layers.attach()
        self.batches.attach()
        if self.optimizer is not None and not self._before:
            self._before = [self.optimizer.register_step_pre_hook(before_step(watch))]

    def off(self) -> None:
        """Take everything away."""
        self.armed = False
        for hook in self._before:
            hook.remove()
        self._before = []
        self.layers.detach()
        self.batches.detach()

    def backward_begins(self, loss: Tensor | None, step: int) -> None:
        """The pass is over; what the loss is made of is known."""
        self.layers.backward_begins()
        if self.armed and loss is not None:
            ending = self.layers.ending
            calls = sum(r.kind == ending.kind for r in self.layers.readings) if ending is not None else 0
            self.batches.backward_begins(loss, step, ending, calls)

    def step_begins(self) -> None:
        """The optimizer is about to step."""
        self.batches.close()
        self.updates.before()

    def look(self, step: int, seconds: float, losses: Losses, lrs: list[float]) -> list[dict[str, Any]]:
        """Read what was seen of the step that has just ended.

        Args:
            step: its number; seconds: since the beginning.
            losses: of the run; lrs: the present learning rates.

        Returns:
            Records for the sinks.
        """
        scale = getattr(self.optimizer, "grad_scale", None)
        layers = self.layers.finish()
        self.off()
        weights, norm = self.updates.after(float(scale) if scale is not None else 1.0)
        self.dead.add(self.layers.masks)
        loss, count = losses.fresh()
        self.lr_seen = self.lr_seen or any(lr != 0 for lr in lrs)
        sample = Sample(
            step=step,
            loss=loss,
            lr=max(lrs, default=NAN),
            gradient_norm=norm,
            layers=layers,
            weights=weights,
            seconds=seconds,
        )
        ways = [x.gradient for x in sample.of("weight") if x.gradient == x.gradient]
        if len(ways) >= 4 and ways[-1] > 0:
            self.ratios.append(ways[0] / ways[-1])
        self.first = self.first or sample
        self.last = sample
        written = []
        names = records.names(sample)
        if names != self._names:
            self._names = names
            written.append(names)
        return [*written, records.look(sample, count, losses.outcome(), self.dead.now(), self.layers.beside)]
