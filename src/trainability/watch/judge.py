"""What is known of a run at one moment, put together and judged."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from trainability.doctor.probes.optimizer import NORMALISED
from trainability.watch import alarms, patch, rules
from trainability.watch.first_weights import FirstWeights
from trainability.watch.seen import NOTHING, Seen, readings, seen
from trainability.watch.state import NAN, Order, Sample, State
from trainability.watch.unwrap import unwrapped

if TYPE_CHECKING:
    from trainability.watch.live import Watch

# Reading the batches takes about ten milliseconds: it waits until that is a hundredth of the run, or a look at a step from
# which the outcome will soon be asked for.
STEP, SECONDS = 50, 1.0


class Judge:
    """Alarms and rules over one watch.

    Args:
        model: the user's.
    """

    def __init__(self, model: nn.Module) -> None:
        self.first_weights: FirstWeights | None = None
        self._model = model
        self._seen: Seen | None = None
        self._read_at, self._read_of = 0, 0
        self._told_trouble = False

    def begin(self, optimizer: Any) -> None:
        """Keep the weights as they are now, which nothing has trained."""
        self.first_weights = FirstWeights(unwrapped(self._model), optimizer)

    def resumed(self) -> None:
        """The run began before: what is seen first is not how it began."""
        self.first_weights = None

    def judge(self, watch: Watch, *, ended: bool = False) -> None:
        """Report what can be said now.

        Args:
            watch: its probes and losses are read, and it takes the findings.
            ended: whether the run is over.
        """
        fresh = self._read(watch, ended)
        now = state(watch, ended=ended)
        for finding in alarms.judge(now):
            watch.ledger.take(finding, watch.step)
        trouble = now.trouble and (ended or not self._told_trouble)
        if not (fresh or trouble):
            return
        self._told_trouble = self._told_trouble or trouble
        looker = watch.looker
        layers = looker.layers.whole if self.first_weights is not None else ()
        given = readings(now, self._seen or NOTHING, looker.batches, layers, self.first_weights)
        for finding in rules.judge(given, trouble=trouble, ended=ended):
            watch.ledger.take(finding, watch.step)

    def _read(self, watch: Watch, ended: bool) -> bool:
        """Read the batches where there are new ones and it is time; whether that was done."""
        probe = watch.looker.batches
        new = len(probe.batches) > self._read_of
        due = watch.step >= STEP or watch.seconds >= SECONDS
        again = not self._read_at or watch.step >= 4 * self._read_at
        failed = ended and watch.losses.outcome() in ("stalled", "diverged")
        if not new or not (failed or (due and again) or (ended and not self._read_at)):
            return False
        if watch.order is not None and watch.order.following:
            return False  # a constant answer is sought by backward passes, which are none of the loop's
        self._read_at, self._read_of = max(watch.step, 1), len(probe.batches)
        try:
            with patch.silence():
                self._seen = seen(probe.batches, probe.loss_fn, probe.family) or self._seen
        except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError):
            return False  # data or a loss of a kind that the probes do not know
        if self._seen is not None and math.isfinite(self._seen.constant):
            watch.losses.learn_constant(self._seen.constant)
        return self._seen is not None


def state(watch: Watch, *, ended: bool = False) -> State:
    """Everything that alarms may look at, now.

    Args:
        watch: a live one.
        ended: whether the run is over.

    Returns:
        State.
    """
    losses, looker, optimizer = watch.losses, watch.looker, watch.optimizer
    named = [(n, p) for n, p in unwrapped(watch.model).named_parameters() if p.requires_grad]
    mine = {id(p) for p in watch.model.parameters()}
    held = {id(p) for g in getattr(optimizer, "param_groups", ()) for p in g["params"]}
    row = losses.nonfinite
    first = looker.first or Sample(step=0, lr=max(watch.lrs(), default=NAN), loss=NAN)
    return State(
        step=watch.step,
        outcome=losses.outcome(),
        start_loss=losses.start,
        recent_loss=losses.recent,
        peak_loss=losses.peak,
        constant_loss=losses.constant,
        target=NAN if losses.target is None else losses.target,
        trend=losses.trend,
        nonfinite=row,
        nonfinite_weights=tuple(n for n, p in named if not bool(torch.isfinite(p.detach()).all())) if row else (),
        nonfinite_data=watch.hearing.origin,
        first=first,
        last=looker.last or first,
        ratios=tuple(looker.ratios),
        dead=looker.dead.now(),
        order=watch.order.found if watch.order is not None else Order(),
        optimizer=type(optimizer).__name__ if optimizer is not None else "the optimizer",
        normalised=bool({k.__name__ for k in type(optimizer).__mro__} & NORMALISED),
        weight_decay=max(
            (float(g.get("weight_decay", 0.0)) for g in getattr(optimizer, "param_groups", ())), default=0.0
        ),
        trainable=len(named),
        missing=tuple(n for n, p in named if id(p) not in held) if optimizer is not None else (),
        foreign=len(held - mine),
        zero_lr=0 if looker.lr_seen or looker.last is None else watch.step,
        steps_on=optimizer is not None,
        curvature=watch.sharpness.newest,
        same=looker.batches.same,
        same_inputs=looker.batches.same_inputs,
        ended=ended,
    )
