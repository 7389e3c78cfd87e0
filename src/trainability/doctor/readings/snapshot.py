"""What one forward and one backward pass shows: layers, weights, output."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["weight", "activation", "norm"]
NAN = math.nan


@dataclass(frozen=True)
class LayerReading:
    """One layer's output over a sample of inputs, and the loss's gradient at it.

    Args:
        name: the module's path, or the path and the function where a function was called.
        kind: "linear", "conv2d", "relu", "sigmoid", "softmax", ...
        role: whether it holds weights, is an activation, or normalises.
        units: number of units (channels for a convolution).
        mean_square: mean of squares over inputs and units.
        share_across_inputs: share of the mean square that is variance across inputs, in [0, 1].
        dead: share of units that are 0 for every input; nan unless the activation has a flat zero part.
        always_on: share of units above 0 for every input; nan as for `dead`.
        saturated: share of values where the activation's slope is under 5% of its largest; nan for others.
        gradient: root mean square of the loss's gradient with respect to this output.
        cosine: mean cosine between the outputs for two inputs; rank: how many directions the outputs of up to 128
            inputs fill (stable rank, 1 to 128); both of layers with weights only, else nan.
    """

    name: str
    kind: str
    role: Role
    units: int = 64
    mean_square: float = 1.0
    share_across_inputs: float = 0.5
    dead: float = NAN
    always_on: float = NAN
    saturated: float = NAN
    gradient: float = 1e-3
    cosine: float = NAN
    rank: float = NAN

    @property
    def rms(self) -> float:
        """Root mean square of the output."""
        return math.sqrt(self.mean_square)

    @property
    def signal(self) -> float:
        """Root mean square of the part that differs between inputs."""
        share = self.share_across_inputs if math.isfinite(self.share_across_inputs) else 0.0
        return math.sqrt(self.mean_square * share)


@dataclass(frozen=True)
class WeightReading:
    """One parameter tensor.

    Args:
        name: as in `model.named_parameters()`.
        shape: of the tensor.
        says: the scheme it looks like, in words ("U[-1, 1]").
        matches: the standard initializer it matches, if any.
        std, mean: of its values; root-mean-square update and gradient beside them.
        he_std: the standard deviation He's initializer would give; nan for vectors.
        kind: "zeros", "constant", "uniform", "normal", "orthogonal", "other".
        gradient: root mean square of the loss's gradient; nan where none arrived.
        update: relative size of the first step, |change| / |weight|; nan if unknown.
        trainable: requires_grad.
        held: whether the optimizer holds it.
        identical_rows: share of units (rows) that equal another one.
        values: up to 2000 of its values, for the picture.
    """

    name: str
    shape: tuple[int, ...]
    says: str = "N(0, 0.177²)"
    matches: str | None = "he_normal"
    std: float = 0.177
    mean: float = 0.0
    he_std: float = 0.177
    kind: str = "normal"
    gradient: float = 1e-3
    update: float = 1e-3
    trainable: bool = True
    held: bool = True
    identical_rows: float = 0.0
    values: tuple[float, ...] = ()

    @property
    def is_matrix(self) -> bool:
        """Whether it is a weight with fan_in and fan_out, and not a bias or a scale."""
        return len(self.shape) >= 2


@dataclass(frozen=True)
class OutputReading:
    """The model's answers over the sample.

    Args:
        columns: outputs per input.
        form: "probabilities", "independent-probabilities", "log-probabilities", "values".
        activation: the function the model ends with ("softmax", "sigmoid", "relu", "tanh", "log_softmax"), or "".
        path: that activation's module path, "" where it is called as a function.
        calls: how many times that kind of activation is called in one pass; the last call is the ending.
        reused: whether the activation's module is called more than once.
        rms: of what goes into it (the logits), or of the output where there is none.
        low, high: range of the outputs.
        top2_gap: median over inputs of the largest minus the second largest logit; nan for one column.
        max_probability: median over inputs of the largest probability; nan where there are none.
        same_class: share of inputs given the most frequent class; nan for a regression.
        spread: standard deviation of the outputs across inputs, root mean square over columns.
        gradient: root mean square, over inputs and columns, of the gradient of the loss at the logits, times the
            number of inputs.
        saturated: share of outputs on the flat parts of a last sigmoid or tanh; nan for other endings.
        silent: share of columns that are 0 for every input behind a last ReLU; nan for other endings.
    """

    columns: int = 10
    form: str = "values"
    activation: str = ""
    path: str = ""
    calls: int = 1
    reused: bool = False
    rms: float = 0.3
    low: float = -1.0
    high: float = 1.0
    top2_gap: float = 0.2
    max_probability: float = NAN
    same_class: float = 0.3
    spread: float = 0.3
    gradient: float = 0.3
    saturated: float = NAN
    silent: float = NAN


@dataclass(frozen=True)
class Snapshot:
    """Everything one forward and one backward pass showed, at one step of one run.

    Args:
        step: optimizer steps taken before.
        loss: on the sample.
        gradient_norm: of the sample's loss over all parameters.
        movement: |weights - weights at the start| / |weights at the start|, over all parameters.
    """

    step: int = 0
    loss: float = 2.3
    gradient_norm: float = 0.5
    movement: float = 0.0
    layers: tuple[LayerReading, ...] = ()
    weights: tuple[WeightReading, ...] = ()
    output: OutputReading = field(default_factory=OutputReading)

    def of(self, role: Role) -> tuple[LayerReading, ...]:
        """The layers of one role, in order of execution."""
        return tuple(layer for layer in self.layers if layer.role == role)
