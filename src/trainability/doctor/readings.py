"""What was measured of a Setup, as plain records: the only thing that rules ever see.

Every field has a default, and the defaults together are those of a small healthy classifier, so that an
example for a rule states just what is special about it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from trainability.measures.outcome import Outcome

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


@dataclass(frozen=True)
class DataReading:
    """The data, as given.

    Args:
        n: samples; -1 where a stream cannot say.
        features: numbers per input.
        input_rms: over all values.
        input_mean, input_std: mean and standard deviation over all values.
        feature_rms_low, feature_rms_high: the smallest and largest root mean square among features that vary.
        feature_offset: median over features that vary of |mean| / std.
        integer_inputs: whether inputs are indices (integers).
        nonfinite_inputs, nonfinite_targets: samples with a NaN or infinite value.
        target_mean, target_std: over all target values; target_low, target_high their range.
        classes: distinct classes; 0 for a regression.
        largest_class: share of the most frequent class; nan for a regression.
    """

    n: int = 1400
    features: int = 64
    input_rms: float = 1.0
    input_mean: float = 0.0
    input_std: float = 1.0
    feature_rms_low: float = 0.9
    feature_rms_high: float = 1.1
    feature_offset: float = 0.1
    integer_inputs: bool = False
    nonfinite_inputs: int = 0
    nonfinite_targets: int = 0
    target_mean: float = 4.5
    target_std: float = 2.9
    target_low: float = 0.0
    target_high: float = 9.0
    classes: int = 10
    largest_class: float = 0.1


@dataclass(frozen=True)
class OptimizerReading:
    """The optimizer and the budget.

    Args:
        name: its class's name.
        lrs: learning rate of each parameter group.
        adaptive: whether the step is rescaled per weight (Adam, RMSprop, ...); None for a rule not known here.
        normalised: whether one step moves a weight by about lr whatever the gradient's size.
        weight_decay, momentum: the largest among the groups.
        held, missing, foreign: how many of the model's trainable parameter tensors it holds, lacks, and how many it
            holds that are not the model's.
        trainable: the model's parameter tensors with requires_grad.
        batch_size, steps, epochs: the budget.
    """

    name: str = "SGD"
    lrs: tuple[float, ...] = (0.1,)
    adaptive: bool | None = False
    normalised: bool = False
    weight_decay: float = 0.0
    momentum: float = 0.0
    held: int = 8
    missing: tuple[str, ...] = ()
    foreign: int = 0
    trainable: int = 8
    batch_size: int = 32
    steps: int = 880
    epochs: int = 20

    @property
    def lr(self) -> float:
        """The largest learning rate among the groups."""
        return max(self.lrs, default=0.0)


@dataclass(frozen=True)
class CurvatureReading:
    """Largest algebraic eigenvalue of the Hessian (preconditioned for an adaptive rule) and the lr it allows.

    Args:
        sharpness: on the sample; batch_sharpness: on one mini-batch, the median of three.
        residual: of the sample's eigenpair, relative to it.
        converged: whether the residual is within tolerance.
        stable_lr: the largest lr that does not grow at this point on the sample's loss; batch_stable_lr likewise.
        step: optimizer steps taken before it was measured.
        preconditioned: whether it is of the preconditioned Hessian.
    """

    sharpness: float = 5.0
    batch_sharpness: float = 8.0
    residual: float = 1e-3
    converged: bool = True
    stable_lr: float = 0.4
    batch_stable_lr: float = 0.25
    step: int = 0
    preconditioned: bool = False

    @property
    def limit(self) -> float:
        """The smaller of the two stable learning rates."""
        return min(self.stable_lr, self.batch_stable_lr)


@dataclass(frozen=True)
class RunReading:
    """One baseline run, reduced to what rules need.

    Args:
        outcome: by the stated rules.
        start_loss, constant_loss, target, end_loss: L0, Lc, the loss to reach, the mean of the last tenth.
        best_loss: smallest mean over any twentieth of the run.
        peak_loss: largest loss of the first fifth, averaged over 16 samples where batches are smaller.
        late_slope: relative change of the smoothed loss over the last third, (after - before) / before.
        score, constant_score: accuracy or R2 at the end, and of the best constant answer.
        validation_loss, validation_constant_loss: nan without validation data.
    """

    outcome: Outcome = "trained"
    start_loss: float = 2.35
    constant_loss: float = 2.30
    target: float = 1.15
    end_loss: float = 0.05
    best_loss: float = 0.05
    peak_loss: float = 2.35
    late_slope: float = -0.2
    score: float = 0.98
    constant_score: float = 0.1
    validation_loss: float = NAN
    validation_constant_loss: float = NAN

    @property
    def skill(self) -> float:
        """Share of what a constant answer leaves open: (score - constant) / (1 - constant)."""
        return (self.score - self.constant_score) / max(1 - self.constant_score, 1e-9)

    @property
    def generalises(self) -> bool:
        """Whether it beats the best constant answer on validation data; True without any."""
        return not self.validation_loss >= self.validation_constant_loss


@dataclass(frozen=True)
class LossReading:
    """The loss function, as recognised by its values.

    Args:
        family, factor, offset, broadcasts, one_hot, sums: see `setup.loss_family.LossFamily`.
        end_penalty: what the loss adds at the end of the run for the weights alone; 0 where it adds nothing.
        differentiable: whether any parameter gets a gradient from it.
        bounded: whether a best constant answer exists.
        output_shape, target_shape: of a batch, without the first dimension.
    """

    family: str = "cross-entropy"
    factor: float = 1.0
    offset: float = 0.0
    broadcasts: bool = False
    one_hot: bool = False
    sums: bool = False
    end_penalty: float = 0.0
    differentiable: bool = True
    bounded: bool = True
    output_shape: tuple[int, ...] = (10,)
    target_shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Readings:
    """All that rules may look at.

    Args:
        task: what is learned.
        data, loss, optimizer: the Setup's parts.
        start, early, end: the run on the weights as given: before the first step, at a tenth of the budget at most,
            and at its end; `healthy` is the start of the same network with He's initializer.
        curvature: at the start, or early for an adaptive rule; None where it could not be measured.
        runs: the unchanged Setup's runs, the weights as given first, then one per fresh seed.
        cut: whether the runs had fewer steps than the budget; what still learns then has not failed.
    """

    task: str = "multi-class"
    data: DataReading = field(default_factory=DataReading)
    loss: LossReading = field(default_factory=LossReading)
    optimizer: OptimizerReading = field(default_factory=OptimizerReading)
    start: Snapshot = field(default_factory=Snapshot)
    early: Snapshot | None = None
    end: Snapshot | None = None
    healthy: Snapshot | None = None
    curvature: CurvatureReading | None = field(default_factory=CurvatureReading)
    runs: tuple[RunReading, ...] = (RunReading(),)
    cut: bool = False

    @property
    def failed(self) -> float:
        """Share of runs that ended diverged or stalled, learned little, or lost to a constant answer on new data."""
        bad = [not _fine(run) and not (self.cut and run.outcome == "learning") for run in self.runs]
        return sum(bad) / max(len(bad), 1)

    @property
    def stable_lr(self) -> float:
        """The largest stable learning rate on the sample and on mini-batches; nan where it is not known."""
        return self.curvature.limit if self.curvature else NAN

    @property
    def stalled(self) -> float:
        """Share of runs that stalled."""
        return sum(r.outcome == "stalled" for r in self.runs) / max(len(self.runs), 1)

    @property
    def diverged(self) -> float:
        """Share of runs that diverged."""
        return sum(r.outcome == "diverged" for r in self.runs) / max(len(self.runs), 1)

    @property
    def fails(self) -> bool:
        """Whether at least a third of the runs failed: rules about symptoms speak only then."""
        return self.failed >= 1 / 3


def _fine(run: RunReading) -> bool:
    learned = run.outcome == "trained" or (run.outcome == "learning" and run.skill >= 0.5)
    return learned and run.generalises
