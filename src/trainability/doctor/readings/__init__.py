"""What was measured of a Setup, as plain records: the only thing that rules ever see.

Every field has a default, and the defaults together are those of a small healthy classifier, so that an
example for a rule states just what is special about it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from trainability.doctor.readings.answers import AnswersReading
from trainability.doctor.readings.averages import AveragesReading
from trainability.doctor.readings.biases import BiasReading
from trainability.doctor.readings.capacity import CapacityReading
from trainability.doctor.readings.curvature import CurvatureReading
from trainability.doctor.readings.data import DataReading
from trainability.doctor.readings.graph import (
    AlignmentReading,
    BadGradientReading,
    CutReading,
    GraphReading,
    MixingReading,
    UnregisteredReading,
    WiringReading,
)
from trainability.doctor.readings.held_out import HeldOutReading
from trainability.doctor.readings.labels import LabelReading, LearnerReading
from trainability.doctor.readings.loop import LoopReading
from trainability.doctor.readings.loss import LossReading
from trainability.doctor.readings.motion import MotionReading
from trainability.doctor.readings.noise import NoiseReading
from trainability.doctor.readings.optimizer import OptimizerReading
from trainability.doctor.readings.pull import PullReading
from trainability.doctor.readings.response import ResponseReading
from trainability.doctor.readings.run import NAN, RunReading
from trainability.doctor.readings.schedule import ScheduleReading
from trainability.doctor.readings.sight import SightReading
from trainability.doctor.readings.snapshot import LayerReading, OutputReading, Role, Snapshot, WeightReading
from trainability.doctor.readings.split import SplitReading
from trainability.doctor.readings.values import ValuesReading

__all__ = [
    "NAN",
    "AlignmentReading",
    "AnswersReading",
    "AveragesReading",
    "BadGradientReading",
    "BiasReading",
    "CapacityReading",
    "CurvatureReading",
    "CutReading",
    "DataReading",
    "GraphReading",
    "HeldOutReading",
    "LabelReading",
    "LayerReading",
    "LearnerReading",
    "LoopReading",
    "LossReading",
    "MixingReading",
    "MotionReading",
    "NoiseReading",
    "OptimizerReading",
    "OutputReading",
    "PullReading",
    "Readings",
    "ResponseReading",
    "Role",
    "RunReading",
    "ScheduleReading",
    "SightReading",
    "Snapshot",
    "SplitReading",
    "UnregisteredReading",
    "ValuesReading",
    "WeightReading",
    "WiringReading",
]


@dataclass(frozen=True)
class Readings:
    """All that rules may look at.

    Args:
        task: what is learned.
        data, loss, optimizer: the Setup's parts.
        start, early, end: the run on the weights as given: before the first step, at a tenth of the budget at most,
            and at its end; `healthy` is the start of the same network with He's initializer.
        curvature: at the start, or early for an adaptive rule; None where it could not be measured.
        response: how the untrained network answers to inputs that are mixed and scaled.
        motion: the last steps of the run on the weights as given; None where it broke before.
        runs: the unchanged Setup's runs, the weights as given first, then one per fresh seed.
        labels: what ties labels to inputs; capacity: how much of the input the network lets through.
        split: how validation data differ from training data; None where it was not asked, which is so unless runs failed.
        answers: what the loss makes of answers made from the targets; None where it could not be asked.
        pull, end_pull: what a step of the user's own trains with, beside the loss, at the start and the end; None without.
        held_out: the network on training rows left out of training, beside validation rows; noise: whether training labels
            are noisier than validation labels; both None unless runs learned and then failed on validation data.
        averages: what batch normalisation's running averages hold; None where eval mode keeps what training gained.
        schedule: the learning rate along the run, where the user's own step may move it; else None.
        loop: what the user's own training step does; None where the Setup is trained by the standard step.
        graph: what the recorded computation shows: tensors trained by nobody, broken gradients, misplaced samples.
        sight: which places of the input reach the output, and whether their order does; biases: what a network without
            any cannot say; values: whether whole numbers are quantities. All three where runs failed.
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
    response: ResponseReading = field(default_factory=ResponseReading)
    motion: MotionReading | None = field(default_factory=MotionReading)
    runs: tuple[RunReading, ...] = (RunReading(),)
    labels: LabelReading = field(default_factory=LabelReading)
    capacity: CapacityReading = field(default_factory=CapacityReading)
    split: SplitReading | None = None
    loop: LoopReading | None = None
    graph: GraphReading = field(default_factory=GraphReading)
    sight: SightReading = field(default_factory=SightReading)
    biases: BiasReading = field(default_factory=BiasReading)
    values: ValuesReading = field(default_factory=ValuesReading)
    cut: bool = False
    averages: AveragesReading | None = None
    schedule: ScheduleReading | None = None
    held_out: HeldOutReading | None = None
    noise: NoiseReading | None = None
    answers: AnswersReading | None = None
    pull: PullReading | None = None
    end_pull: PullReading | None = None

    @property
    def failed(self) -> float:
        """Share of runs that diverged, stalled, learned little, lost it in eval mode, or to a constant answer on new data."""
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
    return learned and run.keeps and run.generalises
