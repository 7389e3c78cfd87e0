"""Why a run of "uniform-ranges" failed, by rule from what was measured at its start and at its end."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, log
from typing import Literal

from trainability.measures.outcome import Outcome

BLOCKED = 0.95
"""Share of a hidden layer's units (ReLU) or activations (sigmoid) from which the layer passes nothing on."""

Cause = Literal["softmax", "saturated", "dead", "vanished", "too slow", "too fast", "not finite"]

LETTERS: dict[Cause, str] = {
    "softmax": "S", "saturated": "A", "dead": "D", "vanished": "V", "too slow": "L", "too fast": "H", "not finite": "X",
}  # fmt: skip
"""Cause -> letter in the figure; the first four are small letters where training brought them about."""


@dataclass(frozen=True)
class Reading:
    """A network at one moment, on the same images for all.

    Args:
        loss: mean over images.
        gap: median over images that are classified wrongly of the largest logit less the second; 0 if there is none.
        dead: largest share over hidden layers of ReLU units that are off for every image; 0 for sigmoids.
        saturated: largest share over hidden layers of activations whose slope is below 5% of the greatest; 0 for ReLUs.
        signal: squared norm of the gradient that tells inputs apart, that of the errors less their mean over images.
        accuracy: share of images classified correctly.
    """

    loss: float
    gap: float
    dead: float
    saturated: float
    signal: float
    accuracy: float


@dataclass(frozen=True)
class Case:
    """One run, as far as the rule looks at it.

    Args:
        outcome: by `measures.outcome`.
        start, end: readings before the first and after the last step.
        lr: learning rate; limit: 2 over the sharpness at the start, inf where nothing curves up.
        greatest: the largest lr of the study.
        steps: the budget.
        target: loss at which a run has trained.
        bounded: whether the loss is one that softmax can block, as squared error is and cross-entropy is not.
    """

    outcome: Outcome
    start: Reading
    end: Reading
    lr: float
    limit: float
    greatest: float
    steps: int
    target: float
    bounded: bool


@dataclass(frozen=True)
class Mechanism:
    """Why a run failed.

    Args:
        cause: key of `LETTERS`.
        from_start: whether the network was drawn like that; False if it became so, or the lr is the cause.
    """

    cause: Cause
    from_start: bool = False

    @property
    def letter(self) -> str:
        """What the figure says."""
        letter = LETTERS[self.cause]
        became = not self.from_start and self.cause in ("softmax", "saturated", "dead", "vanished")
        return letter.lower() if became else letter


def blocked(now: Reading, case: Case) -> Cause | None:
    """What keeps a network from learning at any learning rate, if anything does.

        dead         95% of a layer's ReLU units are off for every image
        saturated    95% of a layer's sigmoid activations are flat
        softmax      squared error, and the median wrong image has a gap between its two largest logits above ln(steps)
        vanished     lr steps |signal|² < loss - target at the largest lr that is stable and in the study

    Squared error pulls at a logit with exp(-gap); at the stability limit a step moves a logit by about as much, so that to
    close the gap takes exp(gap) steps. The last line is the fall of the loss to first order if the gradient stayed as it is.

    Args:
        now: a reading.
        case: the run it belongs to.

    Returns:
        A cause, or None.

    >>> thin = Reading(2.3, 0.01, 0.0, 0.0, 1e-6, 0.1)
    >>> blocked(thin, Case("stalled", thin, thin, 0.1, 0.8, 1.0, 1500, 1.15, False))
    'vanished'
    """
    if now.dead >= BLOCKED:
        return "dead"
    if now.saturated >= BLOCKED:
        return "saturated"
    if case.bounded and now.gap > log(case.steps):
        return "softmax"
    reach = min(case.limit, case.greatest) * case.steps * now.signal
    return "vanished" if reach < now.loss - case.target else None


def mechanism(case: Case) -> Mechanism | None:
    """Why a run failed, None if it trained; the first that holds.

        not finite   the run left the numbers
        blocked      at the start, and at the end as well: it was drawn like that
        blocked      at the end: it became so in training
        too fast     lr above the limit of the start, or the run diverged
        too slow     none of these: there is a gradient, and lr is below the limit; steps or lr are short

    Args:
        case: one run.

    Returns:
        Mechanism or None.

    >>> fine, dead = Reading(2.3, 0.2, 0.05, 0.0, 0.1, 0.1), Reading(2.3, 0.0, 1.0, 0.0, 0.0, 0.1)
    >>> mechanism(Case("stalled", fine, dead, 1.0, 0.3, 1.0, 1500, 1.15, False)).letter
    'd'
    """
    if case.outcome == "trained":
        return None
    if not isfinite(case.end.loss):
        return Mechanism("not finite")
    first = blocked(case.start, case)
    last = blocked(case.end, case)
    if first is not None and last is not None:
        return Mechanism(first, from_start=True)
    if last is not None:
        return Mechanism(last)
    if case.lr > case.limit or case.outcome == "diverged":
        return Mechanism("too fast")
    return Mechanism("too slow")


def limit_of(sharpness: float) -> float:
    """The largest stable lr of plain SGD, 2 / sharpness; inf where nothing curves up.

    >>> limit_of(4.0), limit_of(-1.0)
    (0.5, inf)
    """
    return 2 / sharpness if sharpness > 0 else inf
