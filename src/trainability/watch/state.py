"""What is known of a live run at one moment, as plain records: the only thing that alarms ever see."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from trainability.doctor.readings import CurvatureReading, LayerReading
from trainability.measures.outcome import Outcome

NAN = math.nan
SETTLED = 100
"""Steps before a run's loss says anything about what becomes of it."""

PATIENT = 1000
"""Steps after which a run that goes on and has learned nothing is in trouble; one that ends is before."""


@dataclass(frozen=True)
class Weight:
    """One parameter tensor over one optimizer step.

    Args:
        name: as in `model.named_parameters()`.
        matrix: whether it has fan_in and fan_out.
        size: root mean square of its values; update: |change| / |weight| in the step; gradient: root mean square.
    """

    name: str
    matrix: bool = True
    size: float = 0.1
    update: float = 1e-3
    gradient: float = 1e-3


@dataclass(frozen=True)
class Sample:
    """One step that was looked at.

    Args:
        step: its number, from 1.
        loss: mean since the look before; lr: the largest among the optimizer's groups.
        gradient_norm: over all weights, as the optimizer used it.
        layers: what the forward and backward pass showed; empty where they could not be seen.
        weights: every parameter tensor.
        seconds: since the beginning.
    """

    step: int = 1
    loss: float = 2.3
    lr: float = 0.1
    gradient_norm: float = 0.5
    layers: tuple[LayerReading, ...] = ()
    weights: tuple[Weight, ...] = ()
    seconds: float = 0.0

    def of(self, role: str) -> tuple[LayerReading, ...]:
        """The layers of one role, in order of execution."""
        return tuple(layer for layer in self.layers if layer.role == role)

    @property
    def update(self) -> float:
        """Median over matrices of |change| / |weight|; nan where there is none."""
        found = sorted(w.update for w in self.weights if w.matrix and w.update == w.update)
        return found[len(found) // 2] if found else NAN


@dataclass(frozen=True)
class Dead:
    """Units of one ReLU layer that answered 0 to every input of the last looks.

    Args:
        name: the layer's; units: how many it has.
        share: dead over the last `inputs` inputs; share_first: over the first ones that many.
        inputs: 0 before enough were seen.
    """

    name: str
    units: int = 64
    share: float = 0.0
    share_first: float = 0.0
    inputs: int = 0


@dataclass(frozen=True)
class Order:
    """What the loop was seen doing in the steps that were followed event by event.

    Args:
        steps: optimizer steps among them, the first of a stretch left out.
        uncleared: steps whose backward added to the gradients of the step before.
        emptied: steps whose gradients had been cleared after the backward.
        unreached: steps with a backward that reached none of the model's parameters.
        unbacked: steps without any backward.
        backwards: backward passes in a row without a step, at the end.
    """

    steps: int = 0
    uncleared: int = 0
    emptied: int = 0
    unreached: int = 0
    unbacked: int = 0
    backwards: int = 0


@dataclass(frozen=True)
class State:
    """A live run at one moment.

    Args:
        step: optimizer steps taken.
        outcome: so far, by the rules for whole runs; None where the loss is not known or too short.
        start_loss, recent_loss, peak_loss, constant_loss, target: nan where not known.
        trend: relative change of the loss from the third quarter to the last quarter of the run.
        nonfinite: losses in a row, up to now, that were not finite.
        nonfinite_weights: parameter tensors with a value that is not finite.
        nonfinite_data: where in the data a value is not finite, in words; "" where none was seen.
        first, last: the first and the newest look.
        ratios: gradient at the first weight layer over that at the last one, for the last looks.
        dead: ReLU layers.
        order: of the loop's events.
        optimizer: its class; normalised: whether a step moves a weight by about lr whatever the gradient's size;
            weight_decay: the largest among its groups.
        trainable, missing, foreign: the model's trainable tensors, those that the optimizer lacks, and how many it holds
            that are not the model's.
        zero_lr: steps in a row with every learning rate 0.
        steps_on: whether an optimizer was given.
        curvature: newest, of the present mini-batch's loss.
        same: looks in a row, the newest among them, in which the model gave one answer for all inputs although these
            differ; same_inputs: how many inputs these were.
        ended: whether the run is over.
    """

    step: int = 400
    outcome: Outcome | None = "learning"
    start_loss: float = 2.3
    recent_loss: float = 1.2
    peak_loss: float = 2.3
    constant_loss: float = NAN
    target: float = 1.15
    trend: float = -0.1
    nonfinite: int = 0
    nonfinite_weights: tuple[str, ...] = ()
    nonfinite_data: str = ""
    first: Sample = field(default_factory=Sample)
    last: Sample = field(default_factory=Sample)
    ratios: tuple[float, ...] = ()
    dead: tuple[Dead, ...] = ()
    order: Order = field(default_factory=Order)
    optimizer: str = "SGD"
    normalised: bool = False
    weight_decay: float = 0.0
    trainable: int = 8
    missing: tuple[str, ...] = ()
    foreign: int = 0
    zero_lr: int = 0
    steps_on: bool = True
    curvature: CurvatureReading | None = None
    same: int = 0
    same_inputs: int = 0
    ended: bool = False

    @property
    def trouble(self) -> bool:
        """Whether the run has gone wrong, so that what may be behind it can be told: it diverged, or ended in a stall."""
        if self.outcome == "diverged":
            return self.ended or self.step >= SETTLED or self.nonfinite >= 3
        return self.outcome == "stalled" and self.step >= (SETTLED if self.ended else PATIENT)

    @property
    def stuck(self) -> bool:
        """Whether the run has had time and has learned nothing: alarms about symptoms speak only then."""
        return self.step >= SETTLED and self.outcome in ("stalled", "diverged")

    @property
    def rise(self) -> float:
        """The recent loss over the loss at the start, where both are above 0; nan otherwise."""
        if self.recent_loss != self.recent_loss and self.nonfinite:
            return math.inf
        return self.recent_loss / self.start_loss if self.start_loss > 0 and self.recent_loss > 0 else NAN
